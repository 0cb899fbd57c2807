"""A trained recurrent network as a language model: a state of vectors, advanced by tokens, answering with log P.

It knows how states are carried, batched and scored in bounded memory, and which tensors make a checkpoint. It does not
know the equations of the layers (`network`) nor how weights come about (`training`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Protocol, Self, TypeAlias, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import CheckpointDamaged, InvalidInput
from models.language_model import LanguageModel
from models.neural.config import RecurrentConfig
from models.neural.network import LOGITS_PER_SLICE, Network
from models.special_tokens import EOS
from models.state import State, select

Floats: TypeAlias = NDArray[np.float32]
StateArrays: TypeAlias = tuple[Floats, ...]
"""A state: for each of `RecurrentState` its numbers [B, L, H]."""


class InferenceBackend(Protocol):
    """What reads and answers as a `Network` does: a `FloatBackend`, or what was made from it to be faster."""

    def forward(self, ids: NDArray[np.int64], vectors: StateArrays) -> tuple[Floats, StateArrays]:
        """Read ids [B, T]: the top layer's outputs [B, T, H], and the vectors after."""

    def logprobs(self, outputs: Tensor) -> Tensor:
        """Log-probabilities [N, V] after outputs [N, H]."""


class FloatBackend:
    """Reads and answers by a `Network`."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.logprobs = network.logprobs

    def forward(self, ids: NDArray[np.int64], vectors: StateArrays) -> tuple[Floats, StateArrays]:
        """See `InferenceBackend`."""
        outputs, after = self.network(torch.from_numpy(ids), tuple(map(torch.from_numpy, vectors)))
        return outputs.numpy(), tuple(each.numpy() for each in after)


class RecurrentModel(LanguageModel):
    """A network that reads token by token; its state is `Arrays`."""

    chunk_tokens = 256

    def __init__(self, config: RecurrentConfig, tensors: Mapping[str, Tensor], vocabulary_size: int) -> None:
        """Hold the weights, rounded to `config.storage`: what is evaluated is what will be stored.

        float32 tensors are kept as they are, without a copy, so they may be mapped from a file.
        """
        self.architecture = config
        self.vocabulary_size = vocabulary_size
        self._stored = {name: tensor.to(_stored_as(config, tensor)) for name, tensor in tensors.items()}
        self._compute = self._make_backend(_network(config, self._stored, vocabulary_size))
        self._start = self.advance(self.null_state(1), torch.full((1, 1), EOS))

    @property
    def kind(self) -> str:
        """rnn, lstm, gru or feedforward."""
        return self.architecture.kind

    def null_state(self, rows: int) -> State:
        """Zero vectors: nothing has been read."""
        layers = self.architecture.layers
        return tuple(np.zeros((rows, layers, size), np.float32) for size in self.architecture.state_sizes)

    def begin_state(self, rows: int) -> State:
        """Zero vectors that have read the boundary token."""
        return select(self._start, [0] * rows)

    @torch.inference_mode()
    def advance(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> State:
        """The vectors after `tokens` [B, T]; the vocabulary is not touched."""
        return self._read(state, tokens, lengths)[1]

    @torch.inference_mode()
    def logprobs(self, state: State) -> Tensor:
        """Log-probabilities [B, V] in nats: one softmax over the whole vocabulary."""
        return self._compute.logprobs(self.hidden(state))

    @torch.inference_mode()
    def score(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """Log P [B, T] of each token in one pass, the softmax in slices of a few megabytes; and the vectors after."""
        before, after = self.advance_with_hidden(state, tokens, lengths)
        return self.score_from_hidden(before, tokens, lengths), after

    def hidden(self, state: State) -> Tensor:
        """The top layer's hidden vectors [B, H], which all that the model says of the next token is computed from."""
        return torch.from_numpy(as_arrays(state)[0][:, -1])

    @torch.inference_mode()
    def advance_with_hidden(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """The hidden vectors [B, T, H] before each token (anything past `lengths`), and the state after them all."""
        outputs, after = self._read(state, tokens, lengths)
        return torch.cat([self.hidden(state)[:, None], torch.from_numpy(outputs)], 1)[:, :-1], after

    @torch.inference_mode()
    def score_from_hidden(self, hidden: Tensor, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Log P [B, T] of each token after the hidden vectors [B, T, H]; positions past `lengths` hold 0."""
        scores = torch.zeros(tokens.shape)
        read = torch.ones(tokens.shape, dtype=torch.bool)
        if lengths is not None:
            read = torch.arange(tokens.shape[1]) < lengths[:, None]
        if tokens.numel():
            scores[read] = self._log_likelihood(hidden[read], tokens[read])
        return scores

    def config(self) -> dict[str, Any]:
        """The architecture."""
        return asdict(self.architecture)

    def tensors(self) -> dict[str, Tensor]:
        """The weights, in the precision of `storage`."""
        return dict(self._stored)

    @classmethod
    def from_tensors(cls, config: dict[str, Any], tensors: dict[str, Tensor], vocabulary_size: int) -> Self:
        """The model of these weights; CheckpointDamaged names the first tensor that does not fit."""
        try:
            architecture = RecurrentConfig(**config)
        except (InvalidInput, TypeError) as error:
            raise CheckpointDamaged(f"config: {error}") from error
        expected = _empty(architecture, vocabulary_size).state_dict()
        for name in sorted(expected.keys() | tensors.keys()):
            _check(name, architecture, expected.get(name), tensors.get(name))
        return cls(architecture, tensors, vocabulary_size)

    def _make_backend(self, network: Network) -> InferenceBackend:
        """What computes this model, made from its weights; kinds of model that compute otherwise say so here."""
        return FloatBackend(network)

    def _read(self, state: State, tokens: Tensor, lengths: Tensor | None) -> tuple[Floats, StateArrays]:
        """Outputs [B, T, H] (anything past `lengths`) and the vectors after."""
        ids, vectors = tokens.numpy(), as_arrays(state)
        if ids.size and (lengths is None or (lengths.numpy() == ids.shape[1]).all()):
            return self._compute.forward(ids, vectors)
        outputs = np.zeros((*ids.shape, self.architecture.hidden_size), np.float32)
        if lengths is None:
            return outputs, vectors
        vectors = tuple(v.copy() for v in vectors)
        for rows, begin, end in _spans(lengths.numpy()):
            part, after = self._compute.forward(ids[rows, begin:end], tuple(v[rows] for v in vectors))
            outputs[rows, begin:end] = part
            for whole, rest in zip(vectors, after, strict=True):
                whole[rows] = rest
        return outputs, vectors

    def _log_likelihood(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """Log P [N] of tokens [N] after hidden vectors [N, H]."""
        size = max(1, LOGITS_PER_SLICE // self.vocabulary_size)
        parts = zip(torch.split(hidden, size), torch.split(tokens, size), strict=True)
        return torch.cat([self._compute.logprobs(h).gather(1, t[:, None])[:, 0] for h, t in parts])


def as_arrays(state: State) -> StateArrays:
    """The state as the flat tuple that it is."""
    return cast("StateArrays", state)


def _spans(lengths: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], int, int]]:
    """Rows that read on together, and from where to where: up to the shortest remaining length, again and again.

    Padding never enters a state this way, and the fused kernel, which returns no vectors in between, can be used.
    """
    begin = 0
    for end in sorted({n for n in lengths.tolist() if n > 0}):
        yield (lengths >= end).nonzero()[0], begin, end
        begin = end


def _stored_as(config: RecurrentConfig, tensor: Tensor) -> torch.dtype:
    """Matrices as `storage` says; biases are few and as large as a log-probability, so they keep their precision."""
    return torch.float16 if config.storage == "float16" and tensor.dim() > 1 else torch.float32


def _network(config: RecurrentConfig, stored: Mapping[str, Tensor], vocabulary_size: int) -> Network:
    """The network of these weights, in float32."""
    network = _empty(config, vocabulary_size)
    network.load_state_dict({name: tensor.float() for name, tensor in stored.items()}, assign=True)
    network.requires_grad_(False)
    return network.eval()


def _empty(config: RecurrentConfig, vocabulary_size: int) -> Network:
    """A network without memory for its weights."""
    with torch.device("meta"):
        return Network(config, vocabulary_size)


def _check(name: str, config: RecurrentConfig, expected: Tensor | None, found: Tensor | None) -> None:
    """Raise CheckpointDamaged unless the tensor is there, wanted, of the right shape and dtype, and finite."""
    if expected is None:
        raise CheckpointDamaged(f"tensor {name}: not part of this architecture")
    if found is None:
        raise CheckpointDamaged(f"tensor {name}: missing")
    dtype = _stored_as(config, expected)
    if found.shape != expected.shape or found.dtype != dtype:
        wanted = f"{dtype} {list(expected.shape)}"
        raise CheckpointDamaged(f"tensor {name}: {wanted} expected, {found.dtype} {list(found.shape)} found")
    if not bool(found.isfinite().all()):
        raise CheckpointDamaged(f"tensor {name}: holds numbers that are not finite")
