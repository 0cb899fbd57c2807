"""A pair of language models as a fill-in model: one reads from the left, one from the right.

P(w | left, right) is in proportion to P(w | left) P(w | right) / P(w): Bayes' rule, if left and right are independent
given w. It is a composite, whose checkpoint names the two published models.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np

from models.errors import InvalidInput
from models.language_model import LanguageModel
from models.model import CompositeModel, Floats, TokenIds
from models.state import State, concat, select
from models.tasks.fill_in.config import LanguageModelPairConfig
from models.tasks.fill_in.fill_in_model import FillInModel
from models.tasks.text import pad
from models.utils.arrays import log_softmax
from models.utils.progress import run_to_completion

_LEAST_PRIOR = np.float32(-50)
"""Least log P(w) that is divided by, for models that give some tokens no probability by themselves."""
STEP_PLACES = 128
"""Places of a long text that are reached in one step, token by token: some tens of milliseconds."""


class LanguageModelPair(CompositeModel, FillInModel):
    """Two language models, `members`: the first of text as it is read, the second of reversed text.

    P(w) is the first one's distribution before anything is read: of an n-gram model its unigrams, of a network the
    softmax of its output bias. Where no token is possible on both sides, the left one alone is believed.
    """

    kind = "language_model_pair"

    def __init__(self, config: LanguageModelPairConfig, members: Sequence[LanguageModel]) -> None:
        """Raises InvalidInput unless there are two members that have as many tokens."""
        if len(members) != 2 or members[0].vocabulary_size != members[1].vocabulary_size:
            raise InvalidInput("members", "must be two models that share a tokenizer: of text, and of reversed text")
        self.pair_config = config
        self.members: tuple[LanguageModel, ...] = tuple(members)
        self.vocabulary_size = members[0].vocabulary_size
        self.precision = min((member.precision for member in members), key=("int8", "float32").index)
        prior = members[0].logprobs(members[0].null_state(1))
        self._prior = np.maximum(prior, _LEAST_PRIOR) * np.float32(config.prior_weight)

    def contexts(self, texts: Sequence[TokenIds], positions: Sequence[TokenIds]) -> State:
        """See `FillInModel`: the states of both models, which have read the text up to each position."""
        return run_to_completion(self._read(texts, positions))

    def sliced_logprobs(self, texts: Sequence[TokenIds], positions: Sequence[TokenIds]) -> Iterator[Floats]:
        """See `FillInModel`; empty slices come while long texts are read."""
        reading = self._read(texts, positions)
        try:
            while True:
                next(reading)
                yield np.empty((0, self.vocabulary_size), np.float32)
        except StopIteration as end:
            contexts: State = end.value
        yield from self.slices(contexts)

    def _read(self, texts: Sequence[TokenIds], positions: Sequence[TokenIds]) -> Generator[int, None, State]:
        """Return the `contexts`; yields 0 after each step of reading."""
        forward, backward = self.members
        left = yield from read_before(forward, texts, positions)
        right = yield from read_before(backward, *mirror(texts, positions))
        return left, right

    def logprobs(self, contexts: State) -> Floats:
        """Return log-probabilities [N, V] of contexts; see `FillInModel`."""
        left, right = (member.logprobs(state) for member, state in zip(self.members, contexts, strict=True))
        with np.errstate(invalid="ignore", divide="ignore"):  # a probability of zero stays one, whatever divides it
            product = np.where(np.isneginf(left) | np.isneginf(right), -np.inf, left + right - self._prior)
            product = np.where(np.isneginf(product).all(1, keepdims=True), left, product)
            return log_softmax(product.astype(np.float32, copy=False))

    def config(self) -> dict[str, Any]:
        """Return the weight of the prior."""
        return asdict(self.pair_config)

    @classmethod
    def from_members(cls, config: dict[str, Any], members: Sequence[LanguageModel]) -> Self:
        """Build the pair; see `CompositeModel.from_members`."""
        return cls(LanguageModelPairConfig(**config), members)


def mirror(texts: Sequence[TokenIds], positions: Sequence[TokenIds]) -> tuple[list[TokenIds], list[TokenIds]]:
    """Return texts reversed, with `</s>` still at their ends, and where `positions` are in them."""
    mirrored = [len(text) - 2 - places for text, places in zip(texts, positions, strict=True)]
    return [np.append(text[-2::-1], text[-1]) for text in texts], mirrored


def states_before(model: LanguageModel, texts: Sequence[TokenIds], positions: Sequence[TokenIds]) -> State:
    """Return the states [N] in which a model has read each text up to `positions`, text by text."""
    return run_to_completion(read_before(model, texts, positions))


def states_after(model: LanguageModel, texts: Sequence[TokenIds], positions: Sequence[TokenIds]) -> State:
    """Return the states [N] in which a model of reversed text has read each text back to `positions`."""
    return states_before(model, *mirror(texts, positions))


def read_before(
    model: LanguageModel, texts: Sequence[TokenIds], positions: Sequence[TokenIds]
) -> Generator[int, None, State]:
    """Return `states_before`; yields 0 after each STEP_PLACES places, so that other work can run."""
    tokens, lengths = pad(texts)
    text_of = np.repeat(np.arange(len(texts)), [len(places) for places in positions])
    place_of = np.concatenate([np.zeros(0, np.int64), *positions])
    order = np.argsort(place_of, kind="stable")
    state, read = model.begin_state(len(texts)), 0
    parts = [select(state, [])]
    for count, place in enumerate(np.unique(place_of).tolist(), 1):
        if place > read:
            state = model.advance(state, tokens[:, read:place], np.clip(lengths - read, 0, place - read))
            read = place
        parts.append(select(state, text_of[order][place_of[order] == place].tolist()))
        if count % STEP_PLACES == 0:
            yield 0
    return select(concat(parts), np.argsort(order).tolist())
