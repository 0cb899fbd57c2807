"""Recurrent encoders that compute with matrices of bytes, made from those of float32.

Each direction of each layer is one call of the compiled loops of `models.neural.int8.forward`. They read rows of a
table at given positions: the embedding at token ids for the first layer, the vectors of the layer below for the
others. Reading the positions of each text in reverse is all that the direction from right to left takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.kernels.openmp import run_parallel
from models.kernels.workspace import WorkspacePool, address_of
from models.model import Floats, Lengths, TokenIds
from models.neural.encoder.config import EncoderConfig
from models.neural.encoder.model import RecurrentEncoder
from models.neural.int8.cells import CELLS
from models.neural.int8.forward import LAYER_RECORD, ForwardArgs, LayerArgs, forward, quantized_bytes
from models.neural.int8.matrix import Int8Matrix
from models.sequence_encoder import Spelling


class Int8Encoder(RecurrentEncoder):
    """An encoder that computes in bytes, and is stored as the float one that it is made from.

    A text's vectors are the same to the last bit whatever texts are beside it and however many threads compute.
    """

    precision = "int8"

    def _make_backend(self) -> Int8EncoderBackend:
        return Int8EncoderBackend(self.architecture, self._stored)


class Int8EncoderBackend:
    """Backend that computes in bytes; of the encoder's weights it keeps the embedding as it is."""

    def __init__(self, config: EncoderConfig, weights: Mapping[str, NDArray[Any]]) -> None:
        """Quantize the matrices of a checkpoint's `weights`. Raises InvalidInput for one not finite."""
        self._config = config
        self._embedding = np.ascontiguousarray(weights["embedding"])
        self._workspaces = WorkspacePool()
        floats = {name: weight.astype(np.float32, copy=False) for name, weight in weights.items()}
        self._layers = {
            (direction, i): Int8Layer(config, floats, f"{direction}_layers.{i}", self._workspaces)
            for direction in config.directions
            for i in range(config.layers)
        }
        self._characters: Int8EncoderBackend | None = None
        if config.reads_characters:
            parts = {n.removeprefix("characters."): w for n, w in weights.items() if n.startswith("characters.")}
            self._characters = Int8EncoderBackend(config.character_config, parts)

    def encode(self, tokens: TokenIds, lengths: Lengths, spelling: Spelling | None = None) -> Floats:
        """See `EncoderBackend`. Raises InvalidInput for a token that is none."""
        if not 0 <= tokens.min() <= tokens.max() < len(self._embedding):
            raise InvalidInput("tokens", f"ids from 0 to {len(self._embedding) - 1} are accepted")
        rows, width = tokens.shape
        table, ids = self._first_table(tokens, spelling)
        orders = _reading_orders(lengths, width)
        tables = dict.fromkeys(self._config.directions, table)
        # Whole rows at once: `take_along_axis` would take vectors number by number, in fifteen times the time.
        text = np.arange(rows)[:, None]
        positions, starts = {direction: ids[text, orders[direction]] for direction in tables}, width * text
        for i in range(self._config.layers):
            outputs = {d: self._layers[d, i].read(tables[d], positions[d]) for d in tables}
            if "backward" in outputs:
                outputs["backward"] = outputs["backward"][text, orders["backward"]]
            positions = {direction: starts + orders[direction] for direction in outputs}
            joined = np.concatenate(list(outputs.values()), 2)
            tables = outputs if self._config.separate else dict.fromkeys(outputs, joined)
            tables = {d: vectors.reshape(rows * width, -1) for d, vectors in tables.items()}
        return joined

    def _first_table(self, tokens: TokenIds, spelling: Spelling | None) -> tuple[NDArray[Any], TokenIds]:
        """Return vectors [N, I] and the row of each token [B, T] in them."""
        if self._characters is None or spelling is None:
            return self._embedding, tokens
        characters = self._characters.encode(spelling.characters, spelling.lengths)
        size, forms = self._config.character_hidden_size, np.arange(len(characters))
        words = np.concatenate([characters[forms, spelling.lengths - 1, :size], characters[:, 0, size:]], 1)
        vectors = [self._embedding[tokens.reshape(-1)].astype(np.float32), words[spelling.rows.reshape(-1)]]
        return np.concatenate(vectors, 1), np.arange(tokens.size).reshape(tokens.shape)


class Int8Layer:
    """A recurrent layer in one direction, with matrices of bytes."""

    def __init__(
        self, config: EncoderConfig, weights: Mapping[str, Floats], name: str, workspaces: WorkspacePool
    ) -> None:
        """Quantize the layer's matrices, whose names begin with `name`."""
        self._cell = CELLS.index(f"rnn_{config.nonlinearity}" if config.cell == "rnn" else config.cell)
        self._hidden_size = config.hidden_size
        self._inputs, self._state = (
            Int8Matrix(weights[f"{name}.weight_{part}"], weights[f"{name}.bias_{part}"]) for part in ("ih", "hh")
        )
        self._record = np.array([LayerArgs(self._inputs.args, self._state.args)], LAYER_RECORD)
        self._cost = sum(matrix.outputs * matrix.inputs for matrix in (self._inputs, self._state))
        self._workspaces = workspaces

    def read(self, table: NDArray[Any], positions: TokenIds) -> Floats:
        """Read the rows of `table` [N, I] at positions [B, T] from a zero state; return outputs [B, T, H]."""
        table, positions = np.ascontiguousarray(table), np.ascontiguousarray(positions, np.int64)
        outputs = np.empty((*positions.shape, self._hidden_size), np.float32)
        state = np.zeros((4, len(positions), 1, self._hidden_size), np.float32)
        with self._workspaces.borrow(self._workspace_sizes(*positions.shape)) as workspace:
            args = self._forward_args(table, positions, outputs, state, workspace)
            run_parallel(forward, args, len(positions) * self._cost)
        return outputs

    def _forward_args(
        self, table: NDArray[Any], positions: TokenIds, outputs: Floats, state: Floats, workspace: list[int]
    ) -> ForwardArgs:
        """Return arguments of the compiled loops; `state` [4, B, 1, H] holds both vectors before and after."""
        embedded, quantized_inputs, quantized_state, gates, state_gates = workspace
        return ForwardArgs(
            cell=self._cell,
            depth=1,
            layers=address_of(self._record),
            embedding=address_of(table),
            half_precision=table.dtype == np.float16,
            batch_size=positions.shape[0],
            length=positions.shape[1],
            tokens=address_of(positions),
            outputs=address_of(outputs),
            vectors_before=address_of(state[0]),
            memory_before=address_of(state[1]),
            vectors=address_of(state[2]),
            memory=address_of(state[3]),
            embedded=embedded,
            quantized_inputs=quantized_inputs,
            quantized_state=quantized_state,
            gates=gates,
            state_gates=state_gates,
        )

    def _workspace_sizes(self, rows: int, width: int) -> list[int]:
        """Return the sizes in bytes of the workspace that `_forward_args` needs."""
        units = self._state.args.outputs
        return [
            4 * rows * width * self._inputs.inputs,
            quantized_bytes(rows * width, max(self._inputs.inputs, self._state.inputs)),
            quantized_bytes(rows, self._state.inputs),
            4 * rows * width * units,
            4 * rows * units,
        ]


def _reading_orders(lengths: Lengths, width: int) -> dict[str, TokenIds]:
    """Return the positions [B, T] in the order of each direction; padding stays where it is."""
    forward_order = np.broadcast_to(np.arange(width), (len(lengths), width))
    backward_order = lengths[:, None] - 1 - forward_order
    return {"forward": forward_order, "backward": np.where(backward_order >= 0, backward_order, forward_order)}
