"""Recurrent encoder of torch: embedding, and layers that read a text from one side or both.

Shared by training and float32 inference. A direction from right to left reads the text reversed within its own length:
padding then always comes after the text, so it never reaches a vector, and the fused kernels of PyTorch can be used,
which know no lengths.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.neural.dropout import NO_DROPOUT, DropoutHooks
from models.neural.encoder.config import Direction, EncoderConfig
from models.neural.network import RecurrentLayer, RecurrentState


class EncoderNetwork(nn.Module):
    """Embedding and recurrent layers, uninitialized at first; parameters are named as in a checkpoint."""

    def __init__(self, config: EncoderConfig, vocabulary_size: int, alphabet_size: int = 0) -> None:
        """Make an encoder; `alphabet_size` is that of the characters where `config` reads them."""
        super().__init__()
        self.config = config
        self.embedding = nn.Parameter(torch.empty(vocabulary_size, config.embedding_size))
        self.characters = EncoderNetwork(config.character_config, alphabet_size) if config.reads_characters else None
        for direction in config.directions:
            layers = (RecurrentLayer(config.layer_config, config.layer_input_size(i)) for i in range(config.layers))
            self.add_module(f"{direction}_layers", nn.ModuleList(layers))

    def forward(
        self,
        tokens: Tensor,
        lengths: Tensor,
        spelling: tuple[Tensor, Tensor, Tensor] | None = None,
        hooks: DropoutHooks = NO_DROPOUT,
    ) -> Tensor:
        """Return vectors [B, T, D] of tokens [B, T]; past `lengths` [B] they are anything.

        `spelling` holds the tensors of a `Spelling` for an encoder that reads characters.
        """
        inputs = hooks.embeddings(self._inputs(tokens, spelling), tokens)
        reverse = reversed_positions(lengths, tokens.shape[1])
        vectors = dict.fromkeys(self.config.directions, inputs)
        for i in range(self.config.layers):
            if i:
                vectors = {direction: hooks.between_layers(x) for direction, x in self._join(vectors).items()}
            vectors = {d: self._read(d, i, x, reverse, hooks) for d, x in vectors.items()}
        return hooks.outputs(torch.cat(list(vectors.values()), 2))

    def last_vectors(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """Return the vectors [B, D] after the whole text: of its last token forward, of its first backward."""
        size, parts = self.config.hidden_size, []
        for k, direction in enumerate(self.config.directions):
            part = vectors[..., k * size : (k + 1) * size]
            last = torch.zeros_like(lengths) if direction == "backward" else lengths - 1
            parts.append(part[torch.arange(len(lengths)), last])
        return torch.cat(parts, 1)

    def gates(self) -> Iterator[Tensor]:
        """Yield the matrix of each gate of every layer, which an initialization fills one by one."""
        for layer in self._recurrent_layers():
            for matrix in (layer.weight_ih, layer.weight_hh):
                yield from torch.split(matrix, layer.weight_hh.shape[1])

    def forget_biases(self) -> Iterator[Tensor]:
        """Yield a bias [H] of the forget gate of every LSTM layer."""
        for layer in self._recurrent_layers():
            size = layer.weight_hh.shape[1]
            if len(layer.bias_hh) == 4 * size:  # gates i, f, g, o
                yield layer.bias_hh[size : 2 * size]

    def _recurrent_layers(self) -> Iterator[RecurrentLayer]:
        return (module for module in self.modules() if isinstance(module, RecurrentLayer))

    def _inputs(self, tokens: Tensor, spelling: tuple[Tensor, Tensor, Tensor] | None) -> Tensor:
        """Return the vectors below the first layer [B, T, I]."""
        vectors = functional.embedding(tokens, self.embedding)
        if self.characters is None:
            return vectors
        assert spelling is not None
        rows, characters, lengths = spelling
        words = self.characters.last_vectors(self.characters(characters, lengths), lengths)
        return torch.cat([vectors, functional.embedding(rows, words)], 2)

    def _join(self, vectors: dict[Direction, Tensor]) -> dict[Direction, Tensor]:
        """Return what each direction of the next layer reads."""
        if self.config.separate:
            return vectors
        return dict.fromkeys(vectors, torch.cat(list(vectors.values()), 2))

    def _read(self, direction: Direction, layer: int, x: Tensor, reverse: Tensor, hooks: DropoutHooks) -> Tensor:
        """Read inputs [B, T, I] in one direction; return outputs [B, T, H] in the order of the text."""
        network = self.get_submodule(f"{direction}_layers.{layer}")
        backward = direction == "backward"
        x = _take(x, reverse) if backward else x
        outputs, _ = network(x, self._zero_state(len(x)), hooks)
        return _take(outputs, reverse) if backward else outputs

    def _zero_state(self, rows: int) -> RecurrentState:
        return tuple(torch.zeros(rows, size) for size in self.config.layer_config.state_sizes)


def reversed_positions(lengths: Tensor, width: int) -> Tensor:
    """Return positions [B, T] that reverse each row within its own length and leave padding where it is."""
    positions = torch.arange(width).expand(len(lengths), width)
    reverse = lengths[:, None] - 1 - positions
    return torch.where(reverse >= 0, reverse, positions)


def _take(vectors: Tensor, positions: Tensor) -> Tensor:
    """Return the vectors [B, T, I] at positions [B, T] of their rows."""
    return vectors.gather(1, positions[..., None].expand(-1, -1, vectors.shape[2]))
