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
from models.kernels.sampling import SamplingMetadata
from models.kernels.workspace import WorkspacePool, address_of
from models.model import Floats, TokenIds
from models.neural.config import RecurrentConfig
from models.neural.int8.cells import CELLS
from models.neural.int8.forward import LAYER_RECORD, ForwardArgs, LayerArgs, forward, quantized_bytes
from models.neural.int8.matrix import Int8Matrix
from models.neural.int8.output import Int8Output
from models.neural.int8.output_layer import StepArgs, decode_step
from models.neural.model import RecurrentModel, StateArrays, as_arrays
from models.state import State


class Int8Model(RecurrentModel):
    """A recurrent model that computes in bytes, and is stored as the float one that it is made from.

    A row's log-probabilities are the same to the last bit whatever rows are beside it and however many threads compute.
    """

    precision = "int8"

    def step(self, state: State, sampling: SamplingMetadata) -> tuple[TokenIds, Floats, State]:
        """See `LanguageModel`; one compiled call, unless there are filters or adjustments."""
        return self._int8.step(as_arrays(state), sampling) if sampling.is_compiled else super().step(state, sampling)

    def _make_backend(self) -> Int8Backend:
        self._int8 = Int8Backend(self.architecture, self._stored)
        return self._int8


class Int8Backend:
    """Backend that computes in bytes; of the network's weights it keeps the embedding as it is."""

    def __init__(self, config: RecurrentConfig, weights: Mapping[str, NDArray[np.floating]]) -> None:
        """Quantize the matrices; the embedding [V, E] stays as it is stored, for a token reads one row of it.

        `weights` are named as in a checkpoint. Raises InvalidInput where one is not finite.
        """
        self._embedding = np.ascontiguousarray(weights["embedding"])
        self._workspaces = WorkspacePool()
        self._cell = CELLS.index(f"rnn_{config.nonlinearity}" if config.kind == "rnn" else config.kind)
        self._layers = [
            tuple(
                Int8Matrix(weights[f"layers.{i}.weight_{part}"], weights[f"layers.{i}.bias_{part}"])
                for part in ("ih", "hh")
            )
            for i in range(config.layers)
        ]
        self._layer_records = np.array(
            [LayerArgs(*(matrix.args for matrix in layer)) for layer in self._layers], LAYER_RECORD
        )
        output_weight = weights.get("output_weight", self._embedding)
        self._output = Int8Output(output_weight, weights["output_bias"], weights.get("projection"), self._workspaces)
        self._forward_cost = sum(matrix.outputs * matrix.inputs for layer in self._layers for matrix in layer)

    def forward(self, ids: TokenIds, vectors: StateArrays) -> tuple[Floats, StateArrays]:
        """See `InferenceBackend`; InvalidInput for a token that is none."""
        ids, before = np.ascontiguousarray(ids, np.int64), _as_contiguous(vectors)
        if ids.size and not 0 <= ids.min() <= ids.max() < len(self._embedding):
            raise InvalidInput("tokens", f"ids from 0 to {len(self._embedding) - 1} are accepted")
        (count, length), after = ids.shape, _empty_like(before)
        outputs = np.empty((count, length, before[0].shape[2]), np.float32)
        with self._workspaces.borrow(self._forward_sizes(count, length)) as workspace:
            args = self._forward_args(count, length, address_of(ids), address_of(outputs), before, after, workspace)
            run_parallel(forward, args, count * self._forward_cost)
        return outputs, after

    def logprobs(self, hidden: Floats) -> Floats:
        """See `InferenceBackend`; the result is not contiguous."""
        return self._output.logprobs(hidden)

    def step(self, vectors: StateArrays, sampling: SamplingMetadata) -> tuple[TokenIds, Floats, StateArrays]:
        """See `LanguageModel`; what is done beside the compiled call does not release the GIL."""
        before = _as_contiguous(vectors)
        count, depth, hidden = before[0].shape
        after, (sample, tokens, logprobs) = _empty_like(before), sampling.args()
        sizes = [self._output.result_bytes(count), 4 * count * hidden]
        output_sizes, forward_sizes = self._output.workspace_sizes(count), self._forward_sizes(count, 1)
        with self._workspaces.borrow([*sizes, *output_sizes, *forward_sizes]) as workspace:
            results, outputs, *rest = workspace
            top = address_of(before[0]) + 4 * hidden * (depth - 1)
            output = self._output.args(count, top, depth * hidden, results, rest[: len(output_sizes)], sample)
            token_address, workspace = address_of(tokens), rest[len(output_sizes) :]
            inputs = self._forward_args(count, 1, token_address, outputs, before, after, workspace)
            args = StepArgs(output=output, forward=inputs)
            run_parallel(decode_step, args, count * (self._output.cost + self._forward_cost))
        return tokens, logprobs, after

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
            token_count=count * length,
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
