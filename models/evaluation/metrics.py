"""Figures of a scored text: perplexity and bits, with their unit and counts.

Cross-entropy H = -1/N sum_i log P(w_i | w_1 ... w_(i-1)) over the N scored tokens, every `</s>` among them;
perplexity = exp(H). (Jurafsky and Martin, Speech and Language Processing, 3rd ed., chapter 3.) It is the figure that
papers print, and flatters a model with a small vocabulary: to it most words are `<unk>`, however they are spelled.

The other figures charge for that. The text as it stands has log P = sum_i log P(w_i | ...) + sum over unknown words of
log P(spelling | unknown word), from `tokenization.speller`; with S = -log P, open-vocabulary perplexity = exp(S / N).
What a tokenizer makes of a text decides N, so that only figures for each byte, character or word of the text itself
compare tokenizers: bits per byte = S / (log 2 * bytes), per character likewise; perplexity per word =
exp(S / (words + line ends)), as word-level perplexities are printed, whose tokens are words and line ends.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from operator import add, sub
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.data.line_reader import EmptyLines

Mask: TypeAlias = NDArray[np.bool_]
Scores: TypeAlias = NDArray[np.float32]
Unit: TypeAlias = Literal["lines", "document"]

_LOG_2 = math.log(2)
_LARGEST_EXPONENT = 700.0
"""The exponential of more than this is not a finite float."""


@dataclass(frozen=True)
class Evaluation:
    """Sums over a scored text, and the figures that follow; log-probabilities exclude zero probabilities.

    >>> evaluation = Evaluation("document", "keep", characters=4, byte_count=4, spelling_logprob=math.log(1 / 16))
    >>> evaluation = evaluation.add_tokens(np.log(np.array([0.5, 0.125], np.float32)), np.array([False, True]))
    >>> round(evaluation.perplexity, 6), round(evaluation.perplexity_without_oov, 6)
    (4.0, 2.0)
    >>> round(evaluation.open_vocabulary_perplexity, 6), round(evaluation.bits_per_byte, 6)
    (16.0, 2.0)
    """

    unit: Unit
    """`lines`: each line on its own; `document`: what was read before is remembered across lines."""
    empty_lines: EmptyLines
    bos: bool = True
    """Whether what was scored on its own begins after `</s>`."""
    eos: bool = True
    """Whether its end was scored too."""
    adaptive: bool = False
    """Whether the model learned from the text as it scored it; its figures are not comparable with those of others."""
    token_count: int = 0
    """Tokens scored, each `</s>` included."""
    oov_count: int = 0
    """Tokens whose surface form the vocabulary lacks."""
    characters: int = 0
    """Characters of the text as it was scored, newlines included."""
    byte_count: int = 0
    """Bytes of the text in UTF-8."""
    word_count: int = 0
    """Words of the text: what stands between blanks."""
    line_count: int = 0
    """Line ends of the text as it was scored."""
    known_logprob: float = 0.0
    """Sum of log P in nats over tokens in the vocabulary."""
    oov_logprob: float = 0.0
    """Sum of log P in nats over the others, each scored as `<unk>`."""
    spelling_logprob: float = 0.0
    """Sum of log P(spelling | unknown word) in nats over the others."""
    known_zeros: int = 0
    """Tokens in the vocabulary whose probability is zero."""
    oov_zeros: int = 0
    """Other tokens whose probability is zero."""

    def add_tokens(self, scores: Scores, oov: Mask) -> Evaluation:
        """Return the evaluation with more tokens of log P [T], and whether the vocabulary lacks them [T]."""
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

    def add_sizes(
        self, characters: int = 0, byte_count: int = 0, word_count: int = 0, line_count: int = 0
    ) -> Evaluation:
        """Return the evaluation of a text that is longer by so much."""
        return replace(
            self,
            characters=self.characters + characters,
            byte_count=self.byte_count + byte_count,
            word_count=self.word_count + word_count,
            line_count=self.line_count + line_count,
        )

    def with_sums(self, sums: Iterable[Any]) -> Evaluation:
        """Return an evaluation of the same kind whose sums are these, in the order of `SUMMED_FIELDS`."""
        return Evaluation(self.unit, self.empty_lines, self.bos, self.eos, self.adaptive, *sums)

    def __add__(self, other: Evaluation) -> Evaluation:
        """Return the evaluation of both texts, one after the other."""
        added = {name: getattr(self, name) + getattr(other, name) for name in SUMMED_FIELDS}
        return replace(self, **added)

    @property
    def zero_probability(self) -> bool:
        """Whether the model rules the text out: some token has probability zero."""
        return self.known_zeros + self.oov_zeros > 0

    @property
    def logprob(self) -> float:
        """Log P of the tokens in nats, -inf where they are ruled out."""
        return -math.inf if self.zero_probability else self.known_logprob + self.oov_logprob

    @property
    def text_logprob(self) -> float:
        """Log P of the text in nats: that of its tokens, and of the spellings of the unknown ones."""
        return self.logprob + self.spelling_logprob

    @property
    def perplexity(self) -> float | None:
        """Perplexity over all tokens; None where it is infinite."""
        return _perplexity(self.logprob, self.token_count)

    @property
    def perplexity_without_oov(self) -> float | None:
        """Perplexity over the tokens in the vocabulary; None where it is infinite or there are none."""
        return _perplexity(-math.inf if self.known_zeros else self.known_logprob, self.token_count - self.oov_count)

    @property
    def open_vocabulary_perplexity(self) -> float | None:
        """Perplexity over all tokens, charged for the spellings of unknown words; None where it is infinite."""
        return _perplexity(self.text_logprob, self.token_count)

    @property
    def perplexity_per_word(self) -> float | None:
        """Perplexity per word and line end, whatever the tokenizer makes of them; None where it is infinite."""
        return _perplexity(self.text_logprob, self.word_count + self.line_count)

    @property
    def bits_per_character(self) -> float | None:
        """Bits per character of the text; None where it is infinite."""
        return _bits(self.text_logprob, self.characters)

    @property
    def bits_per_byte(self) -> float | None:
        """Bits per byte of the text in UTF-8; None where it is infinite."""
        return _bits(self.text_logprob, self.byte_count)


SUMMED_FIELDS = tuple(field.name for field in fields(Evaluation) if field.type in ("int", "float"))
"""Fields that are sums over the text, in their order; the others say how it was scored."""


def evaluation_figures(evaluation: Evaluation) -> dict[str, Any]:
    """Return the figures by name, as cards, the command line and HTTP write them: finite numbers, or None.

    `zero_probability` is there where the model rules the text out.
    """
    tokens, logprob = evaluation.token_count, evaluation.logprob
    text_logprob = logprob + evaluation.spelling_logprob
    figures: dict[str, Any] = {
        "perplexity": _perplexity(logprob, tokens),
        "perplexity_without_oov": evaluation.perplexity_without_oov,
        "open_vocabulary_perplexity": _perplexity(text_logprob, tokens),
        "perplexity_per_word": _perplexity(text_logprob, evaluation.word_count + evaluation.line_count),
        "bits_per_character": _bits(text_logprob, evaluation.characters),
        "bits_per_byte": _bits(text_logprob, evaluation.byte_count),
        "token_count": evaluation.token_count,
        "oov_count": evaluation.oov_count,
        "word_count": evaluation.word_count,
        "line_count": evaluation.line_count,
        "empty_lines": evaluation.empty_lines,
        "bos": evaluation.bos,
        "eos": evaluation.eos,
        "adaptive": evaluation.adaptive,
    }
    if evaluation.zero_probability:
        figures["zero_probability"] = True
    return figures


def figure_columns(sums: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """Return the figures that differ from text to text, [N] by name, from `SUMMED_FIELDS` [N].

    They are those of `evaluation_figures`, with log P of the tokens (nats) and the characters; None where one is not
    finite. A quarter of the time goes that an `Evaluation` of each text would take.
    """
    tokens, known_zeros = sums["token_count"], sums["known_zeros"]
    zeros = map(add, known_zeros, sums["oov_zeros"])
    sides = zip(sums["known_logprob"], sums["oov_logprob"], zeros, strict=True)
    logprobs = [-math.inf if zero else known + oov for known, oov, zero in sides]
    text = list(map(add, logprobs, sums["spelling_logprob"]))
    known = [-math.inf if zero else value for value, zero in zip(sums["known_logprob"], known_zeros, strict=True)]
    return {
        "perplexity": list(map(_perplexity, logprobs, tokens)),
        "perplexity_without_oov": list(map(_perplexity, known, map(sub, tokens, sums["oov_count"]))),
        "open_vocabulary_perplexity": list(map(_perplexity, text, tokens)),
        "perplexity_per_word": list(map(_perplexity, text, map(add, sums["word_count"], sums["line_count"]))),
        "bits_per_character": list(map(_bits, text, sums["characters"])),
        "bits_per_byte": list(map(_bits, text, sums["byte_count"])),
        **{name: list(sums[name]) for name in ("token_count", "oov_count", "word_count", "line_count", "characters")},
        "logprob": [None if logprob == -math.inf else logprob for logprob in logprobs],
    }


def _bits(logprob: float, units: int) -> float | None:
    return None if logprob == -math.inf or not units else -logprob / _LOG_2 / units


def _perplexity(logprob: float, token_count: int) -> float | None:
    entropy = -logprob / token_count if token_count else math.inf
    return math.exp(entropy) if entropy < _LARGEST_EXPONENT else None
