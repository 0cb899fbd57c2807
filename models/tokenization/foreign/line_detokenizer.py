"""Joining of the tokens of a file, one at a time, by its own decoder: `LineDetokenizer`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from models.special_tokens import EOS, UNK
from models.tokenization.detokenizer import Detokenizer

_REPLACEMENT = "\ufffd"
_CONTEXT_TOKENS = 32
"""Tokens of a context that are read: enough for one that is no blank, and for a character of several."""
_MAX_BYTES = 4
"""Bytes of the longest character in UTF-8: so many tokens may have to come until a character is whole."""


class LineDetokenizer(Detokenizer):
    """Joiner of tokens by a function that decodes a list of them.

    A decoder may write a token in another way at the beginning of a line, and a character may need several tokens. So
    the tokens since the last text are decoded together with those before them, and the difference is what is new.
    """

    def __init__(self, vocabulary: Sequence[str], decode: Callable[[list[int]], str], *, decodes_unknown: bool) -> None:
        """`decode` returns the text of internal ids; `decodes_unknown`: of UNK, too."""
        super().__init__(vocabulary)
        self._decode = decode
        self._decodes_unknown = decodes_unknown
        self._begin()

    def push(self, token: int) -> str:
        """Return the text that `token` completes, perhaps none."""
        if token == EOS or (token == UNK and not self._decodes_unknown):
            text = self._flush()
            self._begin()
            return text + ("\n" if token == EOS else self._vocabulary[UNK])
        self._ids.append(int(token))
        return self._emit(_MAX_BYTES)

    def read(self, context: Sequence[int]) -> None:
        """Read tokens that stand before the next; of a long prompt only the last of its line matter."""
        line = list(context)
        line = line[max((i + 1 for i, token in enumerate(line) if token == EOS), default=0) :]
        super().read(line if len(line) <= _CONTEXT_TOKENS else [*line[:1], *line[-_CONTEXT_TOKENS:]])

    def _begin(self) -> None:
        self._ids: list[int] = []
        self._window = 0  # where the tokens begin that are decoded together
        self._read = 0  # where those begin whose text has not been returned

    def _flush(self) -> str:
        return self._emit(0)

    def _emit(self, most_held: int) -> str:
        """Return the new text; while it ends in a broken character, at most `most_held` tokens are held back."""
        before, after = self._decode(self._ids[self._window : self._read]), self._decode(self._ids[self._window :])
        if after.endswith(_REPLACEMENT) and len(self._ids) - self._read < most_held:
            return ""
        text = after[len(before) :]
        if text.strip():  # decoders drop blanks at the beginning, so that the window must begin with something else
            self._window = self._read
        self._read = len(self._ids)
        return text
