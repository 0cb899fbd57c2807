"""Uploads: bytes are counted, hashed and refused alike, however they are cut."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from signal import SIG_IGN, SIGXFSZ, signal
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.exceptions import DiskFull, FileTooLarge
from app.storage.file_store import Upload
from models.errors import InvalidText
from tests.helpers.tokenizers import sentence_piece_file


def upload(pieces: Iterable[bytes], max_bytes: int = 1 << 20) -> tuple[str, int]:
    with TemporaryDirectory() as directory, Upload(Path(directory) / "new", max_bytes) as incoming:
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
