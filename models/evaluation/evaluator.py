"""How well a model predicts a text, in one pass and bounded memory.

It knows units, and which lines can be scored before those in front of them have been. It does not know where text comes
from, how rows are batched (`scoring`), nor what follows from log-probabilities (`figures`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from itertools import groupby

import numpy as np

from models.data.line_reader import BLANKS, EmptyLines, LineReader
from models.errors import InvalidInput, InvalidText
from models.evaluation.metrics import Evaluation, Flags, Unit
from models.inference.scoring import Ids, score_row, score_rows
from models.language_model import LanguageModel
from models.special_tokens import EOS
from models.tokenization.tokenizer import Tokenizer
from models.tokenization.word_splitter import alphabet_of, bytes_of, words_in
from models.utils.parallel import stream
from models.utils.progress import drain

__all__ = ["SLICE_BYTES", "Evaluation", "Evaluator", "Unit", "check_unit", "evaluate"]

SLICE_BYTES = 1 << 18
"""Text is tokenised in pieces of this size, so that a yield is never far."""
SLICES_HELD = 16
"""Lines are held until they fill this many slices, so that those of like length meet."""


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
        self._result = self._nothing = Evaluation(unit, empty_lines, model.adaptive)

    def feed(self, text: str | bytes) -> Generator[int, None, None]:
        """Read on; a piece may end anywhere, in a character even. Yields after each slice how many tokens it held.

        Raises InvalidText, with the offset in bytes, for what is not UTF-8.
        """
        for clean in self._clean(text):
            yield from self._score(clean)

    def feed_all(self, text: Iterable[str | bytes]) -> Generator[int, None, None]:
        """`feed` each piece of `text`; a model that forgets at `</s>` scores lines on as many threads as torch may use.

        What is found is the same to the last bit.
        """
        chunks = (clean for piece in text for clean in self._clean(piece))
        for whole, run in groupby(chunks, self._is_whole_lines()):
            for found in stream(self._part, run) if whole else ():
                self._result += found
                yield found.token_count
            for chunk in () if whole else run:
                yield from self._score(chunk)

    def _clean(self, piece: str | bytes) -> Iterator[str]:
        data = _bytes(piece)
        for begin in range(0, len(data), SLICE_BYTES):
            yield self._reader.feed(data[begin : begin + SLICE_BYTES])

    def _is_whole_lines(self) -> Callable[[str], bool]:
        """Tells of one chunk after the other whether the model can score it before what stands in front of it."""
        inside = False

        def tell(chunk: str) -> bool:
            nonlocal inside
            before, inside = inside, not chunk.endswith("\n") if chunk else inside
            return self._model.forgets and self._has_lines and not before and not inside

        return tell

    def finish(self) -> Generator[int, None, Evaluation]:
        """Score what was held back and return the result. Raises InvalidText when there was nothing to score."""
        yield from self._score(self._reader.finish())
        if not self._result.characters:
            raise InvalidText("text", "must hold something to score")
        if not self._has_lines:
            yield from self._score_row(np.array([EOS], np.int32), np.array([False]))
        yield from self._score_held()
        return self._result

    def _part(self, text: str) -> Evaluation:
        """What the model makes of whole lines, to which nothing matters that stands in front of them."""
        encoding = self._tokenizer.encode(text)
        scores, _ = drain(score_row(self._model, self._model.start(1), encoding.ids))
        return self._sized(text, inside=False).plus(scores, encoding.oov)

    def _score(self, text: str) -> Generator[int, None, None]:
        encoding = self._tokenizer.encode(text)
        self._result += self._sized(text, self._in_word)
        self._in_word = text[-1] not in BLANKS if text else self._in_word
        if self._carries:
            yield from self._score_row(encoding.ids, encoding.oov)
        else:
            yield from self._score_lines(encoding.ids, encoding.oov)

    def _sized(self, text: str, inside: bool) -> Evaluation:
        """Only the size of `text`; `inside`: a word before it may go on in it."""
        data = text.encode()
        words = words_in(bytes_of(data), alphabet_of(lowercase=False, pretokenized=True), inside)
        return replace(self._nothing, characters=len(text), byte_count=len(data), word_count=words)

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
    yield from evaluator.feed_all(text)
    return (yield from evaluator.finish())


def _bytes(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidText("text", f"character {error.start} is half a surrogate pair, which no text holds") from None
