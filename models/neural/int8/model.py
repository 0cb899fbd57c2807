"""Recurrent models whose matrices are bytes: a quarter of the memory to read for each token, made from float ones.

It knows how a matrix becomes bytes, and what the compiled loops need to do what a `Network` does. It does not know how
they do it (`quantised`), nor states, batches and scores, which are those of `RecurrentModel`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.errors import InvalidInput
from models.kernels import openmp
from models.kernels.sampling import NO_CHOICE, SamplingMetadata
from models.kernels.workspace import WorkspacePool, address_of
from models.neural.int8.dot_product import BYTES_PER_LANE, FACTORS_PER_STEP, PANEL_OUTPUTS
from models.neural.int8.forward import CELLS, LAYER, READING, ZERO_POINT, forward, quantized_bytes
from models.neural.int8.output_layer import ANSWER, STEP, compute_output, decode_step
from models.neural.model import Floats, RecurrentModel, StateArrays, as_arrays
from models.neural.network import Network, RecurrentLayer
from models.state import State

Record: TypeAlias = "tuple[Any, ...]"
"""The values of a record's fields."""
NO_PRODUCT = ((0, 0, 0), 0, 0, 0, 0, 0)
"""A PRODUCT that nobody computes."""


class Int8Model(RecurrentModel):
    """A recurrent model that computes in bytes, and is stored as the float one that it is made from.

    A row's log-probabilities are the same to the last bit whatever rows are beside it and however many threads compute.
    """

    precision = "int8"

    def advance(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> State:
        """See `LanguageModel`; nothing is done in it that torch would keep a record of."""
        return self._read(state, tokens, lengths)[1]

    def step(self, state: State, choice: SamplingMetadata) -> tuple[NDArray[np.int64], Floats, State]:
        """See `LanguageModel`; in one compiled call, unless something is to be filtered."""
        return super().step(state, choice) if choice.filters else self._bytes.step(as_arrays(state), choice)

    def _make_backend(self, network: Network) -> Int8Backend:
        self._bytes = Int8Backend(network, self._stored["embedding"])
        return self._bytes


class Int8Matrix:
    """The bytes of a matrix [M, K] with a bias [M]: each row is whole numbers from -63 to 63 times a scale."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        """Round to the nearest. Raises InvalidInput where a number is not finite."""
        if not bool(weight.isfinite().all() and bias.isfinite().all()):
            raise InvalidInput("weights", "finite numbers are accepted")
        self.outputs, self.inputs = weight.shape
        scales = weight.abs().amax(1) / (ZERO_POINT - 1)
        whole = (weight / scales.clamp_min(1e-30)[:, None]).round_().to(torch.int32)
        offsets = ZERO_POINT * whole.sum(1, dtype=torch.int32)  # sum (a - ZERO) w = sum a w - ZERO sum w
        self._panels = _pack_panels(whole, scales, offsets, bias)
        self.record = (len(self._panels) * PANEL_OUTPUTS, self.inputs, self._panels.data_ptr())
        """A MATRIX, valid as long as this object."""

    def product(self, count: int, floats: int, apart: int, room: int, results: int) -> Record:
        """A PRODUCT with so many rows, at these addresses."""
        return self.record, count, floats, apart, room, results


class Int8Backend:
    """Reads and answers as the `Network` that it is made from, of which it keeps nothing."""

    def __init__(self, network: Network, embedding: Tensor) -> None:
        """`embedding` [V, E] stays as it is stored, for a token reads one row. Raises InvalidInput for NaN and such."""
        config = network.config
        self._embedding = embedding.contiguous()
        self._room = WorkspacePool()
        self._cell = CELLS.index(f"rnn_{config.nonlinearity}" if config.kind == "rnn" else config.kind)
        self._layers = [
            (Int8Matrix(layer.weight_ih, layer.bias_ih), Int8Matrix(layer.weight_hh, layer.bias_hh))
            for layer in cast("Iterator[RecurrentLayer]", network.layers)
        ]
        self._embedded = self._embedding.data_ptr(), self._embedding.dtype == torch.float16
        self._records = np.array([tuple(matrix.record for matrix in layer) for layer in self._layers], LAYER)
        self._stack = len(self._records), address_of(self._records)
        self._output = Int8Matrix(network.output_matrix, network.output_bias)
        self._projection: Int8Matrix | None = None
        if network.projection is not None:
            self._projection = Int8Matrix(network.projection, torch.zeros(len(network.projection)))
        self._read_cost = sum(matrix.outputs * matrix.inputs for layer in self._layers for matrix in layer)
        self._answer_cost = self._output.outputs * self._output.inputs

    def forward(self, ids: NDArray[np.int64], vectors: StateArrays) -> tuple[Floats, StateArrays]:
        """See `InferenceBackend`. Raises IndexError for a token that is none."""
        ids, before = np.ascontiguousarray(ids, np.int64), _as_contiguous(vectors)
        if ids.size and not 0 <= ids.min() <= ids.max() < len(self._embedding):
            raise IndexError(f"ids from 0 to {len(self._embedding) - 1} are accepted")
        (count, times), after = ids.shape, _empty_like(before)
        outputs = np.empty((count, times, before[0].shape[2]), np.float32)
        with self._room.borrow(self._reading_sizes(count, times)) as places:
            work = self._reading(count, times, address_of(ids), address_of(outputs), before, after, places)
            openmp.run_parallel(forward, work, READING, count * self._read_cost)
        return outputs, after

    def logprobs(self, outputs: Tensor) -> Tensor:
        """Log-probabilities [N, V] after outputs [N, H], not contiguous."""
        outputs, count = outputs.contiguous(), len(outputs)
        results = np.empty((count, self._output.record[0]), np.float32)
        with self._room.borrow(self._answer_sizes(count)) as places:
            work = self._answer(count, outputs.data_ptr(), outputs.shape[1], address_of(results), places)
            openmp.run_parallel(compute_output, work, ANSWER, count * self._answer_cost)
        return torch.from_numpy(results[:, : self._output.outputs])

    def step(self, vectors: StateArrays, choice: SamplingMetadata) -> tuple[NDArray[np.int64], Floats, StateArrays]:
        """See `LanguageModel`. What is done beside the call does not give the interpreter's lock away."""
        before = _as_contiguous(vectors)
        count, depth, hidden = before[0].shape
        after, (record, tokens, logprobs) = _empty_like(before), choice.record()
        own = [4 * count * each for each in (self._output.record[0], hidden)]
        with self._room.borrow([*own, *self._answer_sizes(count), *self._reading_sizes(count, 1)]) as places:
            results, outputs, room, projected, *others = places
            top = address_of(before[0]) + 4 * hidden * (depth - 1)
            answer = self._answer(count, top, depth * hidden, results, [room, projected], record)
            work = answer, self._reading(count, 1, address_of(tokens), outputs, before, after, others)
            openmp.run_parallel(decode_step, work, STEP, count * (self._answer_cost + self._read_cost))
        return tokens, logprobs, after

    def _answer(
        self, count: int, floats: int, apart: int, results: int, places: list[int], choice: Record = NO_CHOICE
    ) -> Record:
        """An ANSWER: log-probabilities of so many hidden vectors, with `_answer_sizes` of room at `places`."""
        room, projected = places
        projection, matrix = NO_PRODUCT, self._output
        if self._projection is not None:
            projection = self._projection.product(count, floats, apart, room, projected)
            floats, apart = projected, self._projection.record[0]
        product = matrix.product(count, floats, apart, room, results)
        return self._projection is not None, matrix.outputs, choice is not NO_CHOICE, projection, product, choice

    def _answer_sizes(self, count: int) -> list[int]:
        """Bytes of room that an ANSWER needs."""
        if self._projection is None:
            return [quantized_bytes(count, self._output.inputs), 0]
        widest = max(self._projection.inputs, self._output.inputs)
        return [quantized_bytes(count, widest), 4 * count * self._projection.record[0]]

    def _reading(
        self,
        count: int,
        times: int,
        tokens: int,
        outputs: int,
        before: StateArrays,
        after: StateArrays,
        places: list[int],
    ) -> Record:
        """A READING, with `_reading_sizes` of room at `places`."""
        vectors = map(address_of, (before[0], before[-1], after[0], after[-1]))
        return self._cell, *self._stack, *self._embedded, count, times, tokens, outputs, *vectors, *places

    def _reading_sizes(self, count: int, times: int) -> list[int]:
        """Bytes of room that a READING needs."""
        of_inputs, of_state = self._layers[0]
        widest = max(of_inputs.inputs, of_state.inputs)
        embedded = 4 * count * times * of_inputs.inputs
        rows = [quantized_bytes(count * times, widest), quantized_bytes(count, of_state.inputs)]
        return [embedded, *rows, *(4 * of_state.record[0] * n for n in (count * times, count))]


def _as_contiguous(vectors: StateArrays) -> StateArrays:
    return tuple(map(np.ascontiguousarray, vectors))


def _empty_like(vectors: StateArrays) -> StateArrays:
    """Room for as many."""
    return tuple(np.empty(each.shape, np.float32) for each in vectors)


def _pack_panels(matrix: Tensor, scales: Tensor, offsets: Tensor, biases: Tensor) -> Tensor:
    """The bytes of [M, K], and numbers [M], as `dot` wants them: a row a panel, zeros beyond the matrix."""
    outputs, inputs = matrix.shape
    padded = functional.pad(matrix.to(torch.int8), (0, -inputs % FACTORS_PER_STEP, 0, -outputs % PANEL_OUTPUTS))
    bytes_ = (
        padded.view(-1, PANEL_OUTPUTS, padded.shape[1] // BYTES_PER_LANE, BYTES_PER_LANE)
        .transpose(1, 2)
        .flatten(1)
        .view(torch.uint8)
    )
    numbers = torch.stack([scales.view(torch.int32), offsets, biases.contiguous().view(torch.int32)])
    numbers = functional.pad(numbers, (0, -outputs % PANEL_OUTPUTS)).view(3, -1, PANEL_OUTPUTS).transpose(0, 1)
    return torch.cat([bytes_, numbers.flatten(1).view(torch.uint8)], 1)
