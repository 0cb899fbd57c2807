"""What was measured on a text: perplexity with its unit and counts, whatever the model and however it was scored.

It knows out-of-vocabulary words and what a zero probability does to a mean; it does not know text, nor models.

Cross-entropy H = -1/N sum_i log P(w_i | w_1 ... w_(i-1)) over the N scored tokens, every `</s>` among them;
perplexity = exp(H); bits per character = N H / (log 2 * characters). (Jurafsky and Martin, Speech and Language
Processing, 3rd ed., chapter 3.) What a tokenizer makes of a text decides N, so that only figures for each byte or word
of the text itself compare tokenizers: bits per byte = N H / (log 2 * bytes); perplexity per word = exp(N H / words).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.data.line_reader import EmptyLines

Mask: TypeAlias = NDArray[np.bool_]
Scores: TypeAlias = NDArray[np.float32]
Unit: TypeAlias = Literal["lines", "document"]

_LARGEST_EXPONENT = 700.0
"""exp of more than this is no finite number."""


@dataclass(frozen=True)
class Evaluation:
    """What was measured on a text. Log-probabilities are in nats and exclude the tokens of probability zero."""

    unit: Unit
    """`lines`: each line on its own; `document`: what was read before is remembered across lines."""
    empty_lines: EmptyLines
    adaptive: bool = False
    """Whether the model learned from the text as it scored it: such figures are another contest."""
    token_count: int = 0
    """Tokens scored, each `</s>` included."""
    oov_count: int = 0
    """Those whose surface form the vocabulary lacks."""
    characters: int = 0
    """Of the text as it was scored, newlines included."""
    byte_count: int = 0
    """The same in bytes of UTF-8."""
    word_count: int = 0
    """What stands between blanks, and each end of a line: as many as a tokenizer of words separated by blanks makes."""
    known_logprob: float = 0.0
    """Sum over tokens in the vocabulary."""
    oov_logprob: float = 0.0
    """Sum over the others, each scored as `<unk>`."""
    known_zeros: int = 0
    """Tokens in the vocabulary to which the model gives no probability at all."""
    oov_zeros: int = 0
    """The same among the others."""

    def add_tokens(self, scores: Scores, oov: Mask) -> Evaluation:
        """The evaluation after more tokens: their log-probabilities [T] and whether they are out of vocabulary [T]."""
        possible = np.isfinite(scores)
        return replace(
            self,
            token_count=self.token_count + len(scores),
            oov_count=self.oov_count + int(oov.sum()),
            known_logprob=self.known_logprob + float(scores[possible & ~oov].sum(dtype=np.float64)),
            oov_logprob=self.oov_logprob + float(scores[possible & oov].sum(dtype=np.float64)),
            known_zeros=self.known_zeros + int((~possible & ~oov).sum()),
            oov_zeros=self.oov_zeros + int((~possible & oov).sum()),
        )

    def __add__(self, other: Evaluation) -> Evaluation:
        """That of both texts, one after the other."""
        added = {name: getattr(self, name) + getattr(other, name) for name in _SUMMED_FIELDS}
        return replace(self, **added)

    @property
    def zero_probability(self) -> bool:
        """Whether the model rules the text out: some token has probability zero."""
        return self.known_zeros + self.oov_zeros > 0

    @property
    def logprob(self) -> float:
        """Log P of the text in nats, -inf where it is ruled out."""
        return -math.inf if self.zero_probability else self.known_logprob + self.oov_logprob

    @property
    def perplexity(self) -> float | None:
        """Over all tokens; None where it is infinite."""
        return _perplexity(self.logprob, self.token_count)

    @property
    def perplexity_without_oov(self) -> float | None:
        """Over the tokens in the vocabulary; None where it is infinite or there are none."""
        return _perplexity(-math.inf if self.known_zeros else self.known_logprob, self.token_count - self.oov_count)

    @property
    def perplexity_per_word(self) -> float | None:
        """For each of `word_count`, whatever the tokenizer makes of them; None where it is infinite."""
        return _perplexity(self.logprob, self.word_count)

    @property
    def bits_per_character(self) -> float | None:
        """Of the text, not of what the tokenizer makes of it; None where it is infinite."""
        return self._bits(self.characters)

    @property
    def bits_per_byte(self) -> float | None:
        """Of the text in UTF-8, not of what the tokenizer makes of it; None where it is infinite."""
        return self._bits(self.byte_count)

    def _bits(self, units: int) -> float | None:
        return None if self.zero_probability or not units else -self.logprob / math.log(2) / units


_SUMMED_FIELDS = [field.name for field in fields(Evaluation) if field.type in ("int", "float")]


def _perplexity(logprob: float, token_count: int) -> float | None:
    entropy = -logprob / token_count if token_count else math.inf
    return math.exp(entropy) if entropy < _LARGEST_EXPONENT else None
