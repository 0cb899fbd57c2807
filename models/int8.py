"""Recurrent models whose matrices are bytes: a quarter of the memory to read for each token, made from float ones.

It knows how a matrix becomes bytes, and what the compiled loops need to do what a `Network` does. It does not know how
they do it (`quantised`), nor states, batches and scores, which are those of `RecurrentModel`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models import team
from models.answering import ANSWER, answering
from models.base import State
from models.choosing import NO_CHOICE, Choice
from models.dot import GROUP, LANE, OUTPUTS
from models.errors import InvalidInput
from models.network import Layer, Network, Vectors
from models.quantised import CELLS, LAYER, PRODUCT, READING, ZERO, bytes_of_rows, product, reading
from models.recurrent import RecurrentModel
from models.room import Room


class Int8Model(RecurrentModel):
    """A recurrent model that computes in bytes, and is stored as the float one that it is made from.

    A row's log-probabilities are the same to the last bit whatever rows are beside it and however many threads compute.
    """

    precision = "int8"

    def choose(self, state: State, choice: Choice) -> tuple[Tensor, Tensor]:
        """See `LanguageModel`; without a distribution on its way to Python, unless something is to be filtered."""
        if choice.filters:
            return super().choose(state, choice)
        return self._bytes.choose(self.hidden(state), choice)

    def _computation(self, network: Network) -> Int8Network:
        self._bytes = Int8Network(network, self._stored["embedding"])
        return self._bytes


class Matrix:
    """The bytes of a matrix [M, K] with a bias [M]: each row is whole numbers from -63 to 63 times a scale."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        """Round to the nearest. Raises InvalidInput where a number is not finite."""
        if not bool(weight.isfinite().all() and bias.isfinite().all()):
            raise InvalidInput("weights", "finite numbers are accepted")
        self.outputs, self.inputs = weight.shape
        scales = weight.abs().amax(1) / (ZERO - 1)
        whole = (weight / scales.clamp_min(1e-30)[:, None]).round_().to(torch.int32)
        offsets = ZERO * whole.sum(1, dtype=torch.int32)  # sum (a - ZERO) w = sum a w - ZERO sum w
        self._panels = _panels(whole, scales, offsets, bias)
        self.record = (len(self._panels) * OUTPUTS, self.inputs, self._panels.data_ptr())
        """A MATRIX, valid as long as this object."""

    def times(self, rows: Tensor) -> Tensor:
        """This matrix times each of the rows [N, K], plus the bias: [N, M], not contiguous."""
        rows, count = rows.contiguous(), len(rows)
        room = torch.empty(bytes_of_rows(count, self.inputs), dtype=torch.uint8)
        results = torch.empty(count, self.record[0])
        call = (*team.ALONE, self.record, count, rows.data_ptr(), room.data_ptr(), results.data_ptr())
        team.run(product, np.array([call], PRODUCT), results.numel() * self.inputs)
        return results[:, : self.outputs]


class Int8Network:
    """Reads and answers as the `Network` that it is made from, of which it keeps nothing."""

    def __init__(self, network: Network, embedding: Tensor) -> None:
        """`embedding` [V, E] stays as it is stored, for a token reads one row. Raises InvalidInput for NaN and such."""
        config = network.config
        self._embedding = embedding.numpy()
        self._room = Room()
        self._cell = CELLS.index(f"rnn_{config.nonlinearity}" if config.kind == "rnn" else config.kind)
        self._layers = [
            (Matrix(layer.weight_ih, layer.bias_ih), Matrix(layer.weight_hh, layer.bias_hh))
            for layer in cast("Iterator[Layer]", network.layers)
        ]
        self._records = np.array([tuple(matrix.record for matrix in layer) for layer in self._layers], LAYER)
        self._work = sum(matrix.outputs * matrix.inputs for layer in self._layers for matrix in layer)
        self._output = Matrix(network.output_matrix, network.output_bias)
        self._projection: Matrix | None = None
        if network.projection is not None:
            self._projection = Matrix(network.projection, torch.zeros(len(network.projection)))

    def __call__(self, tokens: Tensor, vectors: Vectors) -> tuple[Tensor, Vectors]:
        """Read tokens [B, T]: the top layer's outputs [B, T, H], and the vectors [B, L, H] after."""
        embedded = self._embedding.take(tokens.numpy().ravel(), 0).astype(np.float32, copy=False)
        before = [v.contiguous() for v in vectors]
        after = tuple(torch.empty(v.shape) for v in before)
        outputs = torch.empty(*tokens.shape, after[0].shape[2])
        with self._room.of(self._sizes(*tokens.shape)) as places:
            tensors = (outputs, before[0], before[-1], after[0], after[-1])
            addresses = [embedded.ctypes.data, *(tensor.data_ptr() for tensor in tensors)]
            layers = (len(self._records), self._records.ctypes.data)
            call = (*team.ALONE, self._cell, *layers, *tokens.shape, *addresses, *places)
            team.run(reading, np.array([call], READING), len(tokens) * self._work)
        return outputs, after

    def logprobs(self, outputs: Tensor) -> Tensor:
        """Log-probabilities [N, V] after outputs [N, H], not contiguous."""
        results = torch.empty(len(outputs), self._output.record[0])
        self._answer(outputs, results.data_ptr())
        return results[:, : self._output.outputs]

    def choose(self, outputs: Tensor, choice: Choice) -> tuple[Tensor, Tensor]:
        """A token [N] and its log-probability [N] after outputs [N, H]."""
        record, tokens, logprobs = choice.record()
        with self._room.of([4 * len(outputs) * self._output.record[0]]) as (results,):
            self._answer(outputs, results, (1, record))
        return torch.from_numpy(tokens), torch.from_numpy(logprobs)

    def _answer(self, outputs: Tensor, results: int, choice: tuple[int, tuple[int, ...]] = (0, NO_CHOICE)) -> None:
        """Write log-probabilities [N, V] to an address, padded as products are, and make the CHOICE, if any."""
        outputs = (outputs if self._projection is None else self._projection.times(outputs)).contiguous()
        matrix, count = self._output, len(outputs)
        with self._room.of([bytes_of_rows(count, matrix.inputs)]) as (room,):
            chooses, record = choice
            factors = (matrix.record, count, outputs.data_ptr(), room, results)
            call = (*team.ALONE, matrix.outputs, chooses, *factors, record)
            team.run(answering, np.array([call], ANSWER), count * matrix.outputs * matrix.inputs)

    def _sizes(self, count: int, times: int) -> list[int]:
        """Bytes of the four kinds of room that a reading needs."""
        of_inputs, of_state = self._layers[0]
        widest = max(of_inputs.inputs, of_state.inputs)
        sizes = [bytes_of_rows(count * times, widest), bytes_of_rows(count, of_state.inputs)]
        return sizes + [4 * of_state.record[0] * rows for rows in (count * times, count)]


def _panels(matrix: Tensor, scales: Tensor, offsets: Tensor, biases: Tensor) -> Tensor:
    """The bytes of [M, K], and numbers [M], as `dot` wants them: a row a panel, zeros beyond the matrix."""
    outputs, inputs = matrix.shape
    padded = functional.pad(matrix.to(torch.int8), (0, -inputs % GROUP, 0, -outputs % OUTPUTS))
    bytes_ = padded.view(-1, OUTPUTS, padded.shape[1] // LANE, LANE).transpose(1, 2).flatten(1).view(torch.uint8)
    numbers = torch.stack([scales.view(torch.int32), offsets, biases.contiguous().view(torch.int32)])
    numbers = functional.pad(numbers, (0, -outputs % OUTPUTS)).view(3, -1, OUTPUTS).transpose(0, 1)
    return torch.cat([bytes_, numbers.flatten(1).view(torch.uint8)], 1)
