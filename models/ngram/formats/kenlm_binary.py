r"""Binary files of KenLM: what their header tells, and the vocabulary at their end.

Only that is read here, with bounds checked. The rest is C++ structures that the library maps into memory as they are:
it trusts what it finds there, so a file made for the purpose can crash the process that loads it, or worse.

The layout is that of `lm/binary_format.cc` in KenLM: a magic line, test values, `FixedWidthParameters`, the number of
n-grams of each order, the structures, and the words by id, each followed by a zero byte.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from models.errors import InvalidInput
from models.utils.file_kinds import KENLM_MAGIC
from models.utils.regular_files import open_regular

HEADER_BYTES = 1024
"""Bytes that hold the header of a model of any order."""
_VERSION_5 = KENLM_MAGIC + b" format version 5\n\x00"
_PARAMETERS_OFFSET = 88
_PARAMETERS = struct.Struct("<B3xfiB3xI")
"""Order, space of the hash tables, structure, whether the words are there, version of the structure."""
_STRUCTURES = (
    "probing hash tables",
    "probing hash tables with rest costs",
    "trie",
    "quantized trie",
    "trie with compressed pointers",
    "quantized trie with compressed pointers",
)
_UNK = b"<unk>\x00"


@dataclass(frozen=True)
class KenlmHeader:
    """Header of a binary."""

    structure: str
    """Data structure of the n-grams, in words."""
    order: int
    order_sizes: tuple[int, ...]
    """Number of n-grams of each order, unigrams first; those count `<unk>`, `<s>` and `</s>`."""
    has_vocabulary: bool
    """Whether the words are at the end of the file; `build_binary -v` leaves them out."""

    def __str__(self) -> str:
        return f"{self.structure}, order {self.order}, {self.order_sizes[0]} words"


def read_kenlm_header(head: bytes) -> KenlmHeader | None:
    """Return the header that the first HEADER_BYTES of a file hold; None where they hold no complete one."""
    counts_offset = _PARAMETERS_OFFSET + _PARAMETERS.size
    if not head.startswith(_VERSION_5) or len(head) < counts_offset:
        return None
    order, _, structure, has_vocabulary, _ = _PARAMETERS.unpack_from(head, _PARAMETERS_OFFSET)
    if not order or not 0 <= structure < len(_STRUCTURES) or len(head) < counts_offset + 8 * order:
        return None
    sizes = struct.unpack_from(f"<{order}Q", head, counts_offset)
    return KenlmHeader(_STRUCTURES[structure], order, sizes, bool(has_vocabulary))


def read_kenlm_words(path: Path, field: str = "file") -> tuple[KenlmHeader, list[str]]:
    """Return the header and the words of a binary by their numbers in it. Raises InvalidInput."""
    with open_regular(path) as file:
        header = read_kenlm_header(file.read(HEADER_BYTES))
        if header is None:
            raise InvalidInput(field, f"{path} is not a complete binary of KenLM, format version 5")
        if not header.has_vocabulary:
            raise InvalidInput(field, f"{path} holds no words (`build_binary -v`): build it again without -v")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            words = _words_at_end(content, header.order_sizes[0])
    if words is None:
        raise InvalidInput(field, f"{path} does not end with its {header.order_sizes[0]} words: truncated or altered")
    return header, words


def _words_at_end(content: mmap.mmap, count: int) -> list[str] | None:
    """Return the last `count` words, of which `<unk>` is the first; None where they are not there."""
    end = len(content)
    for _ in range(count):  # back to the zero byte that ends the first word
        end = content.rfind(b"\x00", 0, end)
        if end < 0:
            return None
    *words, rest = content[max(end + 1 - len(_UNK), 0) :].split(b"\x00")
    if rest or len(words) != count or words[0] != _UNK[:-1]:
        return None
    return [word.decode("utf-8", "surrogateescape") for word in words]
