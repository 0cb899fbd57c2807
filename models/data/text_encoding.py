"""Encodings of text: `Utf8Converter` makes UTF-8 of bytes, and guesses what other bytes are.

Text is UTF-8 unless it is said to be something else, or begins with the byte order mark of UTF-16 or UTF-32. What looks
like UTF-16 without a mark is refused by name: its bytes are often valid UTF-8, letters and NULs in turn.
"""

from __future__ import annotations

import codecs

from models.data.encoding_names import UTF_8, check_encoding
from models.errors import InvalidText
from models.utils.compression import compression_of
from models.utils.file_kinds import file_kind

HEAD_BYTES = 32
"""Bytes at the start of a text that are looked at; in fewer than MIN_HEAD_BYTES UTF-16 is not told from UTF-8."""
MIN_HEAD_BYTES = 8
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte order marks and what each says, the longer first: one of UTF-32 begins with one of UTF-16."""
_SMALLEST_PRINTABLE = 0x20
_CP1252_BYTES = range(0x80, 0xA0)
"""Bytes that are control characters in Latin-1, and quotation marks, dashes and the like in Windows-1252."""
_BINARY = frozenset(range(_SMALLEST_PRINTABLE)) - frozenset(b"\t\n\f\r\x1b")
"""Control characters that stand in no text."""
_BAD = "\udcff"
"""Half a surrogate pair in the place of bytes that are not in an encoding; no UTF-8 has one."""


class Utf8Converter:
    r"""Converter of the bytes of one text in some encoding to UTF-8; text that is UTF-8 passes unchecked.

    >>> converter = Utf8Converter("latin-1")
    >>> converter.feed(b"caf\xe9").decode()
    'café'
    """

    def __init__(self, encoding: str = UTF_8, field: str = "text", *, is_lenient: bool = False) -> None:
        """`is_lenient`: what is not in the encoding becomes bytes that are not UTF-8, instead of an error."""
        self.encoding = check_encoding(encoding)
        self.head = b""
        """The first HEAD_BYTES of the text."""
        self._field = field
        self._errors = _ERROR_HANDLER if is_lenient else "strict"
        self._held = b""  # bytes that may be a byte order mark, or the beginning of one
        self._offset = 0  # where in the text the next bytes begin
        self._decoder: codecs.IncrementalDecoder | None = None
        self._is_decided = codecs.lookup(encoding).name != UTF_8
        if self._is_decided:
            self._decode_as(encoding)

    @property
    def is_utf_8(self) -> bool:
        """Whether the text is UTF-8 as it stands, as far as its beginning tells."""
        return self._decoder is None

    def feed(self, data: bytes, *, final: bool = False) -> bytes:
        """Return the UTF-8 that `data` completes; `final`: nothing comes after it.

        Raises InvalidText with the offset of a byte that is not in the encoding, or for UTF-16 without a mark.
        """
        if not self._is_decided:
            data, self._held = self._held + data, b""
            if not final and any(mark.startswith(data[: len(mark)]) and len(data) < len(mark) for mark in _MARKS):
                self._held = data
                return b""
            self._decide(data)
        if self._decoder is not None:
            return self._decode(self._decoder, data, final)
        if len(self.head) < HEAD_BYTES:
            self._look_at_head(data, final=final)
        return data

    def hint(self, error: UnicodeDecodeError, *, is_ascii_before: bool = True) -> str:
        """Return the end of a message about what UTF-8 decoding failed on, as `encoding_hint` does.

        `is_ascii_before`: all text in front of the bytes that were decoded is ASCII.
        """
        is_first = is_ascii_before and error.object[: error.start].isascii()
        return encoding_hint(self.head, error.object[error.start], is_first=is_first)

    def _decide(self, data: bytes) -> None:
        """Choose the encoding by a byte order mark."""
        if data:
            self._is_decided = True
        for mark, encoding in _MARKS.items():
            if data.startswith(mark):
                self._decode_as(encoding)
                return

    def _decode_as(self, encoding: str) -> None:
        self.encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)(self._errors)

    def _decode(self, decoder: codecs.IncrementalDecoder, data: bytes, final: bool) -> bytes:
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(data, final)
        except UnicodeDecodeError as error:
            offset = self._offset - pending + error.start
            message = f"must be {self.encoding}, and byte {offset} (from 0) is not: {error.reason}"
            raise InvalidText(self._field, message) from None
        except UnicodeError as error:  # UTF-16 without a mark that is said to have one
            raise InvalidText(self._field, f"must be {self.encoding}: {error}") from None
        self._offset += len(data)
        return text.encode(UTF_8, "surrogatepass")

    def _look_at_head(self, data: bytes, *, final: bool) -> None:
        """Keep the first bytes of the text. Raises InvalidText where they look like UTF-16."""
        self.head += data[: HEAD_BYTES - len(self.head)]
        if len(self.head) < HEAD_BYTES and not final:
            return
        if encoding := guess_utf_16(self.head):
            raise InvalidText(self._field, f"must be UTF-8{_advice('UTF-16 without a byte order mark', encoding)}")


def guess_utf_16(head: bytes) -> str | None:
    r"""Return which UTF-16 the beginning of a text looks like, or None.

    Every second byte is a control character then, the upper half of most letters, and one of them NUL.

    >>> guess_utf_16("the cat".encode("utf-16-le")), guess_utf_16(b"the cat")
    ('utf-16-le', None)
    """
    if len(head) < MIN_HEAD_BYTES:
        return None
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        upper, lower = head[first::2], head[1 - first :: 2]
        if 0 in upper and 0 not in lower and max(upper) < _SMALLEST_PRINTABLE:
            return encoding
    return None


def encoding_hint(head: bytes, byte: int, *, is_first: bool) -> str:
    """Return the end of a message about a `byte` that is not UTF-8: what the text looks like.

    `is_first`: everything before it is ASCII. Characters of UTF-8 before it mean damage rather than an encoding.
    """
    compression = compression_of(head)
    if compression is not None:
        return f"; it looks like {compression} data: decompress it first"
    if kind := file_kind(head):
        return f"; it looks like {kind}"
    if encoding := guess_utf_16(head):
        return _advice("UTF-16 without a byte order mark", encoding)
    if not _BINARY.isdisjoint(head):
        return "; it looks like no text at all"
    if not is_first:
        return ""
    return _advice("Windows-1252", "cp1252") if byte in _CP1252_BYTES else _advice("Latin-1", "latin-1")


def _advice(name: str, encoding: str) -> str:
    return f'; it looks like {name}: say so with `encoding` "{encoding}" (--encoding {encoding})'


def _replace_bad(error: UnicodeError) -> tuple[str, int]:
    """Put half a surrogate pair in the place of bytes that are not in an encoding."""
    assert isinstance(error, UnicodeDecodeError), "text is only decoded here"
    return _BAD, error.end


_ERROR_HANDLER = "nextword.mark_bad"
codecs.register_error(_ERROR_HANDLER, _replace_bad)
