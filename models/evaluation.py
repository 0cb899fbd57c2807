"""How well a model predicts a text: perplexity with its unit and counts, in one pass and bounded memory.

It knows units, out-of-vocabulary words and what a zero probability does to a mean; it does not know where text comes
from, nor how rows are batched (`scoring`).

Cross-entropy H = -1/N sum_i log P(w_i | w_1 ... w_(i-1)) over the N scored tokens, every `</s>` among them;
perplexity = exp(H); bits per character = N H / (log 2 * characters). (Jurafsky and Martin, Speech and Language
Processing, 3rd ed., chapter 3.) What a tokenizer makes of a text decides N, so that only figures for each byte or word
of the text itself compare tokenizers: bits per byte = N H / (log 2 * bytes); perplexity per word = exp(N H / words).
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.base import EOS, LanguageModel
from models.errors import InvalidInput, InvalidText
from models.lines import EmptyLines, LineReader
from models.scoring import Ids, Scores, score_row, score_rows
from models.tokenizer import Tokenizer

Flags: TypeAlias = NDArray[np.bool_]
Unit: TypeAlias = Literal["lines", "document"]

SLICE_BYTES = 1 << 18
"""Text is tokenised in pieces of this size, so that a yield is never far."""
SLICES_HELD = 16
"""Lines are held until they fill this many slices, so that those of like length meet."""
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

    def plus(self, scores: Scores, oov: Flags) -> Evaluation:
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


def check_unit(unit: Unit, tokenizer: Tokenizer) -> None:
    """Raise InvalidInput for a unit that is none, or that a character tokenizer does not have."""
    if unit not in ("lines", "document"):
        raise InvalidInput("unit", 'must be "lines" or "document"')
    if unit == "lines" and not tokenizer.config.has_lines:
        raise InvalidInput("unit", 'must be "document": to a character model a newline is a character like any other')


class Evaluator:
    """Scores one text that arrives in pieces; memory does not grow with it."""

    def __init__(
        self, model: LanguageModel, tokenizer: Tokenizer, unit: Unit, empty_lines: EmptyLines = "keep"
    ) -> None:
        """Raises InvalidInput for a unit that is none, or that a character tokenizer does not have."""
        check_unit(unit, tokenizer)
        self._model, self._tokenizer = model, tokenizer
        self._has_lines = tokenizer.config.has_lines
        self._reader = LineReader(strip=self._has_lines, empty_lines=empty_lines)
        # A model that forgets at every `</s>` scores lines as one row: the numbers are the same, and no line waits.
        self._carries = unit == "document" or model.forgets
        self._state = model.start(1)
        self._in_word = False  # whether the text so far ends in one
        self._inside = False  # whether `_state` is in the middle of a line
        self._held: list[tuple[Ids, Flags]] = []  # lines not yet scored, and which of their tokens are unknown
        self._result = Evaluation(unit, empty_lines, model.adaptive)

    def feed(self, text: str | bytes) -> Generator[int, None, None]:
        """Read on; a piece may end anywhere, in a character even. Yields after each slice how many tokens it held.

        Raises InvalidText, with the offset in bytes, for what is not UTF-8.
        """
        data = _bytes(text)
        for begin in range(0, len(data), SLICE_BYTES):
            yield from self._score(self._reader.feed(data[begin : begin + SLICE_BYTES]))

    def finish(self) -> Generator[int, None, Evaluation]:
        """Score what was held back and return the result. Raises InvalidText when there was nothing to score."""
        yield from self._score(self._reader.finish())
        if not self._result.characters:
            raise InvalidText("text", "must hold something to score")
        if not self._has_lines:
            yield from self._score_row(np.array([EOS], np.int32), np.array([False]))
        yield from self._score_held()
        return self._result

    def _score(self, text: str) -> Generator[int, None, None]:
        encoding = self._tokenizer.encode(text)
        self._result = replace(
            self._result,
            characters=self._result.characters + len(text),
            byte_count=self._result.byte_count + (len(text) if text.isascii() else len(text.encode())),
            word_count=self._result.word_count + self._words_of(text),
        )
        if self._carries:
            yield from self._score_row(encoding.ids, encoding.oov)
        else:
            yield from self._score_lines(encoding.ids, encoding.oov)

    def _words_of(self, text: str) -> int:
        """How many words begin, and lines end, in `text`; what a piece before it ended in may go on here."""
        if not text:
            return 0
        goes_on = self._in_word and not text[0].isspace()
        self._in_word = not text[-1].isspace()
        return len(text.split()) + text.count("\n") - goes_on

    def _score_row(self, ids: Ids, oov: Flags) -> Generator[int, None, None]:
        """Score what comes next, and remember it."""
        scores, self._state = yield from score_row(self._model, self._state, ids)
        self._result = self._result.plus(scores, oov)

    def _score_lines(self, ids: Ids, oov: Flags) -> Generator[int, None, None]:
        """Hold whole lines back; only of a line longer than a chunk is the beginning scored before its end is read."""
        ends = np.flatnonzero(ids == EOS) + 1
        *lines, rest = zip(np.split(ids, ends), np.split(oov, ends), strict=True)
        if self._inside and lines:
            yield from self._score_row(*lines.pop(0))
            self._state, self._inside = self._model.start(1), False
        self._held += lines
        if len(rest[0]):
            yield from self._score_row(*rest)
            self._inside = True
        if sum(len(line) for line, _ in self._held) >= SLICES_HELD * self._model.slice_tokens:
            yield from self._score_held()

    def _score_held(self) -> Generator[int, None, None]:
        if self._held:
            scores = yield from score_rows(self._model, self._model.start(1), [ids for ids, _ in self._held])
            self._result = self._result.plus(np.concatenate(scores), np.concatenate([oov for _, oov in self._held]))
            self._held = []


def evaluate(
    model: LanguageModel,
    tokenizer: Tokenizer,
    text: Iterable[str | bytes],
    unit: Unit,
    empty_lines: EmptyLines = "keep",
) -> Generator[int, None, Evaluation]:
    """An `Evaluator` fed with all pieces of `text`; yields after each slice how many tokens it held."""
    evaluator = Evaluator(model, tokenizer, unit, empty_lines)
    for piece in text:
        yield from evaluator.feed(piece)
    return (yield from evaluator.finish())


def _bytes(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidText("text", f"character {error.start} is half a surrogate pair, which no text holds") from None


def _perplexity(logprob: float, token_count: int) -> float | None:
    entropy = -logprob / token_count if token_count else math.inf
    return math.exp(entropy) if entropy < _LARGEST_EXPONENT else None
