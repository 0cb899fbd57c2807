"""How well a model predicts a text, in one pass and bounded memory.

It knows units, and which lines can be scored before those in front of them have been. It does not know where text comes
from, how rows are batched (`scoring`), nor what follows from log-probabilities (`figures`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from itertools import groupby

import numpy as np

from models.data.line_reader import WHITESPACE, EmptyLines, LineReader
from models.errors import InvalidInput, InvalidText
from models.evaluation.metrics import Evaluation, Mask, Unit
from models.inference.scoring import Ids, score_row, score_rows
from models.language_model import LanguageModel
from models.special_tokens import EOS
from models.tokenization.tokenizer import Tokenizer
from models.tokenization.word_splitter import char_classes, count_words, padded_bytes
from models.utils.parallel import parallel_imap
from models.utils.progress import run_to_completion

__all__ = ["CHUNK_BYTES", "Evaluation", "Evaluator", "Unit", "check_unit", "evaluate"]

CHUNK_BYTES = 1 << 18
"""Text is tokenised in pieces of this size, so that a yield is never far."""
HELD_CHUNKS = 16
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
        self._scores_as_one_row = unit == "document" or model.resets_at_eos
        self._state = model.begin_state(1)
        self._inside_word = False  # whether the text so far ends in one
        self._inside_line = False  # whether `_state` is in the middle of a line
        self._held_lines: list[tuple[Ids, Mask]] = []  # lines not yet scored, and which of their tokens are unknown
        self._result = self._zero = Evaluation(unit, empty_lines, model.adaptive)

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
            for found in parallel_imap(self._evaluate_whole_lines, run) if whole else ():
                self._result += found
                yield found.token_count
            for chunk in () if whole else run:
                yield from self._score(chunk)

    def _clean(self, piece: str | bytes) -> Iterator[str]:
        data = _bytes(piece)
        for begin in range(0, len(data), CHUNK_BYTES):
            yield self._reader.feed(data[begin : begin + CHUNK_BYTES])

    def _is_whole_lines(self) -> Callable[[str], bool]:
        """Tells of one chunk after the other whether the model can score it before what stands in front of it."""
        inside = False

        def tell(chunk: str) -> bool:
            nonlocal inside
            before, inside = inside, not chunk.endswith("\n") if chunk else inside
            return self._model.resets_at_eos and self._has_lines and not before and not inside

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

    def _evaluate_whole_lines(self, text: str) -> Evaluation:
        """What the model makes of whole lines, to which nothing matters that stands in front of them."""
        encoding = self._tokenizer.encode(text)
        scores, _ = run_to_completion(score_row(self._model, self._model.begin_state(1), encoding.ids))
        return self._count_text(text, inside=False).add_tokens(scores, encoding.oov)

    def _score(self, text: str) -> Generator[int, None, None]:
        encoding = self._tokenizer.encode(text)
        self._result += self._count_text(text, self._inside_word)
        self._inside_word = text[-1] not in WHITESPACE if text else self._inside_word
        if self._scores_as_one_row:
            yield from self._score_row(encoding.ids, encoding.oov)
        else:
            yield from self._score_lines(encoding.ids, encoding.oov)

    def _count_text(self, text: str, inside: bool) -> Evaluation:
        """Only the size of `text`; `inside`: a word before it may go on in it."""
        data = text.encode()
        words = int(count_words(padded_bytes(data), char_classes(lowercase=False, pretokenized=True), inside))
        return replace(self._zero, characters=len(text), byte_count=len(data), word_count=words)

    def _score_row(self, ids: Ids, oov: Mask) -> Generator[int, None, None]:
        """Score what comes next, and remember it."""
        scores, self._state = yield from score_row(self._model, self._state, ids)
        self._result = self._result.add_tokens(scores, oov)

    def _score_lines(self, ids: Ids, oov: Mask) -> Generator[int, None, None]:
        """Hold whole lines back; only of a line longer than a chunk is the beginning scored before its end is read."""
        ends = np.flatnonzero(ids == EOS) + 1
        *lines, rest = zip(np.split(ids, ends), np.split(oov, ends), strict=True)
        if self._inside_line and lines:
            yield from self._score_row(*lines.pop(0))
            self._state, self._inside_line = self._model.begin_state(1), False
        self._held_lines += lines
        if len(rest[0]):
            yield from self._score_row(*rest)
            self._inside_line = True
        if sum(len(line) for line, _ in self._held_lines) >= HELD_CHUNKS * self._model.chunk_tokens:
            yield from self._score_held()

    def _score_held(self) -> Generator[int, None, None]:
        if self._held_lines:
            scores = yield from score_rows(
                self._model, self._model.begin_state(1), [ids for ids, _ in self._held_lines]
            )
            self._result = self._result.add_tokens(
                np.concatenate(scores), np.concatenate([oov for _, oov in self._held_lines])
            )
            self._held_lines = []


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
