"""Files that users call a model: ARPA text is opened, compressed or not; anything else is named.

`open_arpa` opens, `describe_binary` says what a file that is no text is, and what makes ARPA text of it.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TextIO

from models.errors import InvalidInput, InvalidText
from models.ngram.formats.kenlm_binary import HEADER_BYTES, read_kenlm_header
from models.utils.compression import compression_of, decompressed, open_decompressed
from models.utils.file_kinds import KENLM_MAGIC, file_kind
from models.utils.regular_files import open_regular

_FROM_KENLM = (
    "it has no way back to ARPA text. Import the ARPA file that `build_binary` made it of; or install the extra "
    "`kenlm` (pip install 'nextword[kenlm]'), with which `nextword import` serves the binary itself, for scoring alone"
)
_KINDS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\xff\xfe|\xfe\xff"), "text in UTF-16: convert it to UTF-8 (`iconv -f UTF-16 -t UTF-8`)"),
    (re.compile(rb"iARPA"), "IRSTLM's iARPA text: `compile-lm --text=yes FILE FILE.arpa` makes ARPA of it"),
    (re.compile(rb"Q?blmt"), "a binary of IRSTLM: `compile-lm --text=yes FILE FILE.arpa` makes ARPA of it"),
    (re.compile(rb"SRILM_BINARY"), "a binary of SRILM: `ngram -lm FILE -write-lm FILE.arpa` makes ARPA of it"),
    (re.compile(rb"\xd6\xfd\xb2\x7e"), "a binary automaton of OpenFst, which is written from ARPA and not read back"),
)
"""First bytes of models and texts that are not ARPA text as it is read, and what each is."""


def open_arpa(path: Path, field: str = "file") -> TextIO:
    """Open ARPA text to read it, decompressed where it is compressed, by whatever name.

    Raises InvalidInput for `field` where there is no such file, or it is something else, and says what.
    """
    try:
        file = open_decompressed(path, field)
        head = file.peek(HEADER_BYTES) if isinstance(file, io.BufferedReader) else b""
    except OSError as error:
        raise InvalidInput(field, f"{path} cannot be opened ({error.strerror})") from None
    except InvalidText as error:
        raise InvalidInput(field, f"line 1: what follows {error.reason}") from error
    if kind := describe_binary(head):
        file.close()
        if head.startswith(KENLM_MAGIC) and not is_kenlm_binary(path):
            kind = "a compressed binary of KenLM: decompress it first"
        raise InvalidInput(field, f"{path} is {kind}")
    return io.TextIOWrapper(file, "utf-8", newline="\n")


def check_model_file(file: io.BufferedReader, field: str) -> None:
    """Raise InvalidInput for `field` where an open file cannot be ARPA text; its beginning is read."""
    if kind := describe_binary(decompressed(file, field).read(HEADER_BYTES)):
        raise InvalidInput(field, f"must be ARPA text, and is {kind}")


def describe_binary(head: bytes) -> str | None:
    """Return what a file is by its first bytes, and what to do with it; None where it may be ARPA text.

    >>> describe_binary(b"PK\\x03\\x04....")
    'a zip archive: unpack it first'
    """
    if head.startswith(KENLM_MAGIC):
        header = read_kenlm_header(head)
        return f"a binary of KenLM ({header or 'incomplete, or of another version'}): {_FROM_KENLM}"
    if compression := compression_of(head):
        return f"compressed twice, and inside is {compression} data: decompress it once"
    for magic, kind in _KINDS:
        if magic.match(head):
            return kind
    if other := file_kind(head):
        return str(other)
    return "binary data, not ARPA text" if b"\x00" in head else None


def is_kenlm_binary(path: Path) -> bool:
    """Tell whether a file begins as a binary of KenLM does. Raises InvalidInput where there is none."""
    try:
        with open_regular(path) as file:
            return file.read(len(KENLM_MAGIC)) == KENLM_MAGIC
    except OSError as error:
        raise InvalidInput("file", f"{path} cannot be opened ({error.strerror})") from None
