"""Text to ids and back: a vocabulary, and the pipeline that cuts text into its tokens.

A tokenizer knows which surface forms have ids, and which forms of a text have none. It does not know where text
comes from, nor what a model does with the ids. It is stored as a Hugging Face `tokenizer.json`, which plain
`tokenizers` reads and which then gives the same ids.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from itertools import pairwise, starmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer as HuggingFaceTokenizer

from models.errors import CheckpointDamaged, InvalidInput, InvalidText
from models.special_tokens import EOS, EOS_TOKEN, SPECIALS, UNK_TOKEN
from models.tokenization import bpe_tokenizer, pipeline, trainer
from models.tokenization.bpe_tokenizer import BytePairs
from models.tokenization.character_tokenizer import Characters
from models.tokenization.config import TokenizerConfig
from models.tokenization.detokenizer import ByteDetokenizer, Detokenizer
from models.tokenization.encoding import Encoding, Encodings
from models.tokenization.pipeline import Merges
from models.tokenization.trainer import Census, vocabulary_of
from models.tokenization.word_tokenizer import Piece, Pieces, Words
from models.utils.arrays import joined


def check(config: TokenizerConfig, vocabulary: list[str]) -> None:
    """Raise InvalidInput unless `vocabulary` is one for `config`."""
    if vocabulary[: EOS + 1] != SPECIALS:
        raise InvalidInput("vocabulary", f"must begin with {UNK_TOKEN} and {EOS_TOKEN}")
    if len(set(vocabulary)) != len(vocabulary):
        raise InvalidInput("vocabulary", "must not hold a token twice")
    if config.kind == "character" and any(len(token) != 1 for token in vocabulary[EOS + 1 :]):
        raise InvalidInput("vocabulary", "must hold single characters for a character tokenizer")


__all__ = ["Detokenizer", "Encoding", "Encodings", "Tokenizer", "TokenizerConfig"]

SHORT = 1000
"""Characters of a text that is quicker to read piece by piece."""


class Tokenizer:
    """A vocabulary and its way to cut text. Immutable; safe to share between threads."""

    def __init__(self, config: TokenizerConfig, vocabulary: Sequence[str], merges: Merges = ()) -> None:
        """`merges`: of a bpe tokenizer, in their order."""
        self.config = config
        self.vocabulary = list(vocabulary)
        self.merges = list(merges)
        check(config, self.vocabulary)
        self._ids = {token: i for i, token in enumerate(self.vocabulary)}
        self._cutter = _cutter(config, self.vocabulary, self.merges)
        self._splitter = pipeline.build(config, SPECIALS)
        self._pieces = Pieces(self._cut_all)

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.vocabulary[EOS + 1 :])

    @property
    def size(self) -> int:
        """How many tokens have ids, `<unk>` and `</s>` included."""
        return len(self.vocabulary)

    @classmethod
    def train(cls, config: TokenizerConfig, text: Iterable[str]) -> Tokenizer:
        """Make the vocabulary of `text`, given in chunks of whole lines: ids by falling count, then by token.

        Raises TrainingFailed when no token is left, InvalidText for text that is not Unicode.
        """
        if config.kind == "bpe":
            return cls(config, *trainer.learn(config, map(_checked, text)))
        text = map(_checked, text)
        if config.kind == "character":
            return cls(config, vocabulary_of(config, Characters(config, SPECIALS).count(text)))
        return cls(config, vocabulary_of(config, Census(Words(config, SPECIALS), keep=False).take(text).counts()))

    @classmethod
    def learn(cls, config: TokenizerConfig, text: Iterable[str]) -> tuple[Tokenizer, Iterator[Encoding]]:
        """The tokenizer that `train` makes, and the ids of `text` in pieces: words only, and `text` is read once.

        Raises what `train` does. A piece can be had once, and takes no memory afterwards.
        """
        census = Census(Words(config, SPECIALS), keep=True).take(map(_checked, text))
        tokenizer = cls(config, vocabulary_of(config, census.counts()))
        return tokenizer, map(Encoding.of, census.ids(tokenizer.vocabulary))

    def encode(self, text: str) -> Encoding:
        """The ids of `text`: a newline is `</s>`, save to characters; none is added at the end. Raises InvalidText."""
        return Encoding.of(self._cutter.encode(_checked(text)))

    def encode_all(self, texts: Sequence[str], *, ended: bool = False) -> Encodings:
        """The ids of each of `texts`, at a fraction of the time of one by one; `ended`: with `</s>` at the end of each.

        Raises InvalidText.
        """
        if len(texts) == 1 and self._is_short(texts[0]):
            return self._encode_short(texts[0], ended)
        return self._encode_all(texts, ended)

    def _encode_all(self, texts: Sequence[str], ended: bool = False) -> Encodings:
        texts = list(map(_checked, texts))
        if isinstance(self._cutter, Words):
            ids, ends = self._cutter.encode_all(texts, ended)
        else:
            rows = [self._cutter.encode(text) for text in texts]
            ids, ends = joined([np.append(row, np.int32(EOS)) for row in rows] if ended else rows)
        return Encodings.of(ids, ends)

    def read(self, text: str) -> Piece:
        """`encode` and `tokens` in one, and quickly where the text is short. Raises InvalidText."""
        return self._pieces.read(text) if self._is_short(text) else self._cut_all([text])[0]

    def ids(self, text: str) -> list[int]:
        """Those of `encode`, and quickly where the text is short. Raises InvalidText."""
        return self._pieces.read(text).ids if self._is_short(text) else self.encode(text).ids.tolist()

    def _is_short(self, text: str) -> bool:
        return len(text) <= SHORT and self.config.kind == "word"

    def _encode_short(self, text: str, ended: bool) -> Encodings:
        ids, oov, _ = self._pieces.read(text)
        if ended:
            ids.append(EOS)
            oov.append(False)
        return Encodings(np.array(ids, np.int32), np.array(oov, np.bool_), np.array([len(ids)]))

    def _cut_all(self, texts: list[str]) -> list[Piece]:
        encodings = self._encode_all(texts)
        ids, oov = encodings.ids.tolist(), encodings.oov.tolist()
        whole = Piece(ids, oov, self.tokens(" ".join(texts)) if True in oov else [self.vocabulary[i] for i in ids])
        spans = starmap(slice, pairwise([0, *encodings.ends.tolist()]))
        return [Piece(whole.ids[span], whole.oov[span], whole.surfaces[span]) for span in spans]

    def tokens(self, text: str) -> list[str]:
        """The surface forms of `text`, aligned with `encode(text).ids`, known or not. Raises InvalidText."""
        if isinstance(self._cutter, BytePairs):
            return [self.vocabulary[i] for i in self.encode(text).ids]
        return self._cutter.cut(_checked(text))

    def surfaces(self, texts: Sequence[str], encodings: Encodings) -> list[str]:
        """The surface forms [T] of `texts`, aligned with `encodings.ids`; only texts with unknown ones are cut anew."""
        surfaces = [self.vocabulary[i] for i in encodings.ids.tolist()]
        if True in encodings.oov.tolist():
            for k in np.unique(np.searchsorted(encodings.ends, encodings.oov.nonzero()[0], "right")):
                begin, found = encodings.ends[k] - encodings.lengths[k], self.tokens(texts[k])
                surfaces[begin : begin + len(found)] = found
        return surfaces

    def decode(self, ids: Sequence[int]) -> str:
        """Readable text of `ids`: punctuation joined to its words, `</s>` a newline (nothing, for characters)."""
        reader = self.detokenizer()
        return "".join([reader.push(i) for i in ids])

    def detokenizer(self, context: Sequence[int] = ()) -> Detokenizer:
        """A reader of tokens as they come, which knows that `context` stands before them."""
        kind = self.config.kind
        joined = kind == "character"
        reader = ByteDetokenizer(self.vocabulary) if kind == "bpe" else Detokenizer(self.vocabulary, joined=joined)
        for i in context:
            reader.push(i)
        return reader

    def same(self, other: Tokenizer) -> bool:
        """Whether both give the same ids for every text; how rare a token they left out is no matter."""
        theirs = replace(other.config, min_count=self.config.min_count, max_size=self.config.max_size)
        return (self.config, self.vocabulary, self.merges) == (theirs, other.vocabulary, other.merges)

    def id(self, token: str) -> int | None:
        """The id of `token`, taken as it stands, or None."""
        return self._ids.get(token)

    def search(self, prefix: str) -> NDArray[np.int64]:
        """Ids, rising, of the ordinary tokens that begin with `prefix` (lower-cased where the tokenizer does so)."""
        if self.config.lowercase:
            prefix = self._splitter.normalizer.normalize_str(prefix)
        if self.config.kind == "bpe":
            prefix = bpe_tokenizer.written(prefix)
        first = bisect_left(self._sorted, prefix)
        last = bisect_right(self._sorted, prefix, key=lambda token: token[: len(prefix)])
        return np.sort(np.array([self._ids[token] for token in self._sorted[first:last]], np.int64))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a Hugging Face `tokenizer.json`; a file of that name is replaced whole or not at all."""
        stored = json.loads(pipeline.build(self.config, SPECIALS).to_str())
        stored["model"]["vocab"] = self._ids
        if self.merges:
            stored["model"]["merges"] = self.merges
        # Settings of training, which no pipeline tells. Here alone does `tokenizers` overlook a key it does not know.
        stored["model"]["nextword"] = asdict(self.config)
        temporary = Path(f"{os.fspath(path)}.partial")
        try:
            temporary.write_text(json.dumps(stored, ensure_ascii=False) + "\n", encoding="utf-8")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Tokenizer:
        """Read what `save` wrote. Raises CheckpointDamaged, naming the file, for anything else."""
        try:
            return cls._restore(json.loads(Path(path).read_bytes()))
        except Exception as error:  # `tokenizers` raises no narrower one
            reason = f"{type(error).__name__}: {error}"
            raise CheckpointDamaged(
                f"{os.fspath(path)} is not a tokenizer that this package wrote: {reason}"
            ) from error

    @classmethod
    def _restore(cls, stored: dict[str, Any]) -> Tokenizer:
        config = TokenizerConfig(**stored["model"]["nextword"])
        ids = stored["model"]["vocab"]
        vocabulary = sorted(ids, key=ids.__getitem__)
        if [ids[token] for token in vocabulary] != list(range(len(ids))):
            raise InvalidInput("vocab", "must number its tokens from 0 on, each once")
        merges = [(left, right) for left, right in stored["model"].get("merges", [])]
        stored["model"] |= {"merges": []} if config.kind == "bpe" else {}
        stored["model"]["vocab"] = {token: i for i, token in enumerate(SPECIALS)}
        foreign = HuggingFaceTokenizer.from_str(json.dumps(stored))  # reading it also adds what later versions store
        if foreign.to_str() != pipeline.build(config, SPECIALS).to_str():
            raise InvalidInput("pre_tokenizer", "must cut text as the settings beside it say")
        return cls(config, vocabulary, merges)


def _cutter(config: TokenizerConfig, vocabulary: Sequence[str], merges: Merges) -> Words | Characters | BytePairs:
    if config.kind == "bpe":
        return BytePairs(config, vocabulary, merges)
    return Characters(config, vocabulary) if config.kind == "character" else Words(config, vocabulary)


def _checked(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidText("text", f"must be Unicode; character {error.start} is half a surrogate pair") from None
    return text
