"""Parsers of tokenizers: the `tokenizer.json` of a checkpoint, and files of others."""

from __future__ import annotations

import gzip
from pathlib import Path

from models.errors import InvalidInput
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.tokenizers import LINES, hugging_face_file, sentence_piece_file
from tests.parsers.parser import Parser, require

_TEXT = "\n".join(LINES) + "\n"
_HARD = "The caf\u00e9  <unk> </s>\t\x00 \U0001f600 1,000\n\n\u4e2d\u6587 a\u0301"
"""Text that tokenizers meet and few files foresee."""


def _own_samples(folder: Path) -> list[bytes]:
    configs = [
        TokenizerConfig(),
        TokenizerConfig(lowercase=True, normalize=("nfc", "digits"), rules=2),
        TokenizerConfig(kind="character"),
        TokenizerConfig(kind="bpe", max_size=280),
        TokenizerConfig(kind="unigram", max_size=320),
        TokenizerConfig(kind="file", file=str(hugging_face_file(folder / "gpt2.json", "gpt2"))),
        TokenizerConfig(kind="file", file=str(sentence_piece_file(folder / "p.model")), boundary="</s>"),
    ]
    for i, config in enumerate(configs):
        Tokenizer.train(config, [_TEXT]).save(folder / f"own-{i}.json")
    return [(folder / f"own-{i}.json").read_bytes() for i in range(len(configs))]


def _read_own(path: Path) -> None:
    _use(Tokenizer.load(path))


def _json_samples(folder: Path) -> list[bytes]:
    kinds = ("gpt2", "bert", "llama", "unigram", "words")
    return [hugging_face_file(folder / f"{kind}.json", kind).read_bytes() for kind in kinds]


def _piece_samples(folder: Path) -> list[bytes]:
    return [sentence_piece_file(folder / f"{kind}.model", kind).read_bytes() for kind in ("unigram", "llama")]


def _list_samples(_: Path) -> list[bytes]:
    words = "<unk>\n</s>\nthe\t52\ncat\t3\ncaf\u00e9\nThe\n".encode()
    return [words, b"\xef\xbb\xbf" + words.replace(b"\n", b"\r\n"), gzip.compress(words)]


def _read_foreign(path: Path) -> None:
    config = TokenizerConfig(kind="file", file=str(path))
    try:
        tokenizer = Tokenizer.train(config, ())
    except InvalidInput as error:
        if error.field != "boundary" or "several" not in error.reason:
            raise
        names = error.reason.partition("candidates are ")[2].split(", ")
        tokenizer = Tokenizer.train(TokenizerConfig(kind="file", file=str(path), boundary=names[0]), ())
    _use(tokenizer)
    saved = path.with_name("saved.json")
    tokenizer.save(saved)
    require(Tokenizer.load(saved).is_equivalent_to(tokenizer), "the saved tokenizer is another one")


def _use(tokenizer: Tokenizer) -> None:
    """Do what a service does with a tokenizer."""
    for text in (_TEXT[:60], _HARD):
        try:
            tokens = tokenizer.encode(text)
        except InvalidInput:
            continue
        ids = tokens.ids.tolist()
        require(all(0 <= i < tokenizer.vocabulary_size for i in ids), "an id is outside of the vocabulary")
        tokenizer.decode(ids).encode("utf-8", "surrogatepass")
        tokenizer.encode_with_offsets(text)
        tokenizer.surface_forms(text)
    tokenizer.ids_with_prefix("a")
    names = [tokenizer.token_text(i) for i in range(min(tokenizer.vocabulary_size, 50))]
    require(all(isinstance(name, str) for name in names), "a token has no name")


PARSERS = [
    Parser("own tokenizer", "models.tokenization.tokenizer", "checkpoint", "json", _own_samples, _read_own),
    Parser("tokenizer.json", "models.tokenization.foreign", "upload, file", "json", _json_samples, _read_foreign),
    Parser("SentencePiece", "models.tokenization.foreign", "upload, file", "bytes", _piece_samples, _read_foreign),
    Parser("word list", "models.tokenization.foreign", "upload, file", "lines", _list_samples, _read_foreign),
]
