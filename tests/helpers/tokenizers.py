"""Tokenizer configurations, trained tokenizers, small files of foreign ones and random texts, for tests."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from sentencepiece import SentencePieceTrainer
from tokenizers import Tokenizer as HuggingFaceTokenizer
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer

CONFIGS = [
    *(TokenizerConfig(lowercase=low, pretokenized=pre) for low in (False, True) for pre in (False, True)),
    *(TokenizerConfig(lowercase=low, pretokenized=pre, rules=1) for low in (False, True) for pre in (False, True)),
    TokenizerConfig(rules=2),
    TokenizerConfig(lowercase=True, control_tokens=True),
    TokenizerConfig(pretokenized=True, control_tokens=True),
]
ASCII = [
    *"antTN'\"-_<>.1",
    "--",
    "...",
    "n't",
    "N'T",
    "'s",
    "'tis",
    "'Em",
    "''",
    "<unk>",
    "</s>",
    "<UNK>",
    "<<unk>",
    "word",
]
LONG = ["internationalisation", "nationalisation"]
WHITE_SPACE_OR_NOT = ["\t", "\r\n", *"\r\n\n  \x00\x1c\x85\xa0\u1680\u2000\u2028\u2029\u202f\u205f\u3000\u200b\ufeff"]
LETTERS = [
    "Stra\u00dfe",
    "'\u017f",
    "\u2019re",
    *"\u2019\u0130\u03a3\u03c2\u00c9\u0301\u023a\u212a\u01c5\u1e9e\u20ac\u2014\u2026",
]
BEYOND = [*"\u4e2d\u0930\u0942\u05d0\U0001f600\U00010400\U0001d7d9\ue000\ufffd\uffff"]
JOINED = [
    *"\u200c\u200d\u00ad\u2060\u200f\u0301\ufe0f\u20e3\u0600\u0661\u0d4e\u0e33\u093f\u2139\u2764",
    *"\U0001f3fd\U0001f468\U0001f1e9\U0001f1ea\U000e0067\U0001f308\uff9e\u0391\u1f71",
    "\U0001f468\u200d\U0001f469",
]
NAMES = [
    *"@#&+:/;%,()[]?",
    "://",
    "http://",
    "www.",
    "a@b.c",
    "example.org",
    "x-y.z",
    "AT&T",
    "&amp;",
    "C++",
    "C#",
    "++",
    "<s>",
]
FRAGMENTS = [*ASCII, *LONG, *WHITE_SPACE_OR_NOT, *LETTERS, *BEYOND, *JOINED, *NAMES]


texts = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=5), max_size=30).map("".join)


def identity(config: TokenizerConfig) -> str:
    words = f"{'lower' if config.lowercase else 'as-is'}-{'blanks' if config.pretokenized else 'words'}"
    return f"{words}-{config.rules}{'-control' if config.control_tokens else ''}"


TEXT = "the cat , the dog and the .\nthe cat sat .\n"  # the 4, cat 2, "." 2, five words once


def train(text: str = TEXT, **settings: Any) -> Tokenizer:
    return Tokenizer.train(TokenizerConfig(**settings), [text])


LINES = [
    "The cat sat on the mat, and the dog saw it.",
    "A dog ran away quickly; the café was far.",
    "don't stop me now, said the cat to the dog",
    "Numbers such as 3.14 or 1,000 are read, too.",
]
SENTENCE_PIECE_KINDS: dict[str, dict[str, Any]] = {
    "unigram": {"model_type": "unigram", "vocab_size": 90},
    "llama": {"model_type": "bpe", "vocab_size": 340, "byte_fallback": True, "normalization_rule_name": "identity"},
}
"""Settings of small SentencePiece models, the second as Llama's: bytes for what has no piece."""


def sentence_piece_file(path: Path, kind: str = "unigram", **settings: Any) -> Path:
    """Train a small SentencePiece model on LINES."""
    proto = io.BytesIO()
    options = {"hard_vocab_limit": False, "minloglevel": 2} | SENTENCE_PIECE_KINDS[kind] | settings
    SentencePieceTrainer.train(sentence_iterator=iter(LINES * 20), model_writer=proto, **options)
    path.write_bytes(proto.getvalue())
    return path


def hugging_face_file(path: Path, kind: str) -> Path:
    """Train a small `tokenizer.json` of a kind on LINES: gpt2, bert, llama, unigram or words."""
    tokenizer, trainer = _HUGGING_FACE_KINDS[kind]()
    tokenizer.train_from_iterator(LINES, trainer)
    tokenizer.save(str(path))
    return path


def _gpt2() -> tuple[HuggingFaceTokenizer, Any]:
    tokenizer = HuggingFaceTokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return tokenizer, trainers.BpeTrainer(
        vocab_size=330, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )


def _bert() -> tuple[HuggingFaceTokenizer, Any]:
    tokenizer = HuggingFaceTokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=120, special_tokens=special, show_progress=False)
    return tokenizer, trainer


def _llama() -> tuple[HuggingFaceTokenizer, Any]:
    tokenizer = HuggingFaceTokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    return tokenizer, trainers.BpeTrainer(vocab_size=340, special_tokens=special, show_progress=False)


def _unigram() -> tuple[HuggingFaceTokenizer, Any]:
    tokenizer = HuggingFaceTokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer, trainers.UnigramTrainer(
        vocab_size=90, special_tokens=["<unk>", "</s>"], unk_token="<unk>", show_progress=False
    )


def _words() -> tuple[HuggingFaceTokenizer, Any]:
    tokenizer = HuggingFaceTokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer, trainers.WordLevelTrainer(special_tokens=["<unk>", "<s>", "</s>"], show_progress=False)


_HUGGING_FACE_KINDS: dict[str, Callable[[], tuple[HuggingFaceTokenizer, Any]]] = {
    "gpt2": _gpt2,
    "bert": _bert,
    "llama": _llama,
    "unigram": _unigram,
    "words": _words,
}
