"""Matrices of bytes, packed for the compiled products."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.kernels.workspace import address_of
from models.model import Floats
from models.neural.int8.forward import ZERO_POINT, MatrixArgs
from models.neural.int8.panel import BYTES_PER_LANE, FACTORS_PER_STEP, PANEL_OUTPUTS

_SMALLEST_SCALE = np.float32(1e-30)
"""Rows of a matrix with a smaller scale are zero."""


class Int8Matrix:
    """A matrix [M, K] of whole numbers from -63 to 63, a scale for each row, and a bias [M]."""

    def __init__(self, weight: NDArray[np.floating], bias: Floats) -> None:
        """Round to the nearest. Raises InvalidInput where a number is not finite."""
        weight = weight.astype(np.float32, copy=False)
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise InvalidInput("weights", "finite numbers are accepted")
        self.outputs, self.inputs = weight.shape
        scales = np.abs(weight).max(1) / np.float32(ZERO_POINT - 1)
        whole = np.rint(weight / np.maximum(scales, _SMALLEST_SCALE)[:, None]).astype(np.int8)
        # sum (a - ZERO_POINT) w = sum a w - ZERO_POINT sum w
        offsets = ZERO_POINT * whole.sum(1, dtype=np.int32)
        self._panels = _pack_panels(whole, scales, offsets.astype(np.int32), bias)
        self.args = MatrixArgs(
            outputs=len(self._panels) * PANEL_OUTPUTS, inputs=self.inputs, panels=address_of(self._panels)
        )
        """For compiled code, valid as long as this object."""


def _pack_panels(
    matrix: NDArray[np.int8], scales: Floats, offsets: NDArray[np.int32], biases: Floats
) -> NDArray[np.uint8]:
    """Return the panels of a matrix [M, K] and its numbers [M] for `multiply_panel`, filled up with zeros."""
    outputs, inputs = matrix.shape
    rest = -outputs % PANEL_OUTPUTS
    padded = np.pad(matrix, ((0, rest), (0, -inputs % FACTORS_PER_STEP)))
    panels = padded.reshape(-1, PANEL_OUTPUTS, padded.shape[1] // BYTES_PER_LANE, BYTES_PER_LANE).transpose(0, 2, 1, 3)
    numbers = np.stack([scales.view(np.int32), offsets, np.ascontiguousarray(biases).view(np.int32)])
    numbers = np.pad(numbers, ((0, 0), (0, rest))).reshape(3, -1, PANEL_OUTPUTS).transpose(1, 0, 2)
    parts = [np.ascontiguousarray(part).reshape(len(part), -1).view(np.uint8) for part in (panels, numbers)]
    return np.concatenate(parts, 1)
