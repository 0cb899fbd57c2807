"""Joining tokens by a file's decoder: characters of several tokens, blanks at the beginning, long contexts."""

from pathlib import Path

import pytest

from models.tokenization.config import TokenizerConfig
from models.tokenization.foreign.line_detokenizer import LineDetokenizer
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.tokenizers import LINES, hugging_face_file, sentence_piece_file

VOCABULARY = ["<unk>", "</s>", "a", "\xe4", "\xb8", "\xad"]  # the last three are bytes of one character


def decode(ids: list[int]) -> str:
    """Decode as a library does: broken characters become U+FFFD, and a blank at the beginning is dropped."""
    return "".join(VOCABULARY[i] for i in ids).encode("latin-1").decode(errors="replace").lstrip(" ")


def push_all(ids: list[int]) -> list[str]:
    detokenizer = LineDetokenizer(VOCABULARY, decode, decodes_unknown=False)
    return [detokenizer.push(i) for i in ids]


def test_line_detokenizer_waits_for_whole_characters() -> None:
    assert push_all([2, 3, 4, 5, 2]) == ["a", "", "", "\u4e2d", "a"]
    assert push_all([2, 3, 2]) == ["a", "", "\ufffda"]
    assert push_all([3, 1, 2]) == ["", "\ufffd\n", "a"]  # what an end breaks off is told
    assert push_all([3, 3, 3, 3]) == ["", "", "", "\ufffd" * 4]  # no character has more bytes
    assert push_all([3, 0, 2]) == ["", "\ufffd<unk>", "a"]


@pytest.mark.parametrize("kind", ["gpt2", "llama", "bert", "spm"])
def test_line_detokenizer_goes_on_after_a_long_context_as_after_all_of_it(tmp_path: Path, kind: str) -> None:
    boundary = {"gpt2": "<|endoftext|>", "bert": "[SEP]"}.get(kind, "</s>")
    path = sentence_piece_file(tmp_path / "f") if kind == "spm" else hugging_face_file(tmp_path / "f", kind)
    tokenizer = Tokenizer.train(TokenizerConfig(file=str(path), boundary=boundary), ())
    ids = tokenizer.encode("x\n" + " ".join(LINES * 3) + "\nx caf\u00e9").ids.tolist()
    for cut in (0, 5, 100, len(ids) - 2):
        whole, short = tokenizer.detokenizer(), tokenizer.detokenizer(ids[:cut])
        for i in ids[:cut]:
            whole.push(i)
        assert [short.push(i) for i in ids[cut : cut + 20]] == [whole.push(i) for i in ids[cut : cut + 20]]
