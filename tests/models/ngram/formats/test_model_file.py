"""Files that are opened as ARPA text, however they are compressed, and files that are told by what they are."""

import bz2
import gzip
import lzma
import sys
from pathlib import Path

import pytest

from models.errors import InvalidInput
from models.ngram.formats.model_file import check_model_file, is_kenlm_binary, open_arpa

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ARPA = """\\data\\
ngram 1=2

\\1-grams:
-0.3010300\t</s>
-0.3010300\tfox

\\end\\
"""


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, zstd.compress])
def test_open_arpa_reads_compressed_files_by_any_name(compress, tmp_path: Path) -> None:
    path = tmp_path / "model.arpa"
    path.write_bytes(compress(ARPA.encode()))
    with open_arpa(path) as file:
        assert file.read() == ARPA


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (ARPA.encode("utf-16"), "UTF-16"),
        (gzip.compress(gzip.compress(ARPA.encode(), mtime=0), mtime=0), "compressed twice"),
        (b"mmap lm http://kheafield.com/code incomplete\n" + bytes(500), "KenLM .incomplete"),
        (b"blmt 3 4 5 6\n", "IRSTLM"),
        (b"iARPA\n", "compile-lm"),
        (b"PK\x03\x04" + bytes(30), "zip"),
        (b"\x00\x01\x02", "not ARPA text"),
    ],
)
def test_open_arpa_says_what_another_file_is(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.arpa"
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match=message):
        open_arpa(path)
    with path.open("rb") as file, pytest.raises(InvalidInput, match=message) as error:
        check_model_file(file, "file")
    assert str(tmp_path) not in str(error.value)


def test_open_arpa_asks_for_a_compressed_kenlm_binary_to_be_decompressed(tmp_path: Path) -> None:
    path = tmp_path / "model.bin.gz"
    path.write_bytes(gzip.compress(b"mmap lm http://kheafield.com/code format version 5\n\x00" + bytes(500)))
    with pytest.raises(InvalidInput, match="compressed binary of KenLM: decompress it first"):
        open_arpa(path)


def test_check_model_file_accepts_whatever_may_be_arpa_text(tmp_path: Path) -> None:
    for data in (ARPA.encode(), gzip.compress(ARPA.encode()), b"the cat sat", b"\xef\xbb\xbf" + ARPA.encode()):
        (tmp_path / "model").write_bytes(data)
        with (tmp_path / "model").open("rb") as file:
            check_model_file(file, "file")


def test_is_kenlm_binary_knows_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "model"
    for data, expected in ((b"mmap lm http://kheafield.com/code format", True), (ARPA.encode(), False), (b"", False)):
        path.write_bytes(data)
        assert is_kenlm_binary(path) is expected
    with pytest.raises(InvalidInput, match="cannot be opened"):
        is_kenlm_binary(tmp_path / "none")
