"""Figures of a model behind a keyboard: hits among its first suggestions, and keystrokes saved.

`measure_typing` lets a text be typed word by word. Before each letter the `SUGGESTIONS` most probable completions are
shown; as soon as the word is among them it is chosen with one keystroke, which also types the blank behind it.
Keystroke savings = 1 - keystrokes / characters (Trnka and McCoy 2008, Evaluating Word Prediction: Framing Keystroke
Savings). Hits at k are the share of words among the best k before any letter is typed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, NamedTuple

from models.errors import InvalidInput
from models.inference.prefill import Runtime
from models.inference.prefix_cache import PrefixCache
from models.inference.typing.complete import complete
from models.inference.typing.query import CompletionQuery
from models.language_model import LanguageModel
from models.tokenization.tokenizer import Tokenizer

SUGGESTIONS = 5
"""Completions that are shown at a time."""
HITS = (1, 3, 5)
"""Numbers of first suggestions among which a word is looked for."""
MAX_WORD = 64
"""Letters of the longest word that is looked for; longer ones are typed out."""
CONTEXT_CHARACTERS = 256
"""End of the text before a word that a model without lines reads."""
_CACHE_BYTES = 1 << 24


class TypedWordPlace(NamedTuple):
    """A word of a text, the text before it, and whether a blank stands behind it."""

    context: str
    word: str
    blank: bool


@dataclass(frozen=True)
class TypingFigures:
    """Counts over the words typed.

    >>> figures = TypingFigures(words=2, hits=(1, 1, 2), characters=8, keystrokes=4)
    >>> figures.figures()["hits_at_3"], figures.figures()["keystrokes_saved"]
    (0.5, 0.5)
    """

    words: int = 0
    hits: tuple[int, ...] = (0,) * len(HITS)
    """Words among the first 1, 3 and 5 suggestions before a letter is typed."""
    characters: int = 0
    """Letters of the words, and the blanks behind them."""
    keystrokes: int = 0
    """Keys pressed for these, choices of a suggestion included."""

    def figures(self) -> dict[str, Any]:
        """Return the shares by name, and how many words they are of."""
        shares = {f"hits_at_{k}": hits / self.words for k, hits in zip(HITS, self.hits, strict=True)}
        saved = 1 - self.keystrokes / self.characters
        return {"typed_words": self.words, **shares, "keystrokes_saved": saved, "suggestions": SUGGESTIONS}

    def add(self, place: TypedWordPlace, rank: int | None, letters: int | None) -> TypingFigures:
        """Return the figures with another word.

        rank: its place before any letter, from 0; letters: after how many it is shown. None: never.
        """
        characters = len(place.word) + place.blank
        hits = tuple(count + (rank is not None and rank < k) for k, count in zip(HITS, self.hits, strict=True))
        pressed = characters if letters is None else min(letters + 1, characters)
        return replace(
            self,
            words=self.words + 1,
            hits=hits,
            characters=self.characters + characters,
            keystrokes=self.keystrokes + pressed,
        )


def measure_typing(
    model: LanguageModel, tokenizer: Tokenizer, text: Iterable[str], words: int
) -> Generator[int, None, TypingFigures]:
    """Let the first `words` words of a text be typed, given in lines; yields 1 for each of them.

    A word of a word model is one of its tokens, so that punctuation is typed apart; of other models, what stands
    between blanks. The model reads the line so far; one without lines, the end of the text so far. A text without words
    is an InvalidInput: shares of nothing are not defined.
    """
    runtime = Runtime(model.chunk_tokens, PrefixCache(_CACHE_BYTES))
    figures = TypingFigures()
    for place in find_words(tokenizer, text):
        if figures.words == words:
            break
        rank, letters = yield from find_place(model, tokenizer, place, runtime)
        figures = figures.add(place, rank, letters)
        yield 1
    if not figures.words:
        raise InvalidInput("typing", "needs a text with at least one word")
    return figures


def take_words(chunks: Iterable[str], words: int) -> tuple[list[str], Iterator[str]]:
    """Return the lines that hold the first `words` words of a text, and the whole text in chunks."""
    rest, head, count = iter(chunks), [], 0
    for chunk in rest:
        head.append(chunk)
        count += len(chunk.split())
        if count > words:  # the last one may not be whole
            break
    return "".join(head).split("\n"), chain(head, rest)


def find_words(tokenizer: Tokenizer, lines: Iterable[str]) -> Iterator[TypedWordPlace]:
    """Yield the words of a text, given in lines, with what a model reads before them."""
    before = ""
    for line in lines:
        for begin, end in _spans(tokenizer, line):
            yield TypedWordPlace(before + line[:begin], line[begin:end], line[end : end + 1].isspace())
        before = "" if tokenizer.config.has_lines else f"{before}{line}\n"[-CONTEXT_CHARACTERS:]


def _spans(tokenizer: Tokenizer, line: str) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each word of a line, in characters."""
    if tokenizer.boundary_tokens is None:
        yield from ((begin, end) for begin, end in tokenizer.encode_with_offsets(line).offsets.tolist() if begin < end)
        return
    begin = 0
    for word in line.split():
        begin = line.index(word, begin)
        yield begin, begin + len(word)
        begin += len(word)


def find_place(
    model: LanguageModel, tokenizer: Tokenizer, place: TypedWordPlace, runtime: Runtime
) -> Generator[int, None, tuple[int | None, int | None]]:
    """Return the rank of a word before any letter, and after how many letters it is shown."""
    first = None
    word = tokenizer.continuations.fold(place.word)
    for letters in range(min(len(word), MAX_WORD)):
        query = CompletionQuery(word[:letters], top_k=SUGGESTIONS)
        completions = yield from complete(model, tokenizer, place.context, query, runtime=runtime)
        texts = [completion.text for completion in completions.completions]
        if word in texts:
            return (texts.index(word) if letters == 0 else first), letters
        if not texts and letters:
            return None, None
    return None, None
