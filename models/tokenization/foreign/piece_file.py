"""Content of a SentencePiece `.model`, read without that library: `PieceFile`.

The library tells neither the kind of a model nor how it changes text. The file is a protocol buffer: fields with a
number and a type (https://protobuf.dev/programming-guides/encoding), named in SentencePiece's
`sentencepiece_model.proto`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from models.errors import InvalidInput

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
"""Types of pieces."""
UNIGRAM, BPE, WORD, CHARACTER = range(1, 5)
"""Types of models."""
_VARINT, _FIXED_64, _BYTES, _, _, _FIXED_32 = range(6)
"""Types of fields on the wire; two are of the past."""

_Value: TypeAlias = "int | bytes"
_Fields: TypeAlias = dict[int, _Value]


class Piece(NamedTuple):
    """A token, its log-probability (or, of a BPE model, minus its rank), and its type."""

    text: str
    score: float
    kind: int


@dataclass(frozen=True)
class PieceFile:
    """Pieces of a model by id, and how it reads text.

    kind: UNIGRAM, BPE, WORD or CHARACTER.
    byte_fallback: characters without a piece are written as pieces for their bytes.
    suffix_blanks: blanks stand at the end of pieces instead of their beginning.
    character_map: the library's compiled map of characters to others; empty for none.
    adds_blank: each text begins with a blank.
    removes_blanks: blanks at both ends are left out, and several in a row become one.
    """

    pieces: list[Piece]
    kind: int
    byte_fallback: bool
    suffix_blanks: bool
    character_map: bytes
    adds_blank: bool
    removes_blanks: bool

    @classmethod
    def parse(cls, content: bytes) -> PieceFile:
        """Read the content of a file that the library has accepted.

        Raises InvalidInput where it lets pass what is not as its definition says: fields of other types, odd names.
        """
        try:
            return cls._parse(content)
        except (IndexError, ValueError, struct.error) as error:
            raise InvalidInput("model", f"holds what SentencePiece passes over ({error})") from None

    @classmethod
    def _parse(cls, content: bytes) -> PieceFile:
        pieces = []
        parts: _Fields = {}
        for number, value in _read_fields(content):
            if number == 1:
                pieces.append(_piece(dict(_read_fields(_as_bytes(value)))))
            else:
                parts[number] = value
        trainer, normalizer = (dict(_read_fields(_as_bytes(parts.get(number, b"")))) for number in (2, 3))
        return cls(
            pieces=pieces,
            kind=int(trainer.get(3, UNIGRAM)),
            byte_fallback=bool(trainer.get(35, 0)),
            suffix_blanks=bool(trainer.get(24, 0)),
            character_map=_as_bytes(normalizer.get(2, b"")),
            adds_blank=bool(normalizer.get(3, 1)),
            removes_blanks=bool(normalizer.get(4, 1)),
        )


def _piece(fields: _Fields) -> Piece:
    (score,) = struct.unpack("<f", _as_bytes(fields.get(2, bytes(4))))
    return Piece(_as_bytes(fields.get(1, b"")).decode(), score, int(fields.get(3, NORMAL)))


def _as_bytes(value: _Value) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a number in place of bytes")
    return value


def _read_fields(content: bytes) -> Iterator[tuple[int, _Value]]:
    """Yield number and value of each field: a number, or its bytes."""
    place = 0
    while place < len(content):
        tag, place = _read_number(content, place)
        kind = tag & 7
        if kind == _VARINT:
            value, place = _read_number(content, place)
            yield tag >> 3, value
            continue
        size = {_FIXED_64: 8, _FIXED_32: 4}.get(kind, 0)
        if kind == _BYTES:
            size, place = _read_number(content, place)
        yield tag >> 3, content[place : place + size]
        place += size


def _read_number(content: bytes, place: int) -> tuple[int, int]:
    """Return the number whose groups of seven bits begin at `place`, lowest first, and the place after it."""
    number = shift = 0
    while True:
        byte = content[place]
        number |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return number, place
        shift += 7
