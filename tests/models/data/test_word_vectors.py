"""Files of word vectors: every format, what is kept of them, and the line of the first fault."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from models.data.word_vectors import WordVectorFile
from models.errors import InvalidInput, InvalidText

EVERYTHING = type("Everything", (), {"__contains__": lambda self, word: True})()


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("header", ["", "3 2\n"])
def test_read_keeps_wanted_words_in_the_order_of_the_file(tmp_path: Path, header: str) -> None:
    file = WordVectorFile.open(written(tmp_path / "v.txt", f"{header}the 1 2\ncat -0.5 1e-1\ndog 3 4\n"))
    words, vectors = file.read({"dog", "the", "bird"})
    assert (file.size, words) == (2, ["the", "dog"])
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [[1, 2], [3, 4]]
    assert file.words(2) == ["the", "cat"]
    assert len(file.words(10**30)) == 3


def test_read_takes_words_with_blanks_and_the_first_of_two_vectors(tmp_path: Path) -> None:
    file = WordVectorFile.open(written(tmp_path / "v.txt", "a 1 2\n. . . 3 4\na 5 6\n"))
    words, vectors = file.read(EVERYTHING)
    assert (words, vectors.tolist()) == (["a", ". . ."], [[1, 2], [3, 4]])


def test_read_without_a_wanted_word_is_empty(tmp_path: Path) -> None:
    words, vectors = WordVectorFile.open(written(tmp_path / "v.txt", "a 1 2 3\n")).read(())
    assert (words, vectors.shape) == ([], (0, 3))


def test_read_of_an_array_gives_what_the_text_gives(tmp_path: Path) -> None:
    numbers = np.array([[1.5, 2], [3, 4], [5, 6]])
    np.save(tmp_path / "v.npy", numbers)
    names = written(tmp_path / "words.txt", "the\nNew York\ncat\n")
    words, vectors = WordVectorFile.open(tmp_path / "v.npy", names).read({"New York", "cat"})
    assert (words, vectors.tolist()) == (["New York", "cat"], numbers[1:].tolist())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a 1 2\nb 1\n", "line 2: must be a word and 2 numbers"),
        ("a 1 2\n\nb 1 2\n", "line 2: must be a word and 2 numbers"),
        ("a 1 2\nb 1 x\n", "line 2: must be a word and 2 numbers"),
        ("a 1 2\nb 1 nan\n", "line 2: must hold finite numbers"),
        ("a 1 2\nb inf 2\n", "line 2: must hold finite numbers"),
        ("a\n", "line 1: must be a word and its numbers"),
        ("", "line 1: must be a word and its numbers"),
        (f"2 {'9' * 5000}\na 1\n", "line 1: must hold finite numbers"),
        ("3 2\na 1 2\nb 1 2\n", "line 3: is the last, but the first line says that 3 vectors follow"),
        (b"a 1 2\n\xff 1 2\n", "line 2: must be UTF-8"),
    ],
)
def test_read_names_the_line_of_the_first_fault(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(InvalidText, match=message):
        WordVectorFile.open(written(tmp_path / "v.txt", content)).read(EVERYTHING)


def test_open_refuses_what_does_not_go_together(tmp_path: Path) -> None:
    text, words = written(tmp_path / "v.txt", "a 1\n"), written(tmp_path / "w.txt", "a\nb\n")
    with pytest.raises(InvalidInput, match="vector_words"):
        WordVectorFile.open(text, words)
    np.save(tmp_path / "v.npy", np.ones((3, 2), np.float32))
    with pytest.raises(InvalidInput, match="vector_words"):
        WordVectorFile.open(tmp_path / "v.npy")
    with pytest.raises(InvalidInput, match="vector_words: must be 3 words, one a line, not 2"):
        WordVectorFile.open(tmp_path / "v.npy", words).read(())
    with pytest.raises(InvalidInput, match="initialize_from"):
        WordVectorFile.open(tmp_path / "nowhere.txt")


@pytest.mark.parametrize("array", [np.ones(3), np.ones((2, 2), np.int64), np.array([["a"]])])
def test_open_refuses_arrays_that_are_no_vectors(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "v.npy", array)
    with pytest.raises(InvalidText, match="matrix of floating-point numbers"):
        WordVectorFile.open(tmp_path / "v.npy", written(tmp_path / "w.txt", "a\n"))


def test_open_refuses_a_file_that_only_has_the_name_of_an_array(tmp_path: Path) -> None:
    with pytest.raises(InvalidText, match="NumPy's format"):
        WordVectorFile.open(written(tmp_path / "v.npy", "a 1 2\n"), written(tmp_path / "w.txt", "a\n"))


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': (",
        "  1\n 2",
        "(" * 5000,
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000000), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 3), }",
    ],
)
def test_open_refuses_an_array_with_a_damaged_header(tmp_path: Path, header: str) -> None:
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    with pytest.raises(InvalidText, match="NumPy's format"):
        WordVectorFile.open(written(tmp_path / "v.npy", content), written(tmp_path / "w.txt", "a\n"))


def test_open_refuses_several_arrays_in_one_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", a=np.ones((1, 1)))
    (tmp_path / "v.npz").rename(tmp_path / "v.npy")
    with pytest.raises(InvalidText, match="not several arrays"):
        WordVectorFile.open(tmp_path / "v.npy", written(tmp_path / "w.txt", "a\n"))


def test_word_vector_file_may_be_compressed(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt.gz"
    path.write_bytes(gzip.compress("\ufeffthe 1 2\r\ncaf\u00e9 3 4\r\n".encode()))
    words, vectors = WordVectorFile.open(path).read({"the", "caf\u00e9"})
    assert (words, vectors.tolist()) == (["the", "caf\u00e9"], [[1, 2], [3, 4]])
