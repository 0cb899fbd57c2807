"""Tokenizer files of any kind: told by what they hold, compressed or not, and refused with a reason."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from models.errors import InvalidInput
from models.tokenization.config import TokenizerConfig
from models.tokenization.foreign import reading
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.tokenizers import LINES, hugging_face_file, sentence_piece_file


def read(path: Path, **settings: Any) -> Tokenizer:
    return Tokenizer.train(TokenizerConfig(file=str(path), **settings), ())


def test_read_tokenizer_file_tells_the_kind_by_the_content(tmp_path: Path) -> None:
    json, model = hugging_face_file(tmp_path / "a.txt", "gpt2"), sentence_piece_file(tmp_path / "b.json", bos_id=-1)
    words = tmp_path / "c.model"
    words.write_text('{\n"\n')  # a word may be a brace
    kinds = [(read(path).config.kind, read(path).vocabulary_size) for path in (json, model, words)]
    assert kinds == [("file", 331), ("file", 56), ("word", 4)]


def test_read_tokenizer_file_reads_compressed_files(tmp_path: Path) -> None:
    for path in (hugging_face_file(tmp_path / "a", "gpt2"), sentence_piece_file(tmp_path / "b", bos_id=-1)):
        packed = path.with_suffix(".gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        assert read(packed).is_equivalent_to(read(path))


def test_read_tokenizer_file_makes_a_word_list_the_vocabulary(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("The\t3\nthe\ncat\n<unk>\n</s>\n<s>\n")
    assert read(path).vocabulary == ["<unk>", "</s>", "The", "the", "cat"]
    folded = read(path, lowercase=True, pretokenized=True)
    assert folded.vocabulary == ["<unk>", "</s>", "the", "cat"]
    assert folded.encode("THE dog\n").ids.tolist() == [2, 0, 1]
    folded.save(tmp_path / "tokenizer.json")
    loaded = Tokenizer.load(tmp_path / "tokenizer.json")
    assert loaded.is_equivalent_to(folded)
    assert loaded.config == TokenizerConfig(lowercase=True, pretokenized=True)  # with no path of this machine


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        (b"", {}, "must hold words"),
        (b'{"the": 0, "cat": 1}', {}, "another JSON without a `model`"),
        (b'{"model": {}}', {}, "a tokenizer.json that `tokenizers` reads"),
        (b'{"a": ' * 100_000, {}, "no whole JSON"),
        (b'{\n "model": {', {}, "no whole JSON"),
        (b"the\n", {"boundary": "</s>"}, "boundary: is not for a list of words"),
        (b"the\n", {"min_count": 2}, "min_count: is not for a list of words"),
        (b"the\n", {"kind": "bpe"}, "kind: must be word"),
        (b"the\n", {"kind": "character"}, "kind: must be word"),
    ],
)
def test_read_tokenizer_file_refuses_other_content(
    tmp_path: Path, content: bytes, settings: dict[str, Any], message: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=message):
        read(path, **settings)


def test_read_tokenizer_file_leaves_to_the_file_what_it_says(tmp_path: Path) -> None:
    path = hugging_face_file(tmp_path / "tokenizer.json", "gpt2")
    with pytest.raises(InvalidInput, match=r"lowercase: is for the file to say, which is a tokenizer\.json"):
        read(path, lowercase=True)
    with pytest.raises(InvalidInput, match="tokenizer: must be a file that can be read"):
        read(tmp_path / "none")


def test_read_tokenizer_file_refuses_a_huge_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_FILE_BYTES", 1 << 20)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"a" * (3 << 20)))
    with pytest.raises(InvalidInput, match="at most 1 MiB"):
        read(path)


def test_tokenizer_of_a_file_encodes_many_lines_as_one_by_one(tmp_path: Path) -> None:
    for path in (hugging_face_file(tmp_path / "a", "gpt2"), sentence_piece_file(tmp_path / "b", bos_id=-1)):
        tokenizer, ids = read(path), []
        for line in LINES * 100:
            ids += [*tokenizer.encode(line).ids.tolist(), 1]
        assert tokenizer.encode("".join(f"{line}\n" for line in LINES * 100)).ids.tolist() == ids
