"""Bytes that tokens of published kinds of files write."""

from typing import Any

import pytest

from models.tokenization.foreign.spelling import Spelling

BYTE_LEVEL: dict[str, Any] = {"model": {"type": "BPE"}, "decoder": {"type": "ByteLevel"}}
LLAMA: dict[str, Any] = {
    "model": {"type": "BPE"},
    "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}]},
}
CLIP: dict[str, Any] = {"model": {"type": "BPE", "end_of_word_suffix": "</w>"}, "pre_tokenizer": {"type": "ByteLevel"}}
BERT: dict[str, Any] = {"model": {"type": "WordPiece", "continuing_subword_prefix": "##"}, "decoder": None}
T5: dict[str, Any] = {"model": {"type": "Unigram"}, "pre_tokenizer": {"type": "Metaspace"}}
WORDS: dict[str, Any] = {"model": {"type": "WordLevel"}}


@pytest.mark.parametrize(
    ("document", "token", "written"),
    [
        (BYTE_LEVEL, "\u0120the", b" the"),
        (BYTE_LEVEL, "\u00c3", b"\xc3"),
        (BYTE_LEVEL, "\u4e2d", "\u4e2d".encode()),  # a token that was added, and is no bytes
        (LLAMA, "\u2581the", b" the"),
        (LLAMA, "<0xE4>", b"\xe4"),
        (CLIP, "caf\u00c3\u00a9</w>", "caf\u00e9 ".encode()),
        (CLIP, "ca", b"ca"),
        (BERT, "##ing", b"ing"),
        (BERT, "do", b" do"),
        (T5, "\u2581the", b" the"),
        (WORDS, "the", b"the"),
    ],
)
def test_spelling_tells_the_bytes_of_a_token(document: dict[str, Any], token: str, written: bytes) -> None:
    assert Spelling.of_document(document).to_bytes(token) == written
