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
from models.special_tokens import EOS, EOS_TOKEN, SPECIAL_TOKENS, UNK_TOKEN
from models.tokenization import bpe_tokenizer, pipeline, trainer
from models.tokenization.bpe_tokenizer import BpeTokenizer
from models.tokenization.character_tokenizer import CharacterTokenizer
from models.tokenization.config import TokenizerConfig
from models.tokenization.detokenizer import ByteDetokenizer, Detokenizer
from models.tokenization.encoding import BatchEncoding, Encoding
from models.tokenization.pipeline import Merges
from models.tokenization.trainer import WordCounter, build_vocabulary
from models.tokenization.word_tokenizer import TokenizedText, WordCache, WordTokenizer
from models.utils.arrays import concat_rows


def check_vocabulary(config: TokenizerConfig, vocabulary: list[str]) -> None:
    """Raise InvalidInput unless `vocabulary` is one for `config`."""
    if vocabulary[: EOS + 1] != SPECIAL_TOKENS:
        raise InvalidInput("vocabulary", f"must begin with {UNK_TOKEN} and {EOS_TOKEN}")
    if len(set(vocabulary)) != len(vocabulary):
        raise InvalidInput("vocabulary", "must not hold a token twice")
    if config.kind == "character" and any(len(token) != 1 for token in vocabulary[EOS + 1 :]):
        raise InvalidInput("vocabulary", "must hold single characters for a character tokenizer")


__all__ = ["BatchEncoding", "Detokenizer", "Encoding", "Tokenizer", "TokenizerConfig"]

SHORT_TEXT_CHARS = 1000
"""Characters of a text that is quicker to read piece by piece."""


class Tokenizer:
    """A vocabulary and its way to cut text. Immutable; safe to share between threads."""

    def __init__(self, config: TokenizerConfig, vocabulary: Sequence[str], merges: Merges = ()) -> None:
        """`merges`: of a bpe tokenizer, in their order."""
        self.config = config
        self.vocabulary = list(vocabulary)
        self.merges = list(merges)
        check_vocabulary(config, self.vocabulary)
        self._ids = {token: i for i, token in enumerate(self.vocabulary)}
        self._model = _build_model(config, self.vocabulary, self.merges)
        self._pipeline = pipeline.build_pipeline(config, SPECIAL_TOKENS)
        self._word_cache = WordCache(self._tokenize_batch)

    @cached_property
    def _sorted_tokens(self) -> list[str]:
        return sorted(self.vocabulary[EOS + 1 :])

    @property
    def vocabulary_size(self) -> int:
        """How many tokens have ids, `<unk>` and `</s>` included."""
        return len(self.vocabulary)

    @classmethod
    def train(cls, config: TokenizerConfig, text: Iterable[str]) -> Tokenizer:
        """Make the vocabulary of `text`, given in chunks of whole lines: ids by falling count, then by token.

        Raises TrainingFailed when no token is left, InvalidText for text that is not Unicode.
        """
        if config.kind == "bpe":
            return cls(config, *trainer.train_bpe(config, map(_check_unicode, text)))
        text = map(_check_unicode, text)
        if config.kind == "character":
            return cls(config, build_vocabulary(config, CharacterTokenizer(config, SPECIAL_TOKENS).count(text)))
        return cls(
            config,
            build_vocabulary(
                config, WordCounter(WordTokenizer(config, SPECIAL_TOKENS), keep_ids=False).read(text).counts()
            ),
        )

    @classmethod
    def train_and_encode(cls, config: TokenizerConfig, text: Iterable[str]) -> tuple[Tokenizer, Iterator[Encoding]]:
        """The tokenizer that `train` makes, and the ids of `text` in pieces: words only, and `text` is read once.

        Raises what `train` does. A piece can be had once, and takes no memory afterwards.
        """
        census = WordCounter(WordTokenizer(config, SPECIAL_TOKENS), keep_ids=True).read(map(_check_unicode, text))
        tokenizer = cls(config, build_vocabulary(config, census.counts()))
        return tokenizer, map(Encoding.from_ids, census.encode(tokenizer.vocabulary))

    def encode(self, text: str) -> Encoding:
        """The ids of `text`: a newline is `</s>`, save to characters; none is added at the end. Raises InvalidText."""
        return Encoding.from_ids(self._model.encode(_check_unicode(text)))

    def encode_batch(self, texts: Sequence[str], *, add_eos: bool = False) -> BatchEncoding:
        """The ids of each of `texts`, at a fraction of the time of one by one; `ended`: with `</s>` at the end of each.

        Raises InvalidText.
        """
        if len(texts) == 1 and self._is_short(texts[0]):
            return self._encode_short(texts[0], add_eos)
        return self._encode_batch(texts, add_eos)

    def _encode_batch(self, texts: Sequence[str], ended: bool = False) -> BatchEncoding:
        texts = list(map(_check_unicode, texts))
        if isinstance(self._model, WordTokenizer):
            ids, ends = self._model.encode_batch(texts, ended)
        else:
            rows = [self._model.encode(text) for text in texts]
            ids, ends = concat_rows([np.append(row, np.int32(EOS)) for row in rows] if ended else rows)
        return BatchEncoding.from_ids(ids, ends)

    def encode_with_surfaces(self, text: str) -> TokenizedText:
        """`encode` and `tokens` in one, and quickly where the text is short. Raises InvalidText."""
        return self._word_cache.tokenize(text) if self._is_short(text) else self._tokenize_batch([text])[0]

    def encode_ids(self, text: str) -> list[int]:
        """Those of `encode`, and quickly where the text is short. Raises InvalidText."""
        return self._word_cache.tokenize(text).ids if self._is_short(text) else self.encode(text).ids.tolist()

    def _is_short(self, text: str) -> bool:
        return len(text) <= SHORT_TEXT_CHARS and self.config.kind == "word"

    def _encode_short(self, text: str, ended: bool) -> BatchEncoding:
        ids, oov, _ = self._word_cache.tokenize(text)
        if ended:
            ids.append(EOS)
            oov.append(False)
        return BatchEncoding(np.array(ids, np.int32), np.array(oov, np.bool_), np.array([len(ids)]))

    def _tokenize_batch(self, texts: list[str]) -> list[TokenizedText]:
        encodings = self._encode_batch(texts)
        ids, oov = encodings.ids.tolist(), encodings.oov.tolist()
        whole = TokenizedText(
            ids, oov, self.surface_forms(" ".join(texts)) if True in oov else [self.vocabulary[i] for i in ids]
        )
        spans = starmap(slice, pairwise([0, *encodings.ends.tolist()]))
        return [TokenizedText(whole.ids[span], whole.oov[span], whole.surface_forms[span]) for span in spans]

    def surface_forms(self, text: str) -> list[str]:
        """The surface forms of `text`, aligned with `encode(text).ids`, known or not. Raises InvalidText."""
        if isinstance(self._model, BpeTokenizer):
            return [self.vocabulary[i] for i in self.encode(text).ids]
        return self._model.split(_check_unicode(text))

    def batch_surface_forms(self, texts: Sequence[str], encodings: BatchEncoding) -> list[str]:
        """The surface forms [T] of `texts`, aligned with `encodings.ids`; only texts with unknown ones are cut anew."""
        surfaces = [self.vocabulary[i] for i in encodings.ids.tolist()]
        if True in encodings.oov.tolist():
            for k in np.unique(np.searchsorted(encodings.ends, encodings.oov.nonzero()[0], "right")):
                begin, found = encodings.ends[k] - encodings.lengths[k], self.surface_forms(texts[k])
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
        reader = ByteDetokenizer(self.vocabulary) if kind == "bpe" else Detokenizer(self.vocabulary, verbatim=joined)
        for i in context:
            reader.push(i)
        return reader

    def is_equivalent_to(self, other: Tokenizer) -> bool:
        """Whether both give the same ids for every text; how rare a token they left out is no matter."""
        theirs = replace(other.config, min_count=self.config.min_count, max_size=self.config.max_size)
        return (self.config, self.vocabulary, self.merges) == (theirs, other.vocabulary, other.merges)

    def token_to_id(self, token: str) -> int | None:
        """The id of `token`, taken as it stands, or None."""
        return self._ids.get(token)

    def ids_with_prefix(self, prefix: str) -> NDArray[np.int64]:
        """Ids, rising, of the ordinary tokens that begin with `prefix` (lower-cased where the tokenizer does so)."""
        if self.config.lowercase:
            prefix = self._pipeline.normalizer.normalize_str(prefix)
        if self.config.kind == "bpe":
            prefix = bpe_tokenizer.to_byte_symbols(prefix)
        first = bisect_left(self._sorted_tokens, prefix)
        last = bisect_right(self._sorted_tokens, prefix, key=lambda token: token[: len(prefix)])
        return np.sort(np.array([self._ids[token] for token in self._sorted_tokens[first:last]], np.int64))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a Hugging Face `tokenizer.json`; a file of that name is replaced whole or not at all."""
        stored = json.loads(pipeline.build_pipeline(self.config, SPECIAL_TOKENS).to_str())
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
            return cls._from_json(json.loads(Path(path).read_bytes()))
        except Exception as error:  # `tokenizers` raises no narrower one
            reason = f"{type(error).__name__}: {error}"
            raise CheckpointDamaged(
                f"{os.fspath(path)} is not a tokenizer that this package wrote: {reason}"
            ) from error

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Tokenizer:
        config = TokenizerConfig(**stored["model"]["nextword"])
        ids = stored["model"]["vocab"]
        vocabulary = sorted(ids, key=ids.__getitem__)
        if [ids[token] for token in vocabulary] != list(range(len(ids))):
            raise InvalidInput("vocab", "must number its tokens from 0 on, each once")
        merges = [(left, right) for left, right in stored["model"].get("merges", [])]
        stored["model"] |= {"merges": []} if config.kind == "bpe" else {}
        stored["model"]["vocab"] = {token: i for i, token in enumerate(SPECIAL_TOKENS)}
        foreign = HuggingFaceTokenizer.from_str(json.dumps(stored))  # reading it also adds what later versions store
        if foreign.to_str() != pipeline.build_pipeline(config, SPECIAL_TOKENS).to_str():
            raise InvalidInput("pre_tokenizer", "must cut text as the settings beside it say")
        return cls(config, vocabulary, merges)


def _build_model(
    config: TokenizerConfig, vocabulary: Sequence[str], merges: Merges
) -> WordTokenizer | CharacterTokenizer | BpeTokenizer:
    if config.kind == "bpe":
        return BpeTokenizer(config, vocabulary, merges)
    return CharacterTokenizer(config, vocabulary) if config.kind == "character" else WordTokenizer(config, vocabulary)


def _check_unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidText("text", f"must be Unicode; character {error.start} is half a surrogate pair") from None
    return text
