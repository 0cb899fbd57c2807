"""Uploads: bytes are counted, hashed and refused alike, however they are cut."""

from __future__ import annotations

import bz2
import codecs
import gzip
import hashlib
import lzma
import resource
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from signal import SIG_IGN, SIGXFSZ, signal
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.core.exceptions import DiskFull, FileTooLarge
from app.storage.files.upload import Upload
from models.data.text_encoding import guess_utf_16
from models.errors import InvalidInput, InvalidText
from models.utils.compression import compression_of
from tests.helpers.tokenizers import sentence_piece_file


def upload(pieces: Iterable[bytes], max_bytes: int = 1 << 20, encoding: str = "utf-8") -> tuple[str, int]:
    with TemporaryDirectory() as directory, Upload(Path(directory) / "new", max_bytes) as incoming:
        incoming.read_as(encoding)
        for piece in pieces:
            incoming.write(piece)
        return incoming.finish()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(st.text(min_size=1), st.lists(st.integers(0, 1000), max_size=5))
def test_finish_returns_hash_and_size_of_the_whole(text: str, places: list[int]) -> None:
    data = text.encode()
    assert upload(cut(data, places)) == (hashlib.sha256(data).hexdigest(), len(data))


@given(st.binary(min_size=1), st.lists(st.integers(0, 1000), max_size=5))
def test_write_names_the_first_bad_byte_however_bytes_are_cut(data: bytes, places: list[int]) -> None:
    assume(not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)))  # text in UTF-16
    assume(guess_utf_16(data[:32]) is None and compression_of(data) is None)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        with pytest.raises(InvalidText, match=rf"offset {error.start} is not"):
            upload(cut(data, places))
    else:
        assert upload(cut(data, places))[1] == len(data)


def test_finish_names_a_character_cut_off() -> None:
    with pytest.raises(InvalidText, match="file: must be UTF-8 text; the byte at offset 2 is not"):
        upload([b"ab", "é".encode()[:1]])


def test_finish_refuses_an_empty_file() -> None:
    with pytest.raises(InvalidText, match="it is empty"):
        upload([])


def test_write_refuses_one_byte_too_many(tmp_path: Path) -> None:
    assert upload([b"abc", b"de"], max_bytes=5)[1] == 5
    with Upload(tmp_path / "new", 4) as incoming:
        incoming.write(b"abc")
        with pytest.raises(FileTooLarge, match="more than the 4 bytes"):
            incoming.write(b"de")
    assert list(tmp_path.iterdir()) == []


def test_write_on_a_full_disk_raises_and_leaves_nothing(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal(SIGXFSZ, SIG_IGN)  # then the system answers "file too large", as it answers "no space left"
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
        with pytest.raises(DiskFull, match="no room"), Upload(tmp_path / "new", 1 << 20) as incoming:
            incoming.write(b"a" * 200_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal(SIGXFSZ, before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("places", [[], [1, 2, 3, 50], [100, 300]])
def test_write_takes_a_sentence_piece_model_however_it_is_cut(tmp_path: Path, places: list[int]) -> None:
    data = sentence_piece_file(tmp_path / "spm.model").read_bytes()
    assert upload(cut(data, places)) == (hashlib.sha256(data).hexdigest(), len(data))
    with pytest.raises(InvalidText, match="byte at offset 10 is not"):  # a text that begins nearly like one
        upload(cut(b"\n\x0e\n\x05<unk>\x20\xff" + data, places))


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress], ids=["gzip", "bzip2", "xz"])
@pytest.mark.parametrize("places", [[], [1, 2, 3, 50]])
def test_write_takes_compressed_text_and_keeps_its_bytes(
    compress: Callable[[bytes], bytes], places: list[int], tmp_path: Path
) -> None:
    text = "the café\n".encode() * 100
    data = compress(text)
    with Upload(tmp_path / "new", 10_000) as incoming:
        for piece in cut(data, places):
            incoming.write(piece)
        assert incoming.finish() == (hashlib.sha256(data).hexdigest(), len(data))
        assert incoming.text_bytes == len(text)
        assert incoming.path.read_bytes() == data


def test_finish_checks_what_a_compressed_file_holds() -> None:
    with pytest.raises(FileTooLarge, match="decompressed, the file has more than the 5000 bytes"):
        upload([gzip.compress(b"a" * 5001)], max_bytes=5000)
    with pytest.raises(InvalidText, match=r"file: must be UTF-8 text; the byte at offset 3 is not.*--encoding latin-1"):
        upload([gzip.compress(b"caf\xe9\n")])
    with pytest.raises(InvalidText, match="file: must be whole gzip data"):
        upload([gzip.compress(b"the cat sat on the mat\n" * 100)[:-3]])
    with pytest.raises(InvalidText, match="it is empty"):
        upload([gzip.compress(b"")])


# UTF-16 that begins with its mark and a NUL is UTF-32.
@given(st.text(st.characters(min_codepoint=1, codec="utf-8"), min_size=1), st.lists(st.integers(0, 1000), max_size=5))
def test_write_takes_text_in_the_encoding_that_is_said(text: str, places: list[int]) -> None:
    for encoding in ("utf-16-le", "utf-8-sig", "utf-16"):
        data = text.encode(encoding)
        assert upload(cut(data, places), encoding=encoding) == (hashlib.sha256(data).hexdigest(), len(data))
    marked = text.encode("utf-16")
    assert upload(cut(marked, places))[1] == len(marked)


def test_write_hints_at_other_encodings(tmp_path: Path) -> None:
    with pytest.raises(InvalidText, match=r"offset 3 is not: .*it looks like Latin-1: .*`encoding` \"latin-1\""):
        upload([b"caf\xe9 est ferm\xe9\n"])
    with pytest.raises(InvalidText, match="file: must be UTF-8; it looks like UTF-16 without a byte order mark"):
        upload(["the cat sat\n".encode("utf-16-be")])
    with pytest.raises(InvalidText, match="file: must be utf-16-le, and byte 6 "):
        upload([b"a\0b\0c\0\x00\xd8"], encoding="utf-16-le")
    with pytest.raises(InvalidInput, match="encoding: must be an encoding of text"):
        upload([b"a"], encoding="utf-99")
