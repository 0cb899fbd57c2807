r"""Lines of ARPA text: `ArpaLines` reads the header and n-grams of a file, and numbers its lines.

Columns are separated by tabs and blanks alone, lines by "\n" or "\r\n", as KenLM has it: every other character, such as
U+00A0 or U+2028, belongs to a word.
"""

from __future__ import annotations

import math
import re
from functools import partial
from typing import TextIO

from models.errors import InvalidInput, InvalidText
from models.tokenization.raw_text import BYTE_ORDER_MARK

LOG10_ZERO = -99.0
"""Logarithm that ARPA writes for a probability of zero."""
BOS_TOKEN = "<s>"
"""Spelling of the boundary as a context; as a prediction it is `</s>`."""
MAX_LINE_CHARS = 1 << 20
"""Length from which a line is refused: a compressed file of a megabyte may hold one of a gigabyte."""
SEPARATORS = " \t"
"""Characters between the columns of a line."""
_WHOLE_NUMBER = re.compile("[0-9]{1,18}")


def malformed_line(message: str, line: int) -> InvalidInput:
    """Return the error for a fault in line `line`."""
    return InvalidInput("file", f"line {line}: {message}")


class ArpaLines:
    """Reader of the lines of an ARPA file; `number` is that of the last line read, from 1."""

    def __init__(self, file: TextIO) -> None:
        self._lines = iter(partial(file.readline, MAX_LINE_CHARS), "")
        self._awaited = "\\data\\, with which ARPA text begins"
        self.number = 0

    def next_line(self) -> str:
        """Return the next line that is not blank, stripped. Raises InvalidInput at the end of the file."""
        try:
            for line in self._lines:
                self.number += 1
                if len(line) == MAX_LINE_CHARS:
                    raise self.error(f"a line has fewer than {MAX_LINE_CHARS:,} characters")
                text = line.removesuffix("\n").removesuffix("\r")
                if text := (text.removeprefix(BYTE_ORDER_MARK) if self.number == 1 else text).strip(SEPARATORS):
                    return text
        except UnicodeDecodeError as error:
            raise self.error(f"what follows is not UTF-8 text ({error})") from error
        except InvalidText as error:
            raise self.error(f"what follows {error.reason}") from error
        raise self.error(f"the file stops here, before {self._awaited}")

    def expect(self, text: str) -> None:
        """Read a line; raise InvalidInput unless it is `text`."""
        line = self.next_line()
        if line != text:
            raise self.error(f"{text} should stand here, not {line[:80]!r}")

    def read_header(self) -> list[int]:
        """Return the number of n-grams of each order; reads from `\\data\\` to the line `\\1-grams:`."""
        while self.next_line() != "\\data\\":
            pass
        self._awaited = "\\end\\"
        sizes: list[int] = []
        while (line := self.next_line()) != "\\1-grams:":
            order, _, size = line.removeprefix("ngram").partition("=")
            if order.strip() != str(len(sizes) + 1) or not _WHOLE_NUMBER.fullmatch(size.strip()):
                raise self.error(f"'ngram {len(sizes) + 1}=' and a number should stand here, not {line[:80]!r}")
            sizes.append(int(size))
        if not sizes:
            raise self.error("no number of n-grams is announced before this line")
        return sizes

    def read_ngram(self, n: int, highest: bool) -> tuple[list[str], float, float]:
        """Read an n-gram: words, log-probability and log back-off weight (nats; 0 where the line has none)."""
        fields = self.next_line().replace("\t", " ").split(" ")
        if "" in fields:  # several separators side by side
            fields = [field for field in fields if field]
        if len(fields) not in (n + 1, n + 2):
            words = "a word" if n == 1 else f"{n} words"
            raise self.error(f"a number and {words}{'' if highest else ' and perhaps a number'} should stand here")
        logprob = self._nats(fields[0])
        if logprob > 0:
            raise self.error(f"the log-probability {fields[0]} is above zero")
        backoff = self._nats(fields[n + 1]) if len(fields) == n + 2 else 0.0
        if highest and backoff:
            raise self.error(f"a number and {n} words should stand here: what is longest has no back-off weight but 0")
        return fields[1 : n + 1], logprob, backoff

    def _nats(self, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise self.error(f"{text!r} is not a number") from None
        if math.isnan(value) or value == math.inf:
            raise self.error(f"{text} is not a finite number")
        return value * math.log(10) if value > LOG10_ZERO else -math.inf

    def error(self, message: str) -> InvalidInput:
        """Return the error for a fault in the last line read."""
        return malformed_line(message, self.number)
