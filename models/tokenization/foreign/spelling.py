"""Bytes that the tokens of a `tokenizer.json` write inside a text: `Spelling`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from models.tokenization.detokenizer import UNICODE_TO_BYTE

META_SPACE = "\u2581"
"""Mark that stands for a blank in the tokens of SentencePiece."""
BYTE_TOKEN = re.compile("<0x([0-9A-F]{2})>")
"""Token that stands for a byte of a character without a token of its own."""


@dataclass(frozen=True)
class Spelling:
    """Spelling of tokens in a vocabulary, told by the steps of its file.

    in_bytes: each character stands for a byte, as in GPT-2.
    meta_space: META_SPACE stands for a blank, and `<0xE2>` for a byte.
    inner_prefix: marks tokens that do not begin a word, "##" in WordPiece; others write a blank before.
    word_suffix: marks tokens that end a word, "</w>", which they write as a blank.
    """

    in_bytes: bool = False
    meta_space: bool = False
    inner_prefix: str | None = None
    word_suffix: str | None = None

    @classmethod
    def of_document(cls, document: dict[str, Any]) -> Spelling:
        """Return the spelling of a `tokenizer.json`, by the steps that it has."""
        steps = [step for part in ("pre_tokenizer", "decoder", "normalizer") for step in _steps(document.get(part))]
        types, model = {step.get("type") for step in steps}, document["model"]
        prefix = model.get("continuing_subword_prefix") if model.get("type") == "WordPiece" else None
        return cls(
            in_bytes="ByteLevel" in types,
            meta_space="Metaspace" in types or any(META_SPACE in str(step) for step in steps),
            inner_prefix=prefix,
            word_suffix=model.get("end_of_word_suffix") or None,
        )

    def to_bytes(self, token: str) -> bytes:
        """Return the UTF-8 bytes that a token writes inside a text, where it is no special one.

        >>> Spelling(meta_space=True).to_bytes("\u2581the"), Spelling(inner_prefix="##").to_bytes("##ing")
        (b' the', b'ing')
        """
        if self.word_suffix and token.endswith(self.word_suffix):
            return self.to_bytes(token.removesuffix(self.word_suffix)) + b" "
        if self.in_bytes and all(character in UNICODE_TO_BYTE for character in token):
            return bytes(map(UNICODE_TO_BYTE.__getitem__, token))
        if self.meta_space:
            byte = BYTE_TOKEN.fullmatch(token)
            return bytes.fromhex(byte[1]) if byte else token.replace(META_SPACE, " ").encode()
        if self.inner_prefix:
            is_inner = token.startswith(self.inner_prefix)
            return (token.removeprefix(self.inner_prefix) if is_inner else f" {token}").encode()
        return token.encode()


def _steps(step: Any) -> list[dict[str, Any]]:
    """Return a step of the pipeline, or those that a sequence of them has."""
    if not isinstance(step, dict):
        return []
    inner = [value for key in ("pretokenizers", "normalizers", "decoders") for value in step.get(key) or []]
    return [step, *(nested for value in inner for nested in _steps(value))]
