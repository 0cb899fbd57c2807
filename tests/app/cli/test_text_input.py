"""Text that commands read: lines as they arrive, whatever the pieces, and standard input as a file."""

import io
import os
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.text_input import LineStream, open_text, standard_input_as_file
from models.errors import InvalidInput, InvalidText

PIECES = st.lists(st.sampled_from([b"a", b"bc ", b"\n", b"\r", b"\r\n", b"\xc3\xa9", b"\xff"]), max_size=30)


class _Pieces(io.BytesIO):
    """A stream that gives its bytes in certain pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        super().__init__()
        self._pieces = iter(pieces)

    def read1(self, size: int | None = -1, /) -> bytes:
        return next((piece for piece in self._pieces if piece), b"")


@given(PIECES, st.lists(st.integers(0, 60), max_size=8))
def test_line_stream_gives_the_same_lines_for_any_pieces(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    borders = [0, *sorted(cuts), len(data)]
    expected = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    expected = expected[:-1] if expected[-1] == b"" else expected
    lines = []
    try:
        for batch in LineStream(_Pieces([data[i:j] for i, j in pairwise(borders)])).batches():
            lines += batch
    except InvalidText:
        assert any(line.error for line in lines)
    assert [line.number for line in lines] == list(range(1, len(expected) + 1))
    assert [line.text for line in lines] == [line.decode(errors="replace") for line in expected]
    assert [line.error is not None for line in lines] == [b"\xff" in line for line in expected]


def test_line_stream_does_not_wait_for_more() -> None:
    batches = LineStream(_Pieces([b"one\r", b"\ntwo\nth", b"ree"])).batches()
    assert [[line.text for line in batch] for batch in batches] == [["one"], ["two"], ["three"]]


def test_line_stream_reads_encodings_and_costs_one_line_for_a_bad_byte() -> None:
    text = "a\u00e9\r\n\u4e2d\n".encode("utf-16-le")
    lines = [line for batch in LineStream(_Pieces([text[:3], text[3:]]), "utf-16-le").batches() for line in batch]
    assert [line.text for line in lines] == ["a\u00e9", "\u4e2d"]
    batches = LineStream(_Pieces([b"a\x80\nb\x81\nc\n"]), "cp1252").batches()
    assert [(line.text[0], line.error) for line in next(batches)] == [
        ("a", None),
        ("b", "line 2 is not cp1252"),
        ("c", None),
    ]
    with pytest.raises(InvalidText, match=r"text: line 2 is not cp1252$"):
        next(batches)
    with pytest.raises(InvalidInput, match="encoding: must be an encoding"):
        LineStream(_Pieces([]), "utf-99")


def test_open_text_names_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="file: must be readable"), open_text(tmp_path / "none"):
        pass


def test_standard_input_becomes_a_file_while_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"text"), encoding="utf-8"))
    with standard_input_as_file(["a", "-"]) as files:
        assert files[0] == "a"
        copy = Path(files[1])
        assert (copy.name, copy.read_bytes()) == ("stdin", b"text")
    assert not copy.exists()
    with standard_input_as_file(["a"]) as files:
        assert files == ["a"]


def test_open_text_reads_a_pipe_that_is_named_and_refuses_devices_and_directories(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(b"the cat\n"))
    writer.start()
    with open_text(tmp_path / "pipe") as content:
        assert content.read() == b"the cat\n"
    writer.join()
    for path, kind in ((Path("/dev/zero"), "a device"), (tmp_path, "a directory")):
        with pytest.raises(InvalidInput, match=f"{kind}, not a file"), open_text(path):
            pass
