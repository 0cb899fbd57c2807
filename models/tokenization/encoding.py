"""Encoded text: `Encoding` of one, `BatchEncoding` of several, and `TokenModel`, which makes both.

`TokenModel` is the interface of the kinds of tokens: words, characters, parts of words, those of a foreign file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.special_tokens import EOS, SPECIAL_TOKENS, UNK, UNK_TOKEN
from models.tokenization.config import TokenizerConfig
from models.tokenization.definition.normalization import TextNormalizer
from models.tokenization.definition.pipeline import Merges, boundary_spelling, build_pipeline
from models.tokenization.detokenizer import Detokenizer
from models.tokenization.offsets import pipeline_offsets, word_offsets
from models.tokenization.speller import join_forms
from models.tokenization.token_names import TokenNames
from models.tokenization.tokenizer_file import own_document, plain_document
from models.utils.arrays import ByteArray, Int64Array, concat_rows

MISSING = -1
"""Stands for the id of a surface form that the vocabulary lacks, until `Encoding` replaces it by that of `<unk>`."""


@dataclass(frozen=True)
class Encoding:
    """Tokens of one text.

    ids: [T] token ids, `<unk>` where the vocabulary lacks the surface form.
    oov: [T] whether the vocabulary lacks the surface form; a literal `<unk>` in the text is not out of vocabulary.
    """

    ids: NDArray[np.int32]
    oov: NDArray[np.bool_]

    @classmethod
    def from_ids(cls, ids: NDArray[np.int32]) -> Encoding:
        """Build the encoding of ids [T] which are MISSING where the vocabulary lacks the surface form."""
        return cls(np.maximum(ids, np.int32(UNK)), ids == MISSING)


@dataclass(frozen=True)
class BatchEncoding:
    """Tokens of N texts, concatenated; item k is the `Encoding` of text k.

    ids, oov: [T] as in `Encoding`.
    ends: [N] position after the last token of each text.
    """

    ids: NDArray[np.int32]
    oov: NDArray[np.bool_]
    ends: NDArray[np.int64]

    @classmethod
    def from_ids(cls, ids: NDArray[np.int32], ends: NDArray[np.int64]) -> BatchEncoding:
        """Build the encoding of ids [T] which are MISSING where the vocabulary lacks the surface form."""
        encoding = Encoding.from_ids(ids)
        return cls(encoding.ids, encoding.oov, ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, k: int) -> Encoding:
        begin, end = self.ends[k - 1] if k else 0, self.ends[k]
        return Encoding(self.ids[begin:end], self.oov[begin:end])

    def __iter__(self) -> Iterator[Encoding]:
        return map(self.__getitem__, range(len(self)))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of tokens of each text [N]."""
        return np.diff(self.ends, prepend=0)


class SpecialNames(NamedTuple):
    """Names of special tokens in a pipeline of `tokenizers`, None where it has none.

    are_text: whether text that spells such a name is split like any other, and is not that token.
    """

    unknown: str | None
    boundary: str | None
    are_text: bool = False


class TokenModel(ABC):
    """Splitter of text into tokens of one kind, with their ids. Immutable, thread-safe.

    `Tokenizer` asks it whatever depends on the kind. The methods that are not abstract do what our own kinds share.
    """

    splits_at_spaces: ClassVar[bool] = False
    """Whether the tokens of a text are those of its pieces between blanks, one piece after the other."""
    splits_words_alike: ClassVar[bool] = True
    """Whether a word, with the blank before it, is split alike whatever stands before these."""
    public_ids: NDArray[np.int32] | None = None
    """The id [V] of each token in the file that it comes from, by internal id; None where both are the same."""
    merges: Merges = ()
    """Pairs of tokens that bpe merges, in their order."""

    def __init__(self, config: TokenizerConfig, vocabulary: Sequence[str]) -> None:
        self.config = config
        self.vocabulary = list(vocabulary)
        self.normalizer = TextNormalizer(config)

    @cached_property
    def ids(self) -> dict[str, int]:
        """Ids by token. Texts are encoded without it: of 400,000 words it takes 34 MB."""
        return {token: i for i, token in enumerate(self.vocabulary)}

    @abstractmethod
    def encode(self, text: str) -> NDArray[np.int32]:
        """Return the ids [T] of `text`, MISSING where the vocabulary lacks the surface form."""

    @abstractmethod
    def split(self, text: str) -> list[str]:
        """Return the surface forms [T] of `text`, aligned with `encode(text)`."""

    def forms_at(self, text: str, positions: NDArray[np.int64]) -> list[str]:
        """Return the surface forms [N] of the tokens at ascending `positions` [N] of `encode(text)`."""
        forms = self.split(text) if len(positions) else []
        return [forms[i] for i in positions.tolist()]

    def form_spans(self, text: str, positions: NDArray[np.int64]) -> tuple[ByteArray, Int64Array]:
        """Return bytes, and where in them the forms [N, 2] of `forms_at` begin and end, in UTF-8."""
        return join_forms(self.forms_at(text, positions))

    @abstractmethod
    def detokenizer(self) -> Detokenizer:
        """Return a joiner of tokens that come one by one, at the beginning of a text."""

    def encode_batch(self, texts: Sequence[str], *, add_eos: bool) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the ids [T] of all `texts`, with `</s>` behind each if `add_eos`, and where each ends [N]."""
        rows = [self.encode(text) for text in texts]
        return concat_rows([np.append(row, np.int32(EOS)) for row in rows] if add_eos else rows)

    @cached_property
    def pipeline(self) -> Tokenizer:
        """Definition of these tokens by `tokenizers`, for what it alone can tell; its ids are none of ours."""
        return build_pipeline(self.config, SPECIAL_TOKENS)

    def offsets(self, text: str, surface_forms: Sequence[str]) -> Int64Array:
        """Return where each token of `text` begins and ends [T, 2], in characters, given its surface forms."""
        normalized = self.normalizer(text)
        if len(normalized) != len(text) or (self.config.normalize and normalized != text):
            return pipeline_offsets(self.pipeline, text)
        return self.offsets_in_normalized(normalized, surface_forms)

    def offsets_in_normalized(self, text: str, surface_forms: Sequence[str]) -> Int64Array:
        """Return what `offsets` does for a text that is normalized already."""
        return word_offsets(self.config, text, surface_forms)

    def fold(self, form: str) -> str:
        """Return a form as the vocabulary would write it: normalized as text is, and not split."""
        return self.normalizer.fold(form)

    def token_bytes(self, token: int) -> bytes:
        """Return the UTF-8 bytes that a token writes inside a text; of a special token, those of its name."""
        return self.vocabulary[token].encode()

    def encode_bytes(self, text: bytes) -> list[int] | None:
        """Return the ids [T] of UTF-8 that may end inside a character.

        MISSING stands for forms that the vocabulary lacks. None where `text` is not UTF-8, or ends inside a character
        and this kind of tokens has none for half of one.
        """
        try:
            ids: list[int] = self.encode(text.decode()).tolist()
        except UnicodeDecodeError:
            return None
        return ids

    def names(self) -> TokenNames:
        """Return how tokens are shown: as the vocabulary writes them, where it writes them as text does."""
        return TokenNames(self.vocabulary)

    def ngram_words(self) -> list[str]:
        """Return the tokens [V] as files of n-gram models write them: `<unk>`, `</s>`, and none with a blank."""
        return self.vocabulary

    def is_equivalent_to(self, other: TokenModel) -> bool:
        """Whether both give the same ids for every text. `min_count` and `max_size` of training do not matter."""
        config = replace(other.config, min_count=self.config.min_count, max_size=self.config.max_size)
        return (self.config, self.vocabulary, self.merges) == (config, other.vocabulary, other.merges)

    def document(self) -> dict[str, Any]:
        """Return the content of the `tokenizer.json` that `token_models.read_document` makes this model of."""
        return own_document(self.config, self.vocabulary, self.merges)

    def pipeline_document(self) -> dict[str, Any]:
        """Return a `tokenizer.json` for other programs, which gives the same (public) ids.

        Raises InvalidInput for tokens that `tokenizers` cannot express.
        """
        return plain_document(self.config, self.document())

    def special_names(self) -> SpecialNames:
        """Return the names of the special tokens in `pipeline_document`."""
        is_bpe = self.config.kind == "bpe"
        return SpecialNames(None if is_bpe else UNK_TOKEN, boundary_spelling(self.config), are_text=not is_bpe)
