"""Float32 inference of networks by NumPy, while little is read: PyTorch takes a second to import.

`nextword next` with an LSTM of 3.9 million parameters takes 0.55 s of processor time, and 2.2 s with PyTorch. A long
text is read faster by PyTorch, where it is installed, and from then on everything is.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from models.errors import InvalidInput
from models.model import Floats, Tensors, TokenIds
from models.neural.cells import make_steps
from models.neural.config import RecurrentConfig
from models.utils.arrays import log_softmax, unflagged

if TYPE_CHECKING:
    from models.neural.float_backend import FloatBackend

FEW_TOKENS = 512
"""Tokens that NumPy reads before PyTorch is imported; its import takes as long as NumPy does for about a thousand."""


class NumpyBackend:
    """A network behind a float32 `RecurrentModel`, computed token by token."""

    def __init__(self, config: RecurrentConfig, weights: Tensors) -> None:
        """Compute in float32 with `weights`; those that are float32 are not copied."""
        self._weights = {name: array.astype(np.float32, copy=False) for name, array in weights.items()}
        self._embedding = self._weights["embedding"]
        self._steps = make_steps(config, self._weights)
        self._output = self._weights.get("output_weight", self._embedding)

    def forward(self, ids: TokenIds, state: tuple[Floats, ...]) -> tuple[Floats, tuple[Floats, ...]]:
        """Read ids [B, T]; return the top layer's outputs [B, T, H] and the next state.

        Raises InvalidInput for a token that is none.
        """
        if ids.size and not 0 <= ids.min() <= ids.max() < len(self._embedding):
            raise InvalidInput("tokens", f"ids from 0 to {len(self._embedding) - 1} are accepted")
        layers = [tuple(vectors[:, i] for vectors in state) for i in range(len(self._steps))]
        outputs = []
        for column in ids.T:
            x = self._embedding[column]
            for i, step in enumerate(self._steps):
                layers[i], _ = step(x, layers[i])
                x = layers[i][0]
            outputs.append(x)
        return np.stack(outputs, 1), tuple(np.stack(vectors, 1) for vectors in zip(*layers, strict=True))

    @unflagged
    def logprobs(self, hidden: Floats) -> Floats:
        """Return log-probabilities [N, V] after hidden vectors [N, H]."""
        if "projection" in self._weights:
            hidden = hidden @ self._weights["projection"].T
        return log_softmax(hidden @ self._output.T + self._weights["output_bias"])


class LazyFloatBackend:
    """`NumpyBackend` until FEW_TOKENS were read, then PyTorch's where it is installed."""

    def __init__(self, config: RecurrentConfig, weights: Tensors, vocabulary_size: int) -> None:
        self._architecture = config, weights, vocabulary_size
        self._tokens = 0
        self._backend: NumpyBackend | FloatBackend = NumpyBackend(config, weights)

    def forward(self, ids: TokenIds, state: tuple[Floats, ...]) -> tuple[Floats, tuple[Floats, ...]]:
        """Read ids [B, T] as `NumpyBackend.forward` does."""
        self._tokens += ids.size
        if self._tokens > FEW_TOKENS:
            self.import_torch()
        return self._backend.forward(ids, state)

    def logprobs(self, hidden: Floats) -> Floats:
        """Return log-probabilities [N, V] after hidden vectors [N, H]."""
        return self._backend.logprobs(hidden)

    def import_torch(self) -> None:
        """Compute with PyTorch from now on, if it is installed."""
        if isinstance(self._backend, NumpyBackend) and find_spec("torch") is not None:
            self._backend = make_float_backend(*self._architecture)


def make_float_backend(config: RecurrentConfig, weights: Tensors, vocabulary_size: int) -> FloatBackend:
    """Return the backend of PyTorch, which is imported."""
    from models.neural.float_backend import FloatBackend

    return FloatBackend(config, weights, vocabulary_size)
