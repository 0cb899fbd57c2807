"""Log-probabilities of texts and their tokens, as `models.inference.scoring` finds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.inference.alternatives import Alternatives
from models.inference.prediction.predictions import ScoredTokens
from models.inference.prefill import Ids
from models.model import Floats
from models.tokenization.encoding import BatchEncoding, Encoding
from models.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True)
class TextScore:
    """The log-probabilities of one text.

    ids: [T] its tokens, `</s>` last where the end was scored.
    oov: [T] whether the vocabulary lacks the surface form.
    logprobs: [T] log P(token | all before it) in nats, -inf where a model gives no probability.
    undefined: [T] whether the context has no distribution of its own; None where all contexts have.
    orders: [T] length of the n-gram that each token takes its probability from; None unless asked of an n-gram model.
    """

    text: str
    ids: Ids
    oov: NDArray[np.bool_]
    logprobs: Floats
    undefined: NDArray[np.bool_] | None = None
    orders: NDArray[np.int64] | None = None

    @property
    def logprob(self) -> float:
        """Log P of the whole text in nats."""
        return float(self.logprobs.sum(dtype=np.float64))

    def logprob_with_floor(self, floor: float) -> float:
        """Return log P of the text in nats, where a token of probability zero counts as `floor`."""
        return float(self.logprobs[np.isfinite(self.logprobs)].sum(dtype=np.float64)) + floor * self.zero_count

    @property
    def zero_count(self) -> int:
        """Tokens of probability zero."""
        return int(np.isneginf(self.logprobs).sum())

    @property
    def token_count(self) -> int:
        """Tokens scored, the end included where it was."""
        return len(self.ids)

    @property
    def oov_count(self) -> int:
        """Tokens that the vocabulary lacks."""
        return int(self.oov.sum())

    def spelling_logprob(self, tokenizer: Tokenizer) -> float:
        """Return log P of the spellings of the unknown words, in nats: what `logprob` does not charge for."""
        if not self.oov.any():
            return 0.0
        forms = tokenizer.unknown_forms(self.text, Encoding(self.ids, self.oov))
        return float(tokenizer.speller.logprobs(forms).sum())

    def scored_tokens(self, tokenizer: Tokenizer) -> ScoredTokens:
        """Return the tokens with their scores."""
        undefined, orders = (None if marks is None else marks.tolist() for marks in (self.undefined, self.orders))
        shown, logprobs = self.tokens(tokenizer), self.logprobs.tolist()
        return ScoredTokens(shown, self.ids.tolist(), self.oov.tolist(), logprobs, undefined, orders)

    def tokens(self, tokenizer: Tokenizer) -> list[str]:
        """Return the tokens [T] as they are shown: words as the text has them, known or not."""
        surfaces, names = tokenizer.surface_forms(self.text), tokenizer.names
        surfaces += [names.boundary] * (self.token_count - len(surfaces))
        return list(names.of_text(self.ids.tolist(), self.oov.tolist(), surfaces))


@dataclass(frozen=True)
class TextScores:
    """The log-probabilities of N texts.

    logprobs: [T] of the tokens of `encodings`, in nats.
    undefined: [T] whether a token's context has no distribution of its own; None where all contexts have.
    orders: [T] length of the n-gram that each token takes its probability from; None unless asked of an n-gram model.
    alternatives: the most probable tokens in the place of each; None unless asked for.
    """

    texts: Sequence[str]
    encodings: BatchEncoding
    logprobs: Floats
    undefined: NDArray[np.bool_] | None = None
    orders: NDArray[np.int64] | None = None
    alternatives: Alternatives | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[TextScore]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, k: int) -> TextScore:
        """Return the score of text k. Raises IndexError where there is none."""
        encoding, end = self.encodings[k], self.encodings.ends[k]
        part = slice(end - len(encoding.ids), end)
        undefined = None if self.undefined is None else self.undefined[part]
        orders = None if self.orders is None else self.orders[part]
        return TextScore(self.texts[k], encoding.ids, encoding.oov, self.logprobs[part], undefined, orders)

    def totals(self) -> Iterator[tuple[float, int, int]]:
        """Yield log P in nats, the number of tokens, and of those out of vocabulary, for each text."""
        logprobs, oov = self.logprobs.tolist(), self.encodings.oov.tolist()
        for begin, end in pairwise([0, *self.encodings.ends.tolist()]):
            yield sum(logprobs[begin:end]), end - begin, oov[begin:end].count(True)

    def scored_tokens(self, tokenizer: Tokenizer) -> ScoredTokens:
        """Return the tokens of all texts, one text after the other, with all that is known of them."""
        ids, oov = self.encodings.ids.tolist(), self.encodings.oov.tolist()
        shown = tokenizer.names.of_text(ids, oov, tokenizer.batch_surface_forms(self.texts, self.encodings))
        undefined, orders = (None if marks is None else marks.tolist() for marks in (self.undefined, self.orders))
        scored = ScoredTokens(shown, ids, oov, self.logprobs.tolist(), undefined, orders)
        if self.alternatives is None:
            return scored
        _, ranks, best, best_logprobs = self.alternatives
        return scored._replace(ranks=ranks.tolist(), best=best.tolist(), best_logprobs=best_logprobs.tolist())

    def undefined_counts(self) -> list[int]:
        """Return for each text how many of its tokens follow a context without a distribution of its own."""
        if self.undefined is None:
            return [0] * len(self)
        return [int(part.sum()) for part in np.split(self.undefined, self.encodings.ends)[:-1]]
