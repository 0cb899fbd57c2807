"""Values that parsers stumble over: extreme numbers, text that is none, names that lead elsewhere."""

from __future__ import annotations

import struct
import tarfile
from typing import Any

NESTED = 100_000
"""Brackets one inside the other, more than Python's stack holds."""
DEEPER = "deeper than parsers follow"
"""Stands in a document for that many brackets, which no object could hold."""
_DEEP: list[Any] = []
for _ in range(40):
    _DEEP = [_DEEP]

ODD_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2, 3, 7, 255, 2**31 - 1, 2**31, 2**32, 2**53, 2**62, 2**63 - 1, 2**63, -(2**63)),
    *(10**30, 0.5, -0.5, 1e-300, 1e300, float("inf"), float("-inf"), float("nan"), 1e38, -1e38),
    *("", " ", "a", "\x00", "\ud800", "\u2028", "</s>", "<unk>", "<s>", "../../etc/passwd", "/etc/passwd", "a" * 5000),
    *("\x1b[2J", "%s%n", "${HOME}", "__import__('os').system('true')", "(a+)+$", "1e999", "0x" + "f" * 4000),
    *([], {}, [None], [[]], {"": ""}, _DEEP, DEEPER),
]
"""Values of JSON."""
ODD_TOKENS = [
    *(
        "nan",
        "inf",
        "-inf",
        "1e999",
        "-1e999",
        "-99",
        "99",
        "0",
        "-0",
        "1" * 400,
        "1" * 5000,
        "0x10",
        "1_000",
        "\u0661",
    ),
    *("", " ", "\t", "\r", "\n\n", "\x00", "\ufeff", "\u2028", "\u00a0", "\U0001f600", "<s>", "</s>", "<unk>", "<UNK>"),
    *(
        "\\data\\",
        "\\end\\",
        "\\1-grams:",
        "\\9-grams:",
        "ngram 1=999999999999",
        "ngram 9=1",
        '"',
        "'",
        "[",
        "]" * 3000,
    ),
    *("[" * 3000, "{" * 3000, "a." * 3000, "=", "#", "-DOCSTART-", "_", "|", "a" * 70_000, "0x" + "f" * 5000),
]
"""Words of texts."""
ODD_BYTES = [
    *(
        b"\x00",
        b"\xff",
        b"\xff" * 8,
        b"\x80",
        b"\x7f",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\x00" * 64,
        b"\r\n",
        b"\n",
        b"\n\xff",
    ),
    *(struct.pack("<q", number) for number in (-1, 2**31, 2**40, 2**62, 2**63 - 1, -(2**63))),
    *(struct.pack("<f", number) for number in (float("nan"), float("inf"), -1e38)),
    *(b"\x1f\x8b\x08", b"BZh91AY&SY", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"\x80\x04", b"\x93NUMPY"),
    b"cposix\nsystem\n(S'true'\ntR.",
]
"""Bytes, the last a pickle that runs a program."""
ODD_NAMES = [
    *("../escaped", "/tmp/escaped", "checkpoints/../../escaped", "checkpoints/..", "checkpoints", "", ".", "a\x00b"),
    *("checkpoints/a\x00b", "x" * 300, f"checkpoints/{'y' * 300}", "/etc/passwd", "tables/jobs.jsonl", "files/\ud800"),
]
"""Names of an archive's members, and where its links lead."""
ODD_TYPES = [
    *(tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.GNUTYPE_SPARSE),
    *(tarfile.CONTTYPE, b"9"),
]
"""Types of an archive's members."""
