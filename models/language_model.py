"""The interface of every language model: a begin state, a transition, and a distribution per state.

A language model is an automaton with an output. An n-gram model has finitely many states and a recurrent one has
vectors; nothing else differs, so sampling, generation, scoring, evaluation and serving are written once, against
`LanguageModel`. Token ids, states and log-probabilities are NumPy arrays: PyTorch is loaded only by those families that
compute with it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.model import Capability, Floats, Lengths, Model, TokenIds
from models.state import State
from models.utils.arrays import IntArray, top_k

if TYPE_CHECKING:  # the sampling kernel takes a second to import, and only who samples needs it
    from models.kernels.sampling import SamplingMetadata

AnyIds: TypeAlias = "Sequence[int] | NDArray[np.integer[Any]]"
"""Token ids [T] of any integer type."""
LANGUAGE_MODEL_CAPABILITIES: frozenset[Capability] = frozenset(
    ("next", "probability", "perplexity", "rescore", "generate", "fill")
)


class LanguageModel(Model):
    """An automaton with an output. All log-probabilities are in nats; token ids are int64.

    The next-token distribution after a prompt, and the log-probability of a text, of any model:

    >>> from models.ngram.config import NgramConfig
    >>> from models.ngram.model import NgramModel
    >>> from models.ngram.smoothing.estimator import estimate_from_tokens
    >>> text = np.array([2, 3, 2, 3, 2, 4, 1], np.int32)
    >>> config = NgramConfig(order=2, smoothing="add_delta", delta=1)
    >>> model = NgramModel(config, estimate_from_tokens(config, text, vocabulary_size=5))
    >>> state = model.advance(model.begin_state(1), np.array([[2]]))
    >>> np.exp(model.logprobs(state)).round(3)
    array([[0.125, 0.125, 0.125, 0.375, 0.25 ]], dtype=float32)
    >>> scores, state = model.score(model.begin_state(1), np.array([[2, 3]]))
    >>> scores.shape
    (1, 2)
    """

    capabilities = LANGUAGE_MODEL_CAPABILITIES
    resets_at_eos: bool = False
    """Whether reading `</s>` always leads to the begin state, so that lines can be scored as one row."""
    adaptive: bool = False
    """Whether the model learns from the text it scores; its figures are not comparable with those of others."""
    has_undefined_contexts: bool = False
    """Whether some contexts have no distribution of their own: relative frequencies after what never occurred."""
    has_matched_orders: bool = False
    """Whether a probability comes from one listed n-gram, whose length can be told."""
    scores_only: bool = False
    """Whether the model tells probabilities of given tokens alone, and no distribution of the next one."""
    context_length: int | None = None
    """How many tokens back a distribution depends on; None: all of them, or it is not known."""
    can_learn: bool = False
    """Whether dynamic evaluation can go on training the model, or a member of it, on the text it scores."""

    @abstractmethod
    def begin_state(self, rows: int) -> State:
        """Return the state of `rows` sequences that have read only the boundary token."""

    @abstractmethod
    def null_state(self, rows: int) -> State:
        """Return the state of `rows` sequences that have read nothing, not even the boundary token."""

    def initial_state(self, rows: int, *, bos: bool) -> State:
        """Return `begin_state`, or (without `bos`) the state in which nothing is read and a token predicted.

        The latter is `null_state`, unless the family has to make a step before it can predict.
        """
        return self.begin_state(rows) if bos else self.null_state(rows)

    @abstractmethod
    def advance(self, state: State, tokens: TokenIds, lengths: Lengths | None = None) -> State:
        """Return the state after `tokens` [B, T], of which row i reads only the first `lengths[i]`."""

    @abstractmethod
    def logprobs(self, state: State) -> Floats:
        """Return log-probabilities of the next token [B, V], in nats: a new array, the only definition of P."""

    def sample(self, state: State, sampling: SamplingMetadata) -> tuple[TokenIds, Floats]:
        """Sample a token [B] of each row (or NO_TOKEN, NOT_FINITE); return it and its log P [B]."""
        return sampling.sample(self.logprobs(state))

    def step(self, state: State, sampling: SamplingMetadata) -> tuple[TokenIds, Floats, State]:
        """Sample a token of each row as `sample` does, and read it; where there is none, any token is read."""
        tokens, logprobs = self.sample(state, sampling)
        return tokens, logprobs, self.advance(state, np.maximum(tokens, 0)[:, None])

    def topk(self, state: State, k: int) -> tuple[Floats, TokenIds]:
        """Return log P and ids [B, k] of the `k` most probable next tokens, best first, ties to lower ids."""
        return top_k(self.logprobs(state), k)

    def score(self, state: State, tokens: TokenIds, lengths: Lengths | None = None) -> tuple[Floats, State]:
        """Return log P(token | all before it) [B, T] in nats, 0 past `lengths`, and the state after."""
        scores = np.zeros(tokens.shape, np.float32)
        for t in range(tokens.shape[1]):
            column = tokens[:, t : t + 1]
            scores[:, t] = np.take_along_axis(self.logprobs(state), column, 1)[:, 0]
            state = self.advance(state, column, None if lengths is None else np.clip(lengths - t, 0, 1))
        if lengths is not None:
            scores[np.arange(tokens.shape[1]) >= lengths[:, None]] = 0
        return scores, state

    def score_pairs(self, state: State, rows: IntArray, tokens: TokenIds) -> Floats:
        """Return log P [N] of each of `tokens` [N] after the row of `state` that `rows` [N] names, in nats.

        A decoder's step: all candidates of all its hypotheses in one call, to the last bit those of `logprobs`.
        """
        values: Floats = self.logprobs(state)[rows, tokens]
        return values

    def topk_after(self, context: AnyIds, k: int, *, bos: bool = True) -> tuple[Floats, TokenIds]:
        """Return the log-probabilities and ids [k] of the `k` most probable tokens after `context` [T]."""
        values, ids = self.topk(self._state_after(context, bos), k)
        return values[0], ids[0]

    def score_after(self, context: AnyIds, ids: AnyIds, *, bos: bool = True) -> Floats:
        """Return log P [T] of each of `ids` [T] in nats, after `context` and the ids before it."""
        scores, _ = self.score(self._state_after(context, bos), _as_row(ids))
        row: Floats = scores[0]
        return row

    def _state_after(self, context: AnyIds, bos: bool) -> State:
        """Return the one-row state after `context` [T]."""
        state = self.initial_state(1, bos=bos)
        return self.advance(state, _as_row(context)) if len(context) else state

    def explain(self, state: State) -> dict[str, Any]:
        """Return how the distribution of a one-row state comes about, as JSON-ready data; by default nothing.

        Token ids in it stand under the keys `context` (a list) and `token` (one), so that they can be shown as tokens.
        """
        del state
        return {}

    def explain_reading(self, state: State, tokens: TokenIds) -> dict[str, Any]:
        """Return how the distribution after `tokens` [1, T] comes about, read from a one-row state."""
        return self.explain(self.advance(state, tokens))

    def undefined_contexts(self, state: State, tokens: TokenIds) -> NDArray[np.bool_]:
        """Return which of `tokens` [B, T] follow a context without a distribution of its own; by default none."""
        del state
        return np.zeros(tokens.shape, np.bool_)

    def matched_orders(self, state: State, tokens: TokenIds) -> NDArray[np.int64]:
        """Return the length of the n-gram that gives each of `tokens` [B, T] its probability; or 0."""
        del state
        return np.zeros(tokens.shape, np.int64)

    def check(self) -> None:
        """Raise InvalidInput unless the model's probabilities sum to one after a few contexts.

        Those of a model that is known not to be `normalized` must have a finite sum.
        """
        spread = np.linspace(0, self.vocabulary_size - 1, 4).astype(np.int64)
        contexts = self.advance(self.begin_state(4), np.stack([spread, spread[::-1]], 1))
        for state in (self.begin_state(1), self.null_state(1), contexts):
            sums = np.exp(self.logprobs(state), dtype=np.float64).sum(-1)
            # A log-probability may be -inf (a word never seen); NaN and +inf spoil the sum.
            is_sound = np.allclose(sums, 1, atol=1e-3) if self.normalized else np.isfinite(sums).all()
            if not is_sound:
                raise InvalidInput("model", "its probabilities of the next token do not sum to one")


def _as_row(ids: AnyIds) -> TokenIds:
    """Return token ids as one row, int64 [1, T]."""
    return np.asarray(ids, np.int64)[None]
