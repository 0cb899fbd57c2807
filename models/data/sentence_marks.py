"""Sentence marks: `<s>` and `</s>` around each line of a training text, as tools for n-grams print it.

Typed in a text they are text like any other. Where the first lines of a file all carry them, they only say where a line
begins and ends, which the lines themselves say already; kept, they would be words of every sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from models.tokenization.raw_text import WHITESPACE

BEGIN_MARK, END_MARK = "<s>", "</s>"
_BEGIN = re.compile(rf"^[\t ]*{BEGIN_MARK}[\t ]*", re.MULTILINE)
_END = re.compile(rf"[\t ]*{END_MARK}[\t ]*$", re.MULTILINE)


class SentenceMarks(NamedTuple):
    r"""Marks that the lines of a text carry.

    >>> marks = SentenceMarks.of("<s> the cat sat </s>\n<s> a dog ran </s>\n")
    >>> marks.remove_from("<s> the cat sat </s>\n")
    'the cat sat\n'
    """

    begin: bool = False
    """Whether each line begins with `<s>`."""
    end: bool = False
    """Whether each line ends with `</s>`."""

    @classmethod
    def of(cls, text: str) -> SentenceMarks:
        """Return the marks that all whole lines of a text carry, blank lines apart."""
        lines = [line for line in (line.strip(WHITESPACE) for line in text.split("\n")[:-1]) if line]
        if not lines or not (lines[0].startswith(BEGIN_MARK) or lines[0].endswith(END_MARK)):
            return cls()
        return cls(all(line.startswith(BEGIN_MARK) for line in lines), all(line.endswith(END_MARK) for line in lines))

    def remove_from(self, text: str) -> str:
        """Return lines without the marks around each, and without the blanks between."""
        text = _BEGIN.sub("", text) if self.begin else text
        return _END.sub("", text) if self.end else text

    def notes(self) -> list[str]:
        """Return a sentence for the user about marks that are left out; none where there are none."""
        names = [f"`{BEGIN_MARK}`"] * self.begin + [f"`{END_MARK}`"] * self.end
        verb = "are" if self.begin and self.end else "is"
        sentence = f"{' and '.join(names)} around the lines of the text {verb} left out: its lines are sentences"
        return [sentence] if names else []


def split_off_marks(chunks: Iterable[str]) -> tuple[SentenceMarks, Iterator[str]]:
    """Return the sentence marks that the first chunk of a clean text shows, and the text without them."""
    iterator = iter(chunks)
    first = next((chunk for chunk in iterator if chunk), "")
    marks, text = SentenceMarks.of(first), chain([first], iterator)
    return marks, map(marks.remove_from, text) if any(marks) else text
