"""Recognition of a SentencePiece model by its first bytes, without the library."""

from __future__ import annotations

HEAD_BYTES = 256
"""Bytes at the start of a file that tell its kind."""
_PIECES, _PIECE, _SCORE = 0x0A, 0x0A, 0x15
"""First bytes of the fields of the format: a piece with its length, its text with the length of that, and its score."""


def is_sentence_piece(head: bytes) -> bool:
    r"""Whether a file that begins with `head`, at least HEAD_BYTES of it, is a SentencePiece model.

    It begins with its first piece, which is short. No text has these bytes at these places.

    >>> is_sentence_piece(b"\n\x0e\n\x05<unk>\x15\x00\x00\x00\x00\x18\x02"), is_sentence_piece(b"\n\n\nThe cat sat")
    (True, False)
    """
    if len(head) < 4 or (head[0], head[2]) != (_PIECES, _PIECE):
        return False
    score = 4 + head[3]
    return head[1] >= head[3] + 2 and head[score : score + 1] == bytes([_SCORE])
