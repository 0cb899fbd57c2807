"""Compression: files read as what they hold, whatever they are called, and damage that is named."""

import bz2
import gzip
import lzma
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from models.errors import InvalidText
from models.utils.compression import MAGIC_BYTES, compression_of, open_decompressed

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"the cat sat on the mat\n" * 20_000  # more than one buffer
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd.compress,
}
kinds = pytest.mark.parametrize("kind", COMPRESS)


@kinds
@pytest.mark.parametrize("text", [TEXT, b"", b"a"], ids=["long", "empty", "short"])
def test_compression_is_told_by_the_first_bytes(kind: str, text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "named.txt"
    path.write_bytes(COMPRESS[kind](text))
    assert compression_of(path.read_bytes()[:MAGIC_BYTES]) == kind
    with open_decompressed(path) as file:
        assert file.read() == text


@kinds
def test_compression_reads_files_that_were_joined(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "joined"
    path.write_bytes(COMPRESS[kind](b"one\n") + COMPRESS[kind](b"two\n"))
    with open_decompressed(path) as file:
        assert file.read() == b"one\ntwo\n"


@pytest.mark.parametrize("data", [b"", b"B", b"BZh", b"BZh91 is a word\n", b"\x1f", b"plain\n"])
def test_compression_leaves_other_files_as_they_are(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "text.gz"
    path.write_bytes(data)
    assert compression_of(data) is None
    with open_decompressed(path) as file:
        assert file.read() == data


@kinds
def test_compression_names_a_damaged_file(kind: str, tmp_path: Path) -> None:
    data = COMPRESS[kind](TEXT)
    for name, damaged in {"short": data[:-6], "altered": data[:40] + b"\xff\xff\xff\xff" + data[44:]}.items():
        path = tmp_path / name
        path.write_bytes(damaged)
        with pytest.raises(InvalidText, match=rf"{name}: must be whole {kind} data"), open_decompressed(path) as file:
            file.read()
    with pytest.raises(InvalidText, match="training_file: must be whole"):
        open_decompressed(path, "training_file").read()


def test_compression_is_undone_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(zstd.compress(bytes(1 << 26)))  # 2 KiB that hold 64 MiB
    with open_decompressed(path) as file:
        assert len(file.read(1 << 16)) == 1 << 16
        assert path.stat().st_size < 1 << 14
