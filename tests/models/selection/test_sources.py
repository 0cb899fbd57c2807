"""Blocks of records: lines as the file has them, in blocks that do not depend on how they are read."""

from __future__ import annotations

import gzip
import subprocess
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput, InvalidText
from models.selection import sources
from models.selection.sources import read_blocks, record_format
from models.utils.compression import compress_block
from tests.helpers.command_line import python_with


def lines_of(path: Path, block_bytes: int = 1 << 23) -> list[bytes | None]:
    return [line for block in read_blocks([path], None, block_bytes) for line in block.lines]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.jsonl", "jsonl"), ("a.JSONL.zst", "jsonl"), ("a.txt.gz", "text"), ("a.parquet", "parquet"), ("a", "jsonl")],
)
def test_record_format_is_told_by_the_ending(name: str, kind: str) -> None:
    assert record_format(Path(name), None) == kind
    assert record_format(Path(name), "text") == "text"


@given(data=st.binary(max_size=60).map(lambda data: data.replace(b"a", b"\n")), pieces=st.integers(1, 9))
def test_cut_gives_all_lines_in_order(data: bytes, pieces: int) -> None:
    parts = [data[i : i + pieces] for i in range(0, len(data), pieces)]
    blocks = list(sources._cut(parts, 7))
    expected = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    assert [line for block in blocks for line in block] == (expected if expected[-1] else expected[:-1])


@pytest.mark.parametrize("packed", [bytes, gzip.compress, lambda data: compress_block(data, 3)])
def test_read_blocks_undoes_compression_whatever_the_name(packed, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(packed(b"first\nsecond\n"))
    assert lines_of(path) == [b"first", b"second"]


def test_read_blocks_begins_a_block_with_each_file(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(b"1\n2\n3")
    blocks = list(read_blocks([tmp_path / "a", tmp_path / "b"], None, 1 << 20))
    assert [(block.number, block.file, block.first_line, len(block.lines)) for block in blocks] == [
        (0, "a", 1, 3),
        (1, "b", 1, 3),
    ]
    assert [block.position for block in blocks] == [5, 10]


def test_read_blocks_gives_none_for_a_line_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_RECORD_BYTES", 10)
    monkeypatch.setattr(sources, "_READ_BYTES", 4)
    path = tmp_path / "a"
    path.write_bytes(b"one\n" + b"x" * 50 + b"\ntwo\n")
    assert lines_of(path, 4) == [b"one", None, b"two"]


def test_read_blocks_refuses_damaged_data(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"first\n" * 1000)[:-12])
    with pytest.raises(InvalidText, match="must be whole gzip data"):
        lines_of(path)
    with pytest.raises(InvalidInput, match="must be readable"):
        lines_of(tmp_path / "missing")


PARQUET = """
import sys
sys.path += sys.argv[1:3]
import pyarrow, pyarrow.parquet
from pathlib import Path
from models.selection.sources import read_blocks

path = Path(sys.argv[3])
table = pyarrow.table({"id": [1, 2, 3], "text": ["a b", "é", None], "day": [None, 3, 4]})
pyarrow.parquet.write_table(table, path, compression="zstd", row_group_size=2)
blocks = list(read_blocks([path], None, 10))
for block in blocks:
    for line in block.lines:
        print(block.number, block.first_line, line.decode())
path.write_bytes(b"no parquet")
try:
    list(read_blocks([path], None, 10))
except Exception as error:
    print(type(error).__name__, error.field)
"""


@pytest.mark.clients
def test_read_blocks_reads_the_rows_of_parquet(tmp_path: Path) -> None:
    python = python_with("pyarrow", "NEXTWORD_DATATROVE_PYTHON")
    root = Path(__file__).parents[3]
    command = [python, "-c", PARQUET, str(root), sysconfig.get_path("purelib"), str(tmp_path / "a.parquet")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.splitlines() == [
        '0 1 {"id":1,"text":"a b","day":null}',
        '0 1 {"id":2,"text":"é","day":3}',
        '0 1 {"id":3,"text":null,"day":4}',
        "InvalidInput file",
    ]
