"""Recurrent models that compute with matrices of bytes, made from those of float32.

A decode step has a quarter of the memory to read. `Int8Model` is the language model; `Int8Backend` quantizes the
weights of a network and calls the compiled loops of `models.neural.int8.forward` and `models.neural.int8.output_layer`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.kernels.openmp import run_parallel
from models.kernels.sampling import SampleArgs, SamplingMetadata
from models.kernels.workspace import WorkspacePool, address_of
from models.model import Floats, TokenIds
from models.neural.config import RecurrentConfig
from models.neural.int8.cells import CELLS
from models.neural.int8.dot_product import BYTES_PER_LANE, FACTORS_PER_STEP, PANEL_OUTPUTS
from models.neural.int8.forward import (
    LAYER_RECORD,
    ZERO_POINT,
    ForwardArgs,
    LayerArgs,
    MatmulArgs,
    MatrixArgs,
    forward,
    quantized_bytes,
)
from models.neural.int8.output_layer import OutputArgs, StepArgs, compute_output, decode_step
from models.neural.model import RecurrentModel, StateArrays, as_arrays
from models.state import State

_SMALLEST_SCALE = np.float32(1e-30)
"""Rows of a matrix with a smaller scale are zero."""


class Int8Model(RecurrentModel):
    """A recurrent model that computes in bytes, and is stored as the float one that it is made from.

    A row's log-probabilities are the same to the last bit whatever rows are beside it and however many threads compute.
    """

    precision = "int8"

    def step(self, state: State, sampling: SamplingMetadata) -> tuple[TokenIds, Floats, State]:
        """See `LanguageModel`; one compiled call, unless there are filters."""
        return super().step(state, sampling) if sampling.filters else self._int8.step(as_arrays(state), sampling)

    def _make_backend(self) -> Int8Backend:
        self._int8 = Int8Backend(self.architecture, self._stored)
        return self._int8


class Int8Matrix:
    """A matrix [M, K] of whole numbers from -63 to 63, a scale for each row, and a bias [M]."""

    def __init__(self, weight: Floats, bias: Floats) -> None:
        """Round to the nearest. Raises InvalidInput where a number is not finite."""
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


class Int8Backend:
    """Backend that computes in bytes; of the network's weights it keeps the embedding as it is."""

    def __init__(self, config: RecurrentConfig, weights: Mapping[str, NDArray[np.floating]]) -> None:
        """Quantize the matrices; the embedding [V, E] stays as it is stored, for a token reads one row of it.

        `weights` are named as in a checkpoint. Raises InvalidInput where one is not finite.
        """
        self._embedding = np.ascontiguousarray(weights["embedding"])
        floats = {name: weight.astype(np.float32, copy=False) for name, weight in weights.items()}
        self._workspaces = WorkspacePool()
        self._cell = CELLS.index(f"rnn_{config.nonlinearity}" if config.kind == "rnn" else config.kind)
        self._layers = [
            tuple(
                Int8Matrix(floats[f"layers.{i}.weight_{part}"], floats[f"layers.{i}.bias_{part}"])
                for part in ("ih", "hh")
            )
            for i in range(config.layers)
        ]
        self._layer_records = np.array(
            [LayerArgs(*(matrix.args for matrix in layer)) for layer in self._layers], LAYER_RECORD
        )
        self._output = Int8Matrix(floats.get("output_weight", floats["embedding"]), floats["output_bias"])
        self._projection: Int8Matrix | None = None
        if "projection" in floats:
            weight = floats["projection"]
            self._projection = Int8Matrix(weight, np.zeros(len(weight), np.float32))
        self._forward_cost = sum(matrix.outputs * matrix.inputs for layer in self._layers for matrix in layer)
        self._output_cost = self._output.outputs * self._output.inputs

    def forward(self, ids: TokenIds, vectors: StateArrays) -> tuple[Floats, StateArrays]:
        """See `InferenceBackend`. Raises IndexError for a token that is none."""
        ids, before = np.ascontiguousarray(ids, np.int64), _as_contiguous(vectors)
        if ids.size and not 0 <= ids.min() <= ids.max() < len(self._embedding):
            raise IndexError(f"ids from 0 to {len(self._embedding) - 1} are accepted")
        (count, length), after = ids.shape, _empty_like(before)
        outputs = np.empty((count, length, before[0].shape[2]), np.float32)
        with self._workspaces.borrow(self._forward_sizes(count, length)) as workspace:
            args = self._forward_args(count, length, address_of(ids), address_of(outputs), before, after, workspace)
            run_parallel(forward, args, count * self._forward_cost)
        return outputs, after

    def logprobs(self, hidden: Floats) -> Floats:
        """See `InferenceBackend`; the result is not contiguous."""
        hidden, count = np.ascontiguousarray(hidden), len(hidden)
        results = np.empty((count, self._output.args.outputs), np.float32)
        with self._workspaces.borrow(self._output_sizes(count)) as workspace:
            args = self._output_args(count, address_of(hidden), hidden.shape[1], address_of(results), workspace)
            run_parallel(compute_output, args, count * self._output_cost)
        return results[:, : self._output.outputs]

    def step(self, vectors: StateArrays, sampling: SamplingMetadata) -> tuple[TokenIds, Floats, StateArrays]:
        """See `LanguageModel`; what is done beside the compiled call does not release the GIL."""
        before = _as_contiguous(vectors)
        count, depth, hidden = before[0].shape
        after, (sample, tokens, logprobs) = _empty_like(before), sampling.args()
        sizes = [4 * count * self._output.args.outputs, 4 * count * hidden]
        output_sizes, forward_sizes = self._output_sizes(count), self._forward_sizes(count, 1)
        with self._workspaces.borrow([*sizes, *output_sizes, *forward_sizes]) as workspace:
            results, outputs, *rest = workspace
            top = address_of(before[0]) + 4 * hidden * (depth - 1)
            output = self._output_args(count, top, depth * hidden, results, rest[: len(output_sizes)], sample)
            token_address, workspace = address_of(tokens), rest[len(output_sizes) :]
            inputs = self._forward_args(count, 1, token_address, outputs, before, after, workspace)
            args = StepArgs(output=output, forward=inputs)
            run_parallel(decode_step, args, count * (self._output_cost + self._forward_cost))
        return tokens, logprobs, after

    def _output_args(
        self, count: int, rows: int, stride: int, results: int, workspace: list[int], sample: SampleArgs | None = None
    ) -> OutputArgs:
        """Return arguments for `count` hidden vectors at `rows`, with a workspace of `_output_sizes`."""
        quantized, projected = workspace
        projection = MatmulArgs()
        if self._projection is not None:
            projection = MatmulArgs(self._projection.args, count, rows, stride, quantized, projected)
            rows, stride = projected, self._projection.args.outputs
        return OutputArgs(
            width=self._output.outputs,
            product=MatmulArgs(self._output.args, count, rows, stride, quantized, results),
            projects=self._projection is not None,
            projection=projection,
            samples=sample is not None,
            sample=sample or SampleArgs(),
        )

    def _output_sizes(self, count: int) -> list[int]:
        """Return the sizes in bytes of the workspace that `_output_args` needs."""
        if self._projection is None:
            return [quantized_bytes(count, self._output.inputs), 0]
        widest = max(self._projection.inputs, self._output.inputs)
        return [quantized_bytes(count, widest), 4 * count * self._projection.args.outputs]

    def _forward_args(
        self,
        count: int,
        length: int,
        tokens: int,
        outputs: int,
        before: StateArrays,
        after: StateArrays,
        workspace: list[int],
    ) -> ForwardArgs:
        """Return arguments for tokens [count, length], with a workspace of `_forward_sizes`."""
        embedded, quantized_inputs, quantized_state, gates, state_gates = workspace
        return ForwardArgs(
            cell=self._cell,
            depth=len(self._layers),
            layers=address_of(self._layer_records),
            embedding=address_of(self._embedding),
            half_precision=self._embedding.dtype == np.float16,
            batch_size=count,
            length=length,
            tokens=tokens,
            outputs=outputs,
            vectors_before=address_of(before[0]),
            memory_before=address_of(before[-1]),
            vectors=address_of(after[0]),
            memory=address_of(after[-1]),
            embedded=embedded,
            quantized_inputs=quantized_inputs,
            quantized_state=quantized_state,
            gates=gates,
            state_gates=state_gates,
        )

    def _forward_sizes(self, count: int, length: int) -> list[int]:
        """Return the sizes in bytes of the workspace that `_forward_args` needs."""
        of_inputs, of_state = self._layers[0]
        widest, units = max(of_inputs.inputs, of_state.inputs), of_state.args.outputs
        return [
            4 * count * length * of_inputs.inputs,
            quantized_bytes(count * length, widest),
            quantized_bytes(count, of_state.inputs),
            4 * count * length * units,
            4 * count * units,
        ]


def _as_contiguous(vectors: StateArrays) -> StateArrays:
    return tuple(map(np.ascontiguousarray, vectors))


def _empty_like(vectors: StateArrays) -> StateArrays:
    return tuple(np.empty(array.shape, np.float32) for array in vectors)


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
