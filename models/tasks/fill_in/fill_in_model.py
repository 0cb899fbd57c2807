"""The interface of models that tell a token from all the others of its text: `FillInModel`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np

from models.errors import InvalidInput
from models.model import Capability, Floats, Model, TokenIds
from models.neural.config import LOGITS_PER_SLICE
from models.special_tokens import EOS
from models.state import State, row_count, select


class FillInModel(Model):
    """A model of P(token | all others of the text): contexts of positions, a distribution of each."""

    capabilities: frozenset[Capability] = frozenset({"fill"})
    chunk_tokens = 256

    @abstractmethod
    def contexts(self, texts: Sequence[TokenIds], positions: Sequence[TokenIds]) -> State:
        """Return what the model knows of N positions: a row for each of `positions`, text by text.

        Each text [T] ends with `</s>`, before which the positions lie. No context depends on the token at its own
        position, nor on the texts beside its own.
        """

    @abstractmethod
    def logprobs(self, contexts: State) -> Floats:
        """Return log-probabilities [N, V] of the tokens of N contexts, in nats."""

    def sliced_logprobs(self, texts: Sequence[TokenIds], positions: Sequence[TokenIds]) -> Iterator[Floats]:
        """Yield log-probabilities [n, V] of the N positions in slices of a few megabytes, in order.

        Slices may be empty: other work can run before the next one.
        """
        yield from self.slices(self.contexts(texts, positions))

    def slices(self, contexts: State) -> Iterator[Floats]:
        """Yield `logprobs` of N contexts in slices of a few megabytes."""
        count, size = row_count(contexts), max(1, LOGITS_PER_SLICE // self.vocabulary_size)
        for begin in range(0, count, size):
            yield self.logprobs(select(contexts, range(begin, min(begin + size, count))))

    def check(self) -> None:
        """Raise InvalidInput unless the probabilities of the tokens of a made-up text sum to one."""
        text = np.append(np.linspace(0, self.vocabulary_size - 1, 3).astype(np.int64), EOS)
        for logprobs in self.sliced_logprobs([text, text[-2:]], [np.arange(3), np.arange(1)]):
            if not np.allclose(np.exp(logprobs, dtype=np.float64).sum(1), 1, atol=1e-3):
                raise InvalidInput("model", "its probabilities of a token between others do not sum to one")


def word_positions(text: TokenIds) -> TokenIds:
    """Return the positions of all tokens of a text but its last, which is `</s>`."""
    return np.arange(len(text) - 1)
