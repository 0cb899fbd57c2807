"""A recurrent network as a language model: states, scores in bounded memory, checkpoint.

Everything here is NumPy. What multiplies the matrices is an `InferenceBackend`: NumPy and then PyTorch in float32, or
compiled loops in int8 (`models.neural.int8`), which never import it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Protocol, Self, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from models.errors import CheckpointDamaged, InvalidInput
from models.language_model import LANGUAGE_MODEL_CAPABILITIES, LanguageModel
from models.model import Floats, Lengths, Tensors, TokenIds
from models.neural.cells import zero_step
from models.neural.config import LOGITS_PER_SLICE, RecurrentConfig
from models.neural.explanation import explain_state, explain_tokens
from models.neural.numpy_backend import LazyFloatBackend, make_float_backend
from models.neural.tensors import check_tensor, stored_dtype
from models.sequence_encoder import SequenceEncoder, Spelling
from models.special_tokens import EOS
from models.state import State, select

StateArrays: TypeAlias = tuple[Floats, ...]
"""A state: vectors [B, L, H] of each of `RecurrentConfig.state_sizes`."""

_GATES = {"rnn": 1, "gru": 3, "lstm": 4}
"""Gates stacked in each weight matrix of a layer."""


class InferenceBackend(Protocol):
    """Computation of a network's outputs in one precision."""

    def forward(self, ids: TokenIds, state: StateArrays, /) -> tuple[Floats, StateArrays]:
        """Read ids [B, T]; return the top layer's outputs [B, T, H] and the next state.

        Raises InvalidInput for a token that is none.
        """

    def logprobs(self, hidden: Floats, /) -> Floats:
        """Return log-probabilities [N, V] after hidden vectors [N, H]."""


class RecurrentModel(LanguageModel, SequenceEncoder):
    """A network that reads token by token; its state is `StateArrays`."""

    chunk_tokens = 256
    can_learn = True
    capabilities = LANGUAGE_MODEL_CAPABILITIES | {"embed"}

    def __init__(self, config: RecurrentConfig, tensors: Mapping[str, NDArray[Any]], vocabulary_size: int) -> None:
        """Hold the weights, rounded to `config.storage`: what is evaluated is what will be stored.

        float32 arrays are kept as they are, without a copy, so they may be mapped from a file.
        """
        self.architecture = config
        self.vocabulary_size = vocabulary_size
        self.vector_size = config.hidden_size
        self.context_length = config.window if config.kind == "feedforward" else None
        dtypes = {name: stored_dtype(config.storage, array.ndim) for name, array in tensors.items()}
        self._stored = {name: array.astype(dtypes[name], copy=False) for name, array in tensors.items()}
        self._backend = self._make_backend()
        self._begin_state = self.advance(self.null_state(1), np.full((1, 1), EOS))
        self._zero_state: State = zero_step(config, self._stored)

    @property
    def kind(self) -> str:
        """rnn, lstm, gru or feedforward."""
        return self.architecture.kind

    def null_state(self, rows: int) -> State:
        """Return zero vectors, with which every sequence begins: no step is made yet."""
        config = self.architecture
        return tuple(np.zeros((rows, config.layers, size), np.float32) for size in config.state_sizes)

    def initial_state(self, rows: int, *, bos: bool) -> State:
        """Return the vectors after one step, on the boundary token or (without `bos`) on a vector of zeros.

        A first token is sampled after a step on zeros in textbooks; from zero vectors themselves, without a step, only
        the output bias would speak.
        """
        return select(self._begin_state if bos else self._zero_state, [0] * rows)

    def begin_state(self, rows: int) -> State:
        """Return copies of the vectors after the boundary token."""
        return select(self._begin_state, [0] * rows)

    def advance(self, state: State, tokens: TokenIds, lengths: Lengths | None = None) -> State:
        """Return the vectors after the tokens; the vocabulary is not touched."""
        return self._read(state, tokens, lengths)[1]

    def logprobs(self, state: State) -> Floats:
        """See `LanguageModel`; one softmax over the whole vocabulary."""
        return self._backend.logprobs(self.hidden(state))

    def score(self, state: State, tokens: TokenIds, lengths: Lengths | None = None) -> tuple[Floats, State]:
        """See `LanguageModel`; one pass over the tokens, and the softmax in slices of a few megabytes."""
        hidden, after = self.advance_with_hidden(state, tokens, lengths)
        return self.score_from_hidden(hidden, tokens, lengths), after

    def encode(self, tokens: TokenIds, lengths: Lengths, spelling: Spelling | None = None) -> Floats:
        """See `SequenceEncoder`: the top layer's hidden vectors after each token, from the begin state."""
        del spelling
        outputs, _ = self._read(self.begin_state(len(tokens)), tokens, lengths)
        outputs[np.arange(tokens.shape[1]) >= lengths[:, None]] = 0
        return outputs

    def hidden(self, state: State) -> Floats:
        """Return the top layer's hidden vectors [B, H], from which the next token's distribution is computed."""
        return as_arrays(state)[0][:, -1]

    def advance_with_hidden(
        self, state: State, tokens: TokenIds, lengths: Lengths | None = None
    ) -> tuple[Floats, State]:
        """Return the hidden vectors [B, T, H] before each token (any past `lengths`), and the state after all."""
        outputs, after = self._read(state, tokens, lengths)
        return np.concatenate([self.hidden(state)[:, None], outputs], 1)[:, :-1], after

    def score_from_hidden(self, hidden: Floats, tokens: TokenIds, lengths: Lengths | None = None) -> Floats:
        """Return log P [B, T] of tokens after hidden vectors [B, T, H]; positions past `lengths` hold 0."""
        scores = np.zeros(tokens.shape, np.float32)
        inside = np.ones(tokens.shape, np.bool_)
        if lengths is not None:
            inside = np.arange(tokens.shape[1]) < lengths[:, None]
        scores[inside] = self._log_likelihood(hidden[inside], tokens[inside])
        return scores

    def warm_up(self) -> None:
        """Import PyTorch now, where it computes, so that no request waits for it."""
        if isinstance(self._backend, LazyFloatBackend):
            self._backend.import_torch()

    def explain(self, state: State) -> dict[str, Any]:
        """Return norms of a one-row state's vectors, and shares of saturated units; see `explanation`."""
        return explain_state(self.architecture, as_arrays(state))

    def explain_reading(self, state: State, tokens: TokenIds) -> dict[str, Any]:
        """Return the gates of each layer at each of `tokens` [1, T], computed in float32; see `explanation`."""
        return explain_tokens(self.architecture, self._stored, as_arrays(state), tokens[0])

    def config(self) -> dict[str, Any]:
        """Return the architecture."""
        return asdict(self.architecture)

    def tensors(self) -> Tensors:
        """Return the weights, in the precision of `storage`."""
        return dict(self._stored)

    @classmethod
    def from_tensors(cls, config: dict[str, Any], tensors: Tensors, vocabulary_size: int) -> Self:
        """See `LanguageModel`; CheckpointDamaged names the first tensor that does not fit."""
        try:
            architecture = RecurrentConfig(**config)
        except (InvalidInput, TypeError) as error:
            raise CheckpointDamaged(f"config: {error}") from error
        shapes = weight_shapes(architecture, vocabulary_size)
        for name in sorted(shapes.keys() | tensors.keys()):
            check_tensor(name, architecture.storage, shapes.get(name), tensors.get(name))
        return cls(architecture, tensors, vocabulary_size)

    def _make_backend(self) -> InferenceBackend:
        """Return what computes with the weights; models of another precision override it."""
        make = make_float_backend if "torch" in sys.modules else LazyFloatBackend
        return make(self.architecture, self._stored, self.vocabulary_size)

    def _read(self, state: State, tokens: TokenIds, lengths: Lengths | None) -> tuple[Floats, StateArrays]:
        """Return outputs [B, T, H] (anything past `lengths`) and the state after."""
        vectors = as_arrays(state)
        if tokens.size and (lengths is None or (lengths == tokens.shape[1]).all()):
            return self._backend.forward(tokens, vectors)
        outputs = np.zeros((*tokens.shape, self.architecture.hidden_size), np.float32)
        if lengths is None:
            return outputs, vectors
        vectors = tuple(v.copy() for v in vectors)
        for rows, begin, end in _spans(lengths):
            part, after = self._backend.forward(tokens[rows, begin:end], tuple(v[rows] for v in vectors))
            outputs[rows, begin:end] = part
            for whole, new in zip(vectors, after, strict=True):
                whole[rows] = new
        return outputs, vectors

    def _log_likelihood(self, hidden: Floats, tokens: TokenIds) -> Floats:
        """Return log P [N] of tokens [N] after hidden vectors [N, H]."""
        size = max(1, LOGITS_PER_SLICE // self.vocabulary_size)
        scores = np.empty(len(tokens), np.float32)
        for begin in range(0, len(tokens), size):
            rows = self._backend.logprobs(hidden[begin : begin + size])
            scores[begin : begin + size] = rows[np.arange(len(rows)), tokens[begin : begin + size]]
        return scores


def weight_shapes(config: RecurrentConfig, vocabulary_size: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor in a checkpoint, by name: those of `network.Network`'s parameters."""
    embedding, hidden = config.embedding_size, config.hidden_size
    shapes: dict[str, tuple[int, ...]] = {"embedding": (vocabulary_size, embedding), "output_bias": (vocabulary_size,)}
    if not config.tied:
        shapes["output_weight"] = (vocabulary_size, hidden)
    elif embedding != hidden:
        shapes["projection"] = (embedding, hidden)
    if config.kind == "feedforward":
        return shapes | {"layers.0.weight": (hidden, config.window * embedding), "layers.0.bias": (hidden,)}
    rows = _GATES[config.kind] * hidden
    for i in range(config.layers):
        shapes[f"layers.{i}.weight_ih"] = rows, hidden if i else embedding
        shapes[f"layers.{i}.weight_hh"] = rows, hidden
        shapes[f"layers.{i}.bias_ih"] = shapes[f"layers.{i}.bias_hh"] = (rows,)
    return shapes


def as_arrays(state: State) -> StateArrays:
    """Return the state as the flat tuple that it is."""
    return cast("StateArrays", state)


def _spans(lengths: Lengths) -> Iterator[tuple[NDArray[np.int64], int, int]]:
    """Yield rows that read on together, and their range of positions: up to the shortest rest each time.

    Padding never enters a state this way, and PyTorch's fused kernel, which returns no vectors in between, can be used.
    """
    begin = 0
    for end in sorted({n for n in lengths.tolist() if n > 0}):
        yield (lengths >= end).nonzero()[0], begin, end
        begin = end
