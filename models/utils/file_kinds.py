"""Kinds of files that are no text, by their first bytes."""

from __future__ import annotations

import re
from typing import NamedTuple

ARRAY_MAGIC = b"\x93NUMPY"
"""First bytes of an array in NumPy's format."""
KENLM_MAGIC = b"mmap lm http://kheafield.com/code"
"""First bytes of a binary of KenLM, complete or not, of any version."""


class FileKind(NamedTuple):
    """A kind of files, as messages name it."""

    name: str
    """With its article."""
    magic: re.Pattern[bytes]
    """What its files begin with."""
    advice: str = ""
    """What makes text of it, or why nothing does."""

    def __str__(self) -> str:
        return f"{self.name}: {self.advice}" if self.advice else self.name


_KINDS = (
    FileKind("a zip archive", re.compile(rb"PK\x03\x04"), "unpack it first"),
    FileKind("a 7z archive", re.compile(rb"7z\xbc\xaf\x27\x1c"), "unpack it first"),
    FileKind("a tar archive", re.compile(rb"(?s:.{257})ustar"), "unpack it first"),
    FileKind("a PDF document", re.compile(rb"%PDF-")),
    FileKind("an array in NumPy's format", re.compile(re.escape(ARRAY_MAGIC))),
    FileKind("a binary of KenLM", re.compile(rb"mmap lm http://kheafield\.com")),
    FileKind("a pickle of Python", re.compile(rb"\x80[\x02-\x05]"), "it is not opened, since it could run anything"),
)


def file_kind(head: bytes) -> FileKind | None:
    r"""Return the kind of a file that begins with `head`, some 300 bytes of it; None where it may be text.

    >>> str(file_kind(b"PK\x03\x04....")), file_kind(b"the cat")
    ('a zip archive: unpack it first', None)
    """
    return next((kind for kind in _KINDS if kind.magic.match(head)), None)
