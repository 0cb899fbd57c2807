"""Recurrent encoders that compute with matrices of bytes, made from those of float32.

Each direction of each layer is one call of the compiled loops of `models.neural.int8.forward`. They read rows of a
table at given positions: the embedding at token ids for the first layer, the vectors of the layer below for the
others. Reading the positions of each text in reverse is all that the direction from right to left takes. Padding is
not read: texts are packed (`PackedTexts`), so that 16 sentences of 5 to 35 words are classified in 75 us each instead
of 98 (BiLSTM of 100 units, one thread).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.kernels.openmp import run_parallel
from models.kernels.workspace import WorkspacePool, address_of
from models.model import Floats, Lengths, TokenIds
from models.neural.encoder.config import Direction, EncoderConfig
from models.neural.encoder.model import RecurrentEncoder
from models.neural.int8.cells import CELLS
from models.neural.int8.forward import LAYER_RECORD, ForwardArgs, LayerArgs, forward, quantized_bytes
from models.neural.int8.matrix import Int8Matrix
from models.sequence_encoder import Spelling


class PackedTexts(NamedTuple):
    """Order in which layers read a batch of B texts without their padding, N tokens in all.

    The longest text comes first; first tokens of all texts precede second ones, as `ForwardArgs` says.
    """

    row_counts: TokenIds
    """[T] how many texts have a token at each time."""
    first_rows: TokenIds
    """[T] how many tokens are read before each time."""
    places: dict[Direction, TokenIds]
    """[N] place in the padded batch [B * W] of the tokens that each direction reads in turn."""

    @classmethod
    def of(cls, lengths: Lengths, width: int) -> PackedTexts:
        """Order texts of these lengths, padded to `width`.

        >>> PackedTexts.of(np.array([1, 3]), width=3).places["backward"].tolist()
        [5, 0, 4, 3]
        """
        order = np.argsort(-lengths, kind="stable")
        times, ranks = np.nonzero(np.arange(lengths.max(initial=0))[:, None] < lengths[order])
        rows, row_counts = order[ranks], np.bincount(times)
        places: dict[Direction, TokenIds] = {
            "forward": rows * width + times,
            "backward": rows * width + lengths[rows] - 1 - times,
        }
        return cls(row_counts, np.cumsum(row_counts) - row_counts, places)


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
        self._layers = {
            (direction, i): Int8Layer(config, weights, f"{direction}_layers.{i}", self._workspaces)
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
        packed, size = PackedTexts.of(lengths, tokens.shape[1]), self._config.hidden_size
        table, ids = self._first_table(tokens, spelling)
        tables = dict.fromkeys(self._config.directions, table)
        positions = {direction: ids.reshape(-1)[packed.places[direction]] for direction in tables}
        for i in range(self._config.layers):
            joined = np.zeros((tokens.size, size * len(tables)), np.float32)
            parts = {direction: joined[:, k * size : (k + 1) * size] for k, direction in enumerate(tables)}
            for direction, vectors in parts.items():
                outputs = self._layers[direction, i].read(tables[direction], positions[direction], packed)
                vectors[packed.places[direction]] = outputs
            positions, tables = packed.places, parts if self._config.separate else dict.fromkeys(parts, joined)
        return joined.reshape(*tokens.shape, -1)

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
        self, config: EncoderConfig, weights: Mapping[str, NDArray[Any]], name: str, workspaces: WorkspacePool
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

    def read(self, table: NDArray[Any], positions: TokenIds, packed: PackedTexts) -> Floats:
        """Read the rows of `table` [M, I] at packed positions [N] from zero states; return outputs [N, H]."""
        table, positions = np.ascontiguousarray(table), np.ascontiguousarray(positions, np.int64)
        outputs = np.empty((len(positions), self._hidden_size), np.float32)
        rows = int(packed.row_counts[0]) if len(positions) else 0
        if rows:
            state = np.zeros((4, rows, 1, self._hidden_size), np.float32)
            with self._workspaces.borrow(self._workspace_sizes(len(positions), rows)) as workspace:
                args = self._forward_args(table, positions, packed, outputs, state, workspace)
                run_parallel(forward, args, rows * self._cost)
        return outputs

    def _forward_args(
        self,
        table: NDArray[Any],
        positions: TokenIds,
        packed: PackedTexts,
        outputs: Floats,
        state: Floats,
        workspace: list[int],
    ) -> ForwardArgs:
        """Return arguments of the compiled loops; `state` [4, B, 1, H] holds both vectors before and after."""
        embedded, quantized_inputs, quantized_state, gates, state_gates = workspace
        return ForwardArgs(
            cell=self._cell,
            depth=1,
            layers=address_of(self._record),
            embedding=address_of(table),
            half_precision=table.dtype == np.float16,
            batch_size=state.shape[1],
            length=len(packed.row_counts),
            token_count=len(positions),
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
            row_counts=address_of(packed.row_counts),
            first_rows=address_of(packed.first_rows),
        )

    def _workspace_sizes(self, tokens: int, rows: int) -> list[int]:
        """Return the sizes in bytes of the workspace that `_forward_args` needs."""
        units = self._state.args.outputs
        return [
            4 * tokens * self._inputs.inputs,
            quantized_bytes(tokens, max(self._inputs.inputs, self._state.inputs)),
            quantized_bytes(rows, self._state.inputs),
            4 * tokens * units,
            4 * rows * units,
        ]
