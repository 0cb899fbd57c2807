"""Token ids of a corpus, and its sizes as they are counted on the way: `EncodedCorpus`, `SizeCounter`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.tokenization.raw_text import BYTE_ORDER_MARK

_INNER_MARK = f"\n{BYTE_ORDER_MARK}"


@dataclass(frozen=True)
class EncodedCorpus:
    """Token ids of a whole corpus, concatenated.

    ids: [T] ids of every line, each line ending in `</s>`; for character tokenizers those of the text and then one
        `</s>`, or one after each paragraph or line where those are texts. None stands at the start: a model reads them
        from its begin state.
    oov_count: number of tokens that the vocabulary lacks.
    lines, characters: size of the clean text; newlines are characters.
    inner_marks: number of lines but the first that begin with U+FEFF, which was a byte order mark before files were
        joined. It is no mark there, and kept as a character.
    """

    ids: NDArray[np.int32]
    oov_count: int
    lines: int
    characters: int
    inner_marks: int = 0

    @property
    def sizes(self) -> dict[str, int]:
        """Sizes of the text by name, as cards have them."""
        counts = {"token_count": len(self.ids), "oov_count": self.oov_count}
        return counts | {"lines": self.lines, "characters": self.characters}

    @property
    def notes(self) -> list[str]:
        """Sentences for the user about what the text holds; none where there is nothing to tell."""
        if not self.inner_marks:
            return []
        lines = "1 inner line" if self.inner_marks == 1 else f"{self.inner_marks} inner lines"
        return [f"U+FEFF begins {lines}, as where files with byte order marks were joined: it is kept as a character"]

    def reversed(self) -> EncodedCorpus:
        """Return the text from right to left: the last line comes first, and each still ends with its `</s>`.

        >>> EncodedCorpus(np.array([2, 3, 1, 4, 1], np.int32), 0, 2, 6).reversed().ids.tolist()
        [4, 1, 3, 2, 1]
        """
        return replace(self, ids=np.roll(self.ids[::-1], -1))


class SizeCounter:
    """Counter of lines, characters, inner marks and unknown tokens of the chunks that pass."""

    def __init__(self) -> None:
        self.lines = self.characters = self.oov_count = self.inner_marks = 0

    def count(self, chunks: Iterable[str]) -> Iterator[str]:
        """Yield the same chunks, adding to the counts."""
        for chunk in chunks:
            self.lines += chunk.count("\n")
            self.characters += len(chunk)
            if BYTE_ORDER_MARK in chunk:  # thirty times as fast to find as the pair is to count
                self.inner_marks += chunk.count(_INNER_MARK) + chunk.startswith(BYTE_ORDER_MARK)
            yield chunk
