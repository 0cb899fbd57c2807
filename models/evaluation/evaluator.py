"""Evaluation of a model on a text, in one pass and bounded memory.

`evaluate` scores a whole text; an `Evaluator` takes it in pieces. Lines are held back and sorted by length, or scored
side by side, where their order cannot change a number; the figures themselves are in `metrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import groupby
from typing import Any

import numpy as np

from models.data.corpus import Corpus
from models.data.encoding_names import UTF_8
from models.data.line_reader import EmptyLines
from models.data.paragraph_reader import open_reader
from models.errors import InvalidInput, InvalidText
from models.evaluation.metrics import Evaluation, Mask, Scores, Unit, evaluation_figures
from models.evaluation.scored_ends import ScoredEnds
from models.evaluation.text_size import count_text
from models.inference.prefill import Ids, Runtime
from models.inference.scoring import score_row, score_rows
from models.language_model import LanguageModel
from models.special_tokens import EOS
from models.tokenization.encoding import Encoding
from models.tokenization.raw_text import WHITESPACE, check_unicode
from models.tokenization.tokenizer import Tokenizer
from models.utils.parallel import parallel_imap
from models.utils.progress import Progress, run_to_completion, with_progress

CHUNK_BYTES = 1 << 18
"""Bytes of text tokenized at a time, so that a yield is never far."""
HELD_CHUNKS = 16
"""Lines are held back until they fill this many chunks, so that lines of like length meet in a batch."""


def check_unit(unit: Unit, tokenizer: Tokenizer) -> None:
    """Raise InvalidInput for an unknown unit, or one that a character tokenizer does not have."""
    if unit not in ("lines", "document"):
        raise InvalidInput("unit", 'must be "lines" or "document"')
    if unit == "lines" and not tokenizer.config.has_lines:
        raise InvalidInput("unit", 'must be "document": to a character model a newline is a character like any other')


class Evaluator:
    """Evaluation of one text that arrives in pieces; memory does not grow with the text.

    >>> from models.tokenization.tokenizer import Tokenizer, TokenizerConfig
    >>> from models.ngram.config import NgramConfig
    >>> from models.ngram.model import NgramModel
    >>> from models.ngram.smoothing.estimator import estimate_from_tokens
    >>> from models.utils.progress import run_to_completion
    >>> tokenizer = Tokenizer.train(TokenizerConfig(), ["a b a b a c\\n"])
    >>> config = NgramConfig(order=2, smoothing="add_delta", delta=1)
    >>> ids = tokenizer.encode("a b a b a c\\n").ids
    >>> model = NgramModel(config, estimate_from_tokens(config, ids, tokenizer.vocabulary_size))
    >>> evaluator = Evaluator(model, tokenizer, "document")
    >>> run_to_completion(evaluator.feed("a b "))
    >>> run_to_completion(evaluator.feed("a\\n"))
    >>> evaluation = run_to_completion(evaluator.finish())
    >>> evaluation.token_count, round(evaluation.perplexity, 2)
    (4, 3.5)
    """

    def __init__(
        self,
        model: LanguageModel,
        tokenizer: Tokenizer,
        unit: Unit,
        empty_lines: EmptyLines = "keep",
        runtime: Runtime | None = None,
        *,
        bos: bool = True,
        eos: bool = True,
        encoding: str = UTF_8,
    ) -> None:
        """Raises InvalidInput for an unknown encoding or unit, or a unit that the tokenizer does not have.

        `bos`: what is scored, each line or the document, begins after `</s>`; otherwise the model has read nothing.
        `eos`: its end, the `</s>` behind it, is scored too. Line ends inside a document are scored in any case.
        """
        check_unit(unit, tokenizer)
        self._model, self._tokenizer = model, tokenizer
        self._runtime = runtime or Runtime.default_for(model)
        self._has_lines = tokenizer.config.has_lines
        self._reader = open_reader(tokenizer.config, empty_lines, encoding=encoding)
        self._begin_state = model.begin_state if bos else model.null_state
        self._ends = ScoredEnds(unit, eos=eos)
        # A model that `</s>` resets scores lines as one row: the numbers are the same, and no line waits.
        self._scores_as_one_row = unit == "document" or (model.resets_at_eos and bos)
        self._state = self._begin_state(1)
        self._inside_word = False  # whether the text so far ends in a word
        self._inside_line = False  # whether `_state` is in the middle of a line
        self._held_lines: list[tuple[Ids, Mask]] = []  # lines not yet scored, and which of their tokens are unknown
        self._result = self._zero = Evaluation(unit, empty_lines, bos, eos, model.adaptive)

    @property
    def nothing(self) -> Evaluation:
        """Evaluation of no text at all, to which those of texts can be added."""
        return self._zero

    def feed(self, text: str | bytes) -> Generator[int, None, None]:
        """Read the next piece, which may end anywhere, even in a character; yields the size of each chunk.

        Raises InvalidText, with the offset in bytes, for what is not in the encoding.
        """
        for chunk in self._clean(text):
            yield from self._score(chunk)

    def feed_all(self, text: Iterable[str | bytes]) -> Generator[int, None, None]:
        """Read `text` as `feed` does, to the last bit, but whole lines on threads if `</s>` resets the model."""
        chunks = (chunk for piece in text for chunk in self._clean(piece))
        for whole_lines, run in groupby(chunks, self._is_whole_lines()):
            if not whole_lines:
                for chunk in run:
                    yield from self._score(chunk)
                continue
            for evaluation in parallel_imap(self._evaluate_whole_lines, run):
                self._result += evaluation
                yield evaluation.token_count

    def finish(self) -> Generator[int, None, Evaluation]:
        """Score what was held back and return the result. Raises InvalidText when there was nothing to score."""
        yield from self._score(self._reader.finish())
        if not self._tokenizer.config.text_end and self._result.characters and self._ends.scores_last:
            yield from self._score_row(np.array([EOS], np.int32), np.array([False]))
        yield from self._score_held()
        size = -self._ends.finish() * len(self._tokenizer.config.text_end)
        self._result = self._result.add_sizes(characters=size, byte_count=size, line_count=size)
        if not self._result.token_count:
            raise InvalidText("text", "must hold something to score")
        return self._result

    def _clean(self, piece: str | bytes) -> Iterator[str]:
        """Yield chunks of a piece of text as the tokenizer reads it."""
        data = _encode(piece)
        for begin in range(0, len(data), CHUNK_BYTES):
            yield self._reader.feed(data[begin : begin + CHUNK_BYTES])

    def _is_whole_lines(self) -> Callable[[str], bool]:
        """Return a function that tells of successive chunks whether they can be scored out of order."""
        inside = False
        in_any_order = self._model.resets_at_eos and self._has_lines and self._zero.bos and self._zero.eos

        def is_whole_lines(chunk: str) -> bool:
            nonlocal inside
            before, inside = inside, not chunk.endswith("\n") if chunk else inside
            return in_any_order and not before and not inside

        return is_whole_lines

    def _evaluate_whole_lines(self, text: str) -> Evaluation:
        """Return the evaluation of whole lines, for which nothing matters that stands in front of them."""
        encoding = self._tokenizer.encode(text)
        scoring = score_row(self._model, self._model.begin_state(1), encoding.ids, self._runtime)
        scores, _ = run_to_completion(scoring)
        return self._count_text(text, encoding, inside_word=False).add_tokens(scores, encoding.oov)

    def _score(self, text: str) -> Generator[int, None, None]:
        encoding = self._tokenizer.encode(text)
        self._result += self._count_text(text, encoding, self._inside_word)
        self._inside_word = text[-1] not in WHITESPACE if text else self._inside_word
        ids, oov = self._ends.hold_back(encoding)
        if self._scores_as_one_row:
            yield from self._score_row(ids, oov)
        else:
            yield from self._score_lines(ids, oov)

    def _count_text(self, text: str, encoding: Encoding, inside_word: bool) -> Evaluation:
        return count_text(self._zero, text, encoding, self._tokenizer, inside_word)

    def _add(self, ids: Ids, scores: Scores, oov: Mask) -> None:
        self._result = self._result.add_tokens(*self._ends.keep(ids, scores, oov))

    def _score_row(self, ids: Ids, oov: Mask) -> Generator[int, None, None]:
        """Score the next tokens of the row that `_state` belongs to."""
        scores, self._state = yield from score_row(self._model, self._state, ids, self._runtime)
        self._add(ids, scores, oov)

    def _score_lines(self, ids: Ids, oov: Mask) -> Generator[int, None, None]:
        """Hold back whole lines; the beginning of a line longer than a chunk is scored before its end is read."""
        ends = np.flatnonzero(ids == EOS) + 1
        *lines, rest = zip(np.split(ids, ends), np.split(oov, ends), strict=True)
        if self._inside_line and lines:
            yield from self._score_row(*lines.pop(0))
            self._state, self._inside_line = self._begin_state(1), False
        self._held_lines += lines
        if len(rest[0]):
            yield from self._score_row(*rest)
            self._inside_line = True
        if sum(len(line) for line, _ in self._held_lines) >= HELD_CHUNKS * self._runtime.chunk_tokens:
            yield from self._score_held()

    def _score_held(self) -> Generator[int, None, None]:
        """Score the lines that were held back."""
        if self._held_lines:
            lines, oov = zip(*self._held_lines, strict=True)
            scores = yield from score_rows(self._model, self._begin_state(1), lines, self._runtime)
            self._add(np.concatenate(lines), np.concatenate(scores), np.concatenate(oov))
            self._held_lines = []


def evaluate(
    model: LanguageModel,
    tokenizer: Tokenizer,
    text: Iterable[str | bytes],
    unit: Unit,
    empty_lines: EmptyLines = "keep",
    *,
    bos: bool = True,
    eos: bool = True,
) -> Generator[int, None, Evaluation]:
    """Evaluate `model` on all pieces of `text`; yields the size of each chunk in tokens."""
    evaluator = Evaluator(model, tokenizer, unit, empty_lines, bos=bos, eos=eos)
    yield from evaluator.feed_all(text)
    return (yield from evaluator.finish())


def measure_units(
    model: LanguageModel, tokenizer: Tokenizer, held_out: Corpus
) -> Generator[Progress, None, dict[str, dict[str, Any]]]:
    """Evaluate `model` on a held-out text in every unit it has; return the figures by unit."""
    units: tuple[Unit, ...] = ("lines", "document") if held_out.has_lines else ("document",)
    figures: dict[str, dict[str, Any]] = {}
    for unit in units:
        steps = evaluate(model, tokenizer, held_out.chunks(), unit, held_out.empty_lines)
        figures[unit] = evaluation_figures((yield from with_progress(steps)))
    return figures


def _encode(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else check_unicode(text).encode()
