"""Corpus: files to ids, counts, hashes and held-out parts, in blocks of any size."""

import bz2
import gzip
import hashlib
import lzma
import math
import tarfile
import tracemalloc
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.data import text_files
from models.data.corpus import Corpus
from models.errors import InvalidInput, InvalidText
from models.tokenization.config import Texts, TokenizerConfig
from models.tokenization.tokenizer import Tokenizer

WORDS = Tokenizer(TokenizerConfig(pretokenized=True), ["<unk>", "</s>", "a", "b", "c"])
CHARACTERS = Tokenizer(TokenizerConfig(kind="character"), ["<unk>", "</s>", *"ab\n"])


def written(path: Path, data: bytes, name: str = "text.txt") -> Path:
    (path / name).write_bytes(data)
    return path / name


def test_corpus_encodes_lines_that_end_in_the_boundary(tmp_path: Path) -> None:
    encoded = Corpus.open(written(tmp_path, b" a b\r\n\nx c <unk>")).encode(WORDS)
    assert encoded.ids.dtype == np.int32
    assert encoded.ids.tolist() == [2, 3, 1, 1, 0, 4, 0, 1]  # none before the first line
    assert (encoded.oov_count, encoded.lines, encoded.characters) == (1, 3, len("a b\n\nx c <unk>\n"))


def test_corpus_may_drop_empty_lines(tmp_path: Path) -> None:
    encoded = Corpus.open(written(tmp_path, b"\na\n\n \nb\n\n"), empty_lines="drop").encode(WORDS)
    assert encoded.ids.tolist() == [2, 1, 3, 1]
    assert (encoded.lines, encoded.characters) == (2, 4)


def test_corpus_of_characters_ends_once(tmp_path: Path) -> None:
    encoded = Corpus.open(written(tmp_path, b"a \r\n\nb"), kind="character").encode(CHARACTERS)
    assert encoded.ids.tolist() == [2, 0, 4, 4, 3, 1]
    assert (encoded.oov_count, encoded.lines, encoded.characters) == (1, 2, 5)


def test_corpus_reads_files_in_order_as_one_text(tmp_path: Path) -> None:
    files = [written(tmp_path, b"\xef\xbb\xbfa\nb", "1"), written(tmp_path, b"", "2"), written(tmp_path, b"c\n", "3")]
    assert Corpus.open(files).encode(WORDS).ids.tolist() == [2, 1, 3, 1, 4, 1]
    assert "".join(Corpus.open(files, kind="character").chunks()) == "a\nbc\n"
    assert Corpus.open([str(f) for f in files]).sha256() == hashlib.sha256(b"\xef\xbb\xbfa\nbc\n").hexdigest()


CONFIGS = [
    TokenizerConfig(),
    TokenizerConfig(lowercase=True, min_count=2),
    TokenizerConfig(pretokenized=True, max_size=5),
    TokenizerConfig(kind="character", max_size=6),
]


@pytest.mark.parametrize("config", CONFIGS)
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text("abB '<unk>\u4e2d\r\n", min_size=1))
def test_corpus_train_tokenizer_is_training_and_encoding(tmp_path: Path, config: TokenizerConfig, text: str) -> None:
    file = Corpus.open(written(tmp_path, f"a {text}\na\u4e2d a".encode()), kind=config.kind)
    tokenizer, encoded = file.train_tokenizer(config)
    expected = file.encode(Tokenizer.train(config, file.chunks()))
    assert tokenizer.vocabulary == Tokenizer.train(config, file.chunks()).vocabulary
    assert encoded.ids.dtype == np.int32
    assert encoded.ids.tolist() == expected.ids.tolist()
    assert (encoded.oov_count, encoded.lines, encoded.characters) == (
        expected.oov_count,
        expected.lines,
        expected.characters,
    )


@pytest.mark.parametrize(
    ("texts", "ids"), [("paragraphs", [2, 4, 3, 1, 2, 1, 3, 1]), ("lines", [2, 1, 3, 1, 1, 1, 2, 1])]
)
def test_corpus_of_characters_ends_where_its_texts_do(texts: Texts, ids: list[int], tmp_path: Path) -> None:
    tokenizer = Tokenizer(TokenizerConfig("character", texts=texts), ["<unk>", "</s>", *"ab\n"])
    files = [written(tmp_path, b"a\nb\n\n \na", "1"), written(tmp_path, b"\nb\n", "2")]
    encoded = Corpus.open(files if texts == "paragraphs" else files[0], kind="character", texts=texts).encode(tokenizer)
    assert encoded.ids.tolist() == ids
    with pytest.raises(InvalidInput, match=f"texts '{texts}'"):
        Corpus.open(files, kind="character", texts=texts).encode(CHARACTERS)


def test_corpus_split_cuts_between_paragraphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "READ_BYTES", 3)
    whole = Corpus.open(written(tmp_path, b"\na\nb\n\nb\n\n\na b\n"), kind="character", texts="paragraphs")
    assert ["".join(part.chunks()) for part in whole.split(0.3)] == ["a\nb\n\nb\n\n", "a b\n\n"]


lines = st.lists(st.text("ab \n", max_size=6).map(lambda line: line + "\n"), min_size=1, max_size=12).map("".join)


@pytest.mark.parametrize("kind", ["word", "character"])
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=lines, size=st.integers(1, 30), fraction=st.floats(0.01, 0.99))
def test_corpus_split_makes_parts_of_the_whole(
    kind: Any, text: str, size: int, fraction: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "READ_BYTES", size)
    whole = Corpus.open(written(tmp_path, text.encode()), kind=kind)
    cleaned = "".join(whole.chunks())
    units = len(cleaned) if kind == "character" else cleaned.count("\n")
    train_units = units - math.ceil(units * Fraction(str(fraction)))
    if kind == "word" and units == 1:
        return  # cut between words
    if not 0 < train_units < units:
        with pytest.raises(InvalidInput, match="validation_fraction"):
            whole.split(fraction)
        return
    train, held_out = ("".join(part.chunks()) for part in whole.split(fraction))
    assert train + held_out == cleaned
    assert (len(train) if kind == "character" else train.count("\n")) == train_units


@pytest.mark.parametrize(("fraction", "held_out"), [(0.07, 7), (0.9, 90), (0.001, 1), (0.285, 29)])
def test_corpus_split_rounds_the_held_out_part_up_in_decimals(fraction: float, held_out: int, tmp_path: Path) -> None:
    _, part = Corpus.open(written(tmp_path, b"a\n" * 100)).split(fraction)
    assert "".join(part.chunks()) == "a\n" * held_out


def test_corpus_split_splits_parts_again(tmp_path: Path) -> None:
    whole = Corpus.open(written(tmp_path, b"a\nb\nc\na\nb\nc\na\nb\n"))
    rest, test = whole.split(0.25)
    train, validation = rest.split(1 / 3)
    inner = validation.split(0.5)[1]
    parts = ["".join(part.chunks()) for part in (train, validation, test, inner)]
    assert parts == ["a\nb\nc\na\n", "b\nc\n", "a\nb\n", "c\n"]


words = st.lists(st.text("ab\u00e9", min_size=1, max_size=6), min_size=1, max_size=12)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=words, blank=st.sampled_from([" ", "  ", "\u3000", "\t"]), end=st.sampled_from(["", "\n"]), data=st.data())
def test_corpus_split_cuts_a_single_line_between_words(
    words: list[str], blank: str, end: str, data: st.DataObject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "READ_BYTES", data.draw(st.integers(1, 30)))
    fraction = data.draw(st.floats(0.01, 0.99))
    text = blank.join(words)
    whole = Corpus.open(written(tmp_path, (text + end).encode()))
    if len(words) == 1:
        with pytest.raises(InvalidInput, match=r"validation_fraction: .*single word"):
            whole.split(fraction)
        return
    parts = ["".join(part.chunks()) for part in whole.split(fraction)]
    assert all(part.endswith("\n") and part.count("\n") == 1 for part in parts)
    assert [word for part in parts for word in part.split()] == words
    assert all(part.split() for part in parts)
    # The held-out part begins with the first word that begins after the border, or is the last word.
    held_out = math.ceil((len(text) + 1) * Fraction(str(fraction)))
    assert len(parts[1].rstrip()) <= held_out or len(parts[1].split()) == 1


def test_corpus_split_cuts_parts_of_a_single_line_again(tmp_path: Path) -> None:
    whole = Corpus.open(written(tmp_path, b"one two three four five six seven eight"))
    rest, test = whole.split(0.25)  # 10 of 40 characters: "even eight" and the newline that completes the line
    train, validation = rest.split(0.5)  # 17 of 33 characters: "our five six seven"
    assert ["".join(part.chunks()) for part in (train, validation, test)] == [
        "one two three four\n",
        "five six seven\n",
        "eight\n",
    ]
    lines = Corpus.open(written(tmp_path, b"a\nb\none two three\n"))
    assert ["".join(part.chunks()) for part in lines.split(0.3)[1].split(0.5)] == ["one two\n", "three\n"]


def test_corpus_tells_how_a_single_line_was_split(tmp_path: Path) -> None:
    whole = Corpus.open(written(tmp_path, b"a b c d"))
    assert not whole.notes
    assert [part.notes for part in whole.split(0.3)] == [whole.split(0.3)[0].notes] * 2
    assert "one line" in whole.split(0.3)[0].notes[0]


def test_corpus_leaves_out_the_marks_of_sentences(tmp_path: Path) -> None:
    marked = b"<s> a b </s>\n<s> c </s>\n"
    corpus = Corpus.open(written(tmp_path, marked))
    assert "".join(corpus.chunks()) == "a b\nc\n"
    assert corpus.encode(WORDS).ids.tolist() == [2, 3, 1, 4, 1]
    assert corpus.notes == ["`<s>` and `</s>` around the lines of the text are left out: its lines are sentences"]
    assert "".join(Corpus.open(corpus.files, kind="character").chunks()) == "a b\nc\n"
    assert ["".join(part.chunks()) for part in corpus.split(0.5)] == ["a b\n", "c\n"]


def test_corpus_tells_of_byte_order_marks_that_joining_files_left_inside(tmp_path: Path) -> None:
    encoded = Corpus.open(written(tmp_path, b"\xef\xbb\xbfa\nb\n\xef\xbb\xbfa\nb \xef\xbb\xbf\n")).encode(WORDS)
    assert encoded.ids.tolist() == [2, 1, 3, 1, 0, 1, 3, 0, 1]
    assert encoded.inner_marks == 1
    assert encoded.notes[0].startswith("U+FEFF begins 1 inner line, ")
    assert Corpus.open(written(tmp_path, b"\xef\xbb\xbfa\n")).encode(WORDS).notes == []


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress], ids=["gzip", "bzip2", "xz"])
def test_corpus_reads_compressed_files(compress: Any, tmp_path: Path) -> None:
    stored = compress(b"\xef\xbb\xbfa b\r\nc\n")
    corpus = Corpus.open([written(tmp_path, stored, "text"), written(tmp_path, b"a", "plain.gz")])
    assert "".join(corpus.chunks()) == "a b\nc\na\n"
    assert corpus.sha256() == hashlib.sha256(stored + b"a").hexdigest()


def test_corpus_refuses_a_tar_archive(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "text.tar.gz", "w:gz") as archive:
        archive.add(written(tmp_path, b"a b\n"), "text.txt")
    with pytest.raises(InvalidText, match=r"text\.tar\.gz: must be text, and is a tar archive"):
        list(Corpus.open(tmp_path / "text.tar.gz").chunks())


def test_corpus_refuses_an_array_in_any_encoding(tmp_path: Path) -> None:
    path = written(tmp_path, b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'}\n")
    for encoding in ("utf-8", "latin-1"):
        with pytest.raises(InvalidText, match="must be text, and is an array in NumPy's format"):
            list(Corpus.open(path, encoding=encoding).chunks())


def test_corpus_reads_the_encoding_that_it_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, "caf\u00e9\n".encode("latin-1"))
    assert "".join(Corpus.open(path, encoding="latin-1").chunks()) == "caf\u00e9\n"
    with pytest.raises(InvalidText, match=r"text\.txt: must be UTF-8, .*--encoding latin-1"):
        list(Corpus.open(path).chunks())
    with pytest.raises(InvalidInput, match="encoding: must be an encoding of text"):
        Corpus.open(path, encoding="latin-0")


def test_corpus_strips_the_blanks_of_its_tokenizer(tmp_path: Path) -> None:
    path = written(tmp_path, "\u00a0a \n".encode())
    assert "".join(Corpus.open(path).chunks()) == "a\n"
    assert "".join(Corpus.open(path, config=TokenizerConfig(pretokenized=True)).chunks()) == "\u00a0a\n"


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan"), 0.6])
def test_corpus_split_leaves_text_in_both_parts(fraction: float, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="validation_fraction"):
        Corpus.open(written(tmp_path, b"a\nb\n")).split(fraction)


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"  ", b"\n \n"])
def test_corpus_must_hold_text(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(InvalidText, match=r"there is none in .*text\.txt"):
        list(Corpus.open(written(tmp_path, data), empty_lines="drop").chunks())


def test_corpus_names_the_file_of_a_bad_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "READ_BYTES", 3)
    files = [written(tmp_path, b"a\n", "good"), written(tmp_path, b"a\nb \xe4\xb8\n", "bad")]
    with pytest.raises(InvalidText, match=r"/bad: must be UTF-8, and byte 4 "):
        Corpus.open(files).encode(WORDS)


def test_corpus_files_must_exist(tmp_path: Path) -> None:
    for files in ([], [tmp_path / "missing"], tmp_path):
        with pytest.raises(InvalidInput, match="files: must name"):
            Corpus.open(files)
    gone = Corpus.open(written(tmp_path, b"a\n"))
    (tmp_path / "text.txt").unlink()
    with pytest.raises(InvalidInput, match="files: must be readable"):
        gone.sha256()


def test_corpus_encode_needs_a_tokenizer_of_the_same_kind(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="must be a word tokenizer"):
        Corpus.open(written(tmp_path, b"a\n")).encode(CHARACTERS)


@pytest.mark.parametrize("line", [b"a b a b a b a b\n", b"a b a b a b a "], ids=["many lines", "one line"])
def test_corpus_memory_does_not_grow_with_the_file(
    line: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "READ_BYTES", 1 << 14)
    path = written(tmp_path, line * (1 << 19))  # 8 MiB
    tracemalloc.start()
    try:
        size = sum(len(chunk) for chunk in Corpus.open(path).chunks())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size >= 7 << 20
    assert peak < 6 << 20  # a line of a megabyte, held as bytes and as text
