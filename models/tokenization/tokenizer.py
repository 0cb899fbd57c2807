"""Conversion of text to token ids and back: `Tokenizer`, stored as a `tokenizer.json`.

The `TokenModel` of its kind does the work; what all kinds share is here.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise, starmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import CheckpointDamaged, InvalidInput
from models.special_tokens import EOS
from models.tokenization.config import TokenizerConfig
from models.tokenization.continuations.continuations import Continuations
from models.tokenization.definition.normalization import TextNormalizer
from models.tokenization.definition.pipeline import Merges
from models.tokenization.detokenizer import Detokenizer
from models.tokenization.encoding import MISSING, BatchEncoding, Encoding, SpecialNames, TokenModel
from models.tokenization.raw_text import check_unicode
from models.tokenization.speller import Speller
from models.tokenization.token_models import build_token_model, read_document, train_token_model
from models.tokenization.token_names import TokenNames
from models.tokenization.tokenized_text import TokenizedText, TokensWithOffsets
from models.tokenization.trainer import WordCounter, build_vocabulary
from models.tokenization.word_cache import WordCache
from models.utils.arrays import Int64Array
from models.utils.files import write_atomically
from models.utils.regular_files import read_regular

MAX_FILE_BYTES = 1 << 28
"""Most bytes of a tokenizer's file, which holds its vocabulary."""
SHORT_TEXT_CHARS = 1000
"""Length of the longest text that is split at spaces and looked up word by word in the cache."""


class Tokenizer:
    """A vocabulary, and the way to split text into its tokens. Immutable; safe to share between threads.

    >>> tokenizer = Tokenizer(TokenizerConfig(), ["<unk>", "</s>", "the", "cat", "sat", "."])
    >>> encoding = tokenizer.encode("the dog sat.")
    >>> encoding.ids.tolist()
    [2, 0, 4, 5]
    >>> encoding.oov.tolist()
    [False, True, False, False]
    >>> tokenizer.decode(encoding.ids)
    'the <unk> sat.'

    `Tokenizer.train` makes the vocabulary of a text.
    """

    def __init__(self, config: TokenizerConfig, vocabulary: Sequence[str], merges: Merges = ()) -> None:
        """Build a tokenizer of `vocabulary`, its tokens by id; `merges`: those of bpe, in their order."""
        self._set_model(build_token_model(config, vocabulary, merges))

    @classmethod
    def from_model(cls, model: TokenModel) -> Tokenizer:
        """Return the tokenizer that splits text as `model` does."""
        tokenizer = cls.__new__(cls)
        tokenizer._set_model(model)
        return tokenizer

    def _set_model(self, model: TokenModel) -> None:
        self._model = model
        self.config = model.config
        self.vocabulary = model.vocabulary
        self._word_cache = WordCache(self._tokenize)

    @property
    def merges(self) -> Merges:
        """Pairs of tokens that bpe merges, in their order; none for other kinds."""
        return self._model.merges

    @property
    def public_ids(self) -> NDArray[np.int32] | None:
        """Id [V] of each token in the file that a foreign tokenizer comes from; None where ids are our own.

        Routes speak these. Inside, `<unk>` is 0 and `</s>` is 1 for every tokenizer.
        """
        return self._model.public_ids

    def internal_ids(self, public: Sequence[int] | NDArray[np.integer]) -> NDArray[np.int32]:
        """Return the internal ids [T] of public ones. Raises InvalidInput for an id that no token has.

        >>> Tokenizer(TokenizerConfig(), ["<unk>", "</s>", "the"]).internal_ids([2, 0]).tolist()
        [2, 0]
        """
        ids = np.asarray(public, np.int64)
        order, sorted_ids = self._public_order
        places = np.minimum(np.searchsorted(sorted_ids, ids), sorted_ids.size - 1)
        unknown = ids[sorted_ids[places] != ids]
        if unknown.size:
            raise InvalidInput("tokens", f"must be ids of the vocabulary, and {unknown[0]} is none")
        return order[places]

    @cached_property
    def names(self) -> TokenNames:
        """Tokens as answers show them: text, public id, and bytes where a token ends inside a character."""
        return self._model.names()

    @cached_property
    def continuations(self) -> Continuations:
        """Finder of the tokens that a text can have which begins with what was typed so far."""
        return Continuations(self._model)

    @cached_property
    def boundary_tokens(self) -> Int64Array | None:
        """Ids of the tokens before which a word ends, by a blank or the end of a text; None in word models.

        >>> Tokenizer(TokenizerConfig(kind="character"), ["<unk>", "</s>", "a", " "]).boundary_tokens
        array([1, 3])
        """
        blank_led = self.names.blank_led
        return None if self.config.kind == "word" or not blank_led else np.union1d(blank_led, EOS).astype(np.int64)

    def token_text(self, token: int) -> str:
        """Return the readable text of an internal id, U+FFFD for bytes that are no whole character."""
        return self.names.texts[token]

    def token_bytes(self, token: int) -> bytes:
        """Return the UTF-8 bytes that an internal id writes inside a text; of a special token, its name's.

        >>> Tokenizer(TokenizerConfig(), ["<unk>", "</s>", "caf\u00e9"]).token_bytes(2)
        b'caf\\xc3\\xa9'
        """
        return self._model.token_bytes(token)

    @cached_property
    def _public_order(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Internal ids in the order of their public ones, and those."""
        public = np.arange(self.vocabulary_size, dtype=np.int32) if self.public_ids is None else self.public_ids
        order = np.argsort(public, kind="stable").astype(np.int32)
        return order, public[order]

    @property
    def vocabulary_size(self) -> int:
        """Number of tokens, `<unk>` and `</s>` included."""
        return len(self.vocabulary)

    @classmethod
    def train(cls, config: TokenizerConfig, text: Iterable[str]) -> Tokenizer:
        """Train a tokenizer on `text`, in chunks of whole lines; ids go by falling count, then by token.

        A tokenizer that `config.file` defines is read from there instead. Raises TrainingFailed when no token is left,
        InvalidText for text that is not Unicode, and InvalidInput for a file that cannot be used.
        """
        return cls.from_model(train_token_model(config, map(check_unicode, text)))

    @classmethod
    def train_and_encode(cls, config: TokenizerConfig, text: Iterable[str]) -> tuple[Tokenizer, Iterator[Encoding]]:
        """Train a word tokenizer as `train` does, and encode `text` with it, reading the text only once.

        The ids come in pieces, once, and the memory of each is freed. Training and encoding WikiText-2 so takes 0.38 s
        of CPU time instead of 0.43 s. Raises what `train` does.
        """
        counter = WordCounter(config, keep_ids=True).read(map(check_unicode, text))
        tokenizer = cls(config, build_vocabulary(config, counter.counts()))
        return tokenizer, map(Encoding.from_ids, counter.encode(tokenizer.vocabulary))

    @classmethod
    def from_counts(cls, config: TokenizerConfig, counts: Mapping[str, int]) -> Tokenizer:
        """Build a word tokenizer of forms that were split before, as in a tagged corpus, by their counts.

        The vocabulary may hold forms that `encode` would split, "D. C." or "o'clock"; `encode_forms` and `token_to_id`
        find them. Raises InvalidInput for other tokenizers, TrainingFailed when no form is left.

        >>> tokenizer = Tokenizer.from_counts(TokenizerConfig(), {"o'clock": 2, "Five": 1})
        >>> tokenizer.encode_forms(["Five", "o'clock", "sharp"]).ids.tolist()
        [3, 2, 0]
        """
        if config.kind != "word":
            raise InvalidInput("kind", f"must be word: the tokens of a {config.kind} tokenizer are no words")
        normalizer = TextNormalizer(config)
        folded: Counter[str] = Counter()
        for form, count in counts.items():
            folded[normalizer.fold(form)] += count
        return cls(config, build_vocabulary(config, folded))

    def encode(self, text: str) -> Encoding:
        """Encode `text`: a newline is `</s>`, save to most character tokenizers; none is added at the end.

        Raises InvalidText for text that is not Unicode, as all methods that take text do.
        """
        return Encoding.from_ids(self._model.encode(check_unicode(text)))

    def encode_batch(self, texts: Sequence[str], *, add_eos: bool = False) -> BatchEncoding:
        """Encode several texts, faster than one by one; `add_eos`: with `</s>` at the end of each."""
        if len(texts) == 1 and self._is_short(texts[0]):
            return self._encode_short(texts[0], add_eos)
        texts = list(map(check_unicode, texts))
        return BatchEncoding.from_ids(*self._model.encode_batch(texts, add_eos=add_eos))

    def encode_with_surfaces(self, text: str) -> TokenizedText:
        """Return what `encode` and `surface_forms` do, in one step; short texts come from a cache."""
        if not self._is_short(text):
            return self._tokenize([text])[0]
        return TokenizedText.concat(self._word_cache.look_up(text.split(" ")))

    def encode_with_offsets(self, text: str) -> TokensWithOffsets:
        """Return what `encode_with_surfaces` does, and where in `text` each token stands.

        >>> Tokenizer(TokenizerConfig(lowercase=True), ["<unk>", "</s>", "the"]).encode_with_offsets("The end").offsets
        array([[0, 3],
               [4, 7]])
        """
        tokens = self.encode_with_surfaces(text)
        return TokensWithOffsets(*tokens, self._model.offsets(text, tokens.surface_forms))

    def encode_forms(self, forms: Sequence[str]) -> Encoding:
        """Encode forms that were split before; case is folded as for text, and none is split further."""
        folded = map(self._model.fold, forms)
        return Encoding.from_ids(np.array([self._model.ids.get(form, MISSING) for form in folded], np.int32))

    def _is_short(self, text: str) -> bool:
        return len(text) <= SHORT_TEXT_CHARS and self._model.splits_at_spaces

    def _encode_short(self, text: str, add_eos: bool) -> BatchEncoding:
        ids, oov, _ = self.encode_with_surfaces(text)
        if add_eos:
            ids.append(EOS)
            oov.append(False)
        return BatchEncoding(np.array(ids, np.int32), np.array(oov, np.bool_), np.array([len(ids)]))

    def _tokenize(self, texts: list[str]) -> list[TokenizedText]:
        """Tokenize each of `texts`, with one call of the compiled loops and without the cache."""
        texts = list(map(check_unicode, texts))
        batch = BatchEncoding.from_ids(*self._model.encode_batch(texts, add_eos=False))
        ids, oov, forms = batch.ids.tolist(), batch.oov.tolist(), self.batch_surface_forms(texts, batch)
        spans = starmap(slice, pairwise([0, *batch.ends.tolist()]))
        return [TokenizedText(ids[span], oov[span], forms[span]) for span in spans]

    def surface_forms(self, text: str) -> list[str]:
        """Return the surface forms of `text`, aligned with `encode(text).ids`, known to the vocabulary or not."""
        return self._model.split(check_unicode(text))

    def unknown_forms(self, text: str, encoding: Encoding) -> list[str]:
        """Return the surface forms, in order, of the tokens of `encode(text)` that the vocabulary lacks."""
        return self._model.forms_at(text, encoding.oov.nonzero()[0])

    def spelling_logprobs(self, text: str, encoding: Encoding) -> NDArray[np.float64]:
        """Return log P(spelling) [N] in nats of each of the `unknown_forms`, in order."""
        positions = encoding.oov.nonzero()[0]
        return self.speller.logprobs_in(*self._model.form_spans(text, positions)) if len(positions) else np.zeros(0)

    @cached_property
    def speller(self) -> Speller:
        """Probabilities of spellings, as the tokens of the vocabulary teach them."""
        return Speller(self.vocabulary[EOS + 1 :])

    def batch_surface_forms(self, texts: Sequence[str], encodings: BatchEncoding) -> list[str]:
        """Return the surface forms [T] of `texts`, aligned with `encodings.ids`.

        Only texts with unknown forms are split again; the others' forms are their tokens.
        """
        forms = [self.vocabulary[i] for i in encodings.ids.tolist()]
        if True in encodings.oov.tolist():
            for k in np.unique(np.searchsorted(encodings.ends, encodings.oov.nonzero()[0], "right")):
                begin, text_forms = encodings.ends[k] - encodings.lengths[k], self.surface_forms(texts[k])
                forms[begin : begin + len(text_forms)] = text_forms
        return forms

    def decode(self, ids: Sequence[int]) -> str:
        """Return readable text: punctuation joined to its words, `</s>` as the end of line that it stands for."""
        detokenizer = self.detokenizer()
        return "".join([detokenizer.push(i) for i in ids])

    def detokenizer(self, context: Sequence[int] = ()) -> Detokenizer:
        """Return a detokenizer for tokens that come one by one, the ids of `context` standing before them."""
        detokenizer = self._model.detokenizer()
        detokenizer.read(context)
        return detokenizer

    def is_equivalent_to(self, other: Tokenizer) -> bool:
        """Whether both give the same ids for every text. `min_count` and `max_size` of training do not matter."""
        return self._model.is_equivalent_to(other._model)

    def ngram_words(self) -> list[str]:
        """Return the tokens [V] as files of n-gram models write them.

        `<unk>` and `</s>` have these names, whatever a tokenizer's file calls them; no other token has, or is `<s>`.
        """
        return self._model.ngram_words()

    def token_to_id(self, token: str) -> int | None:
        """Return the id of `token`, which is not split or normalized, or None."""
        return self._model.ids.get(token)

    def ids_with_prefix(self, prefix: str) -> NDArray[np.int64]:
        """Return the ids, ascending, of the ordinary tokens that begin with `prefix`, normalized as text is."""
        return self.continuations.tokens_with_prefix(self._model.fold(prefix).encode())

    def pipeline_document(self) -> dict[str, Any]:
        """Return a `tokenizer.json` for other programs, which gives the same (public) ids.

        Raises InvalidInput for tokens that `tokenizers` cannot express.
        """
        return self._model.pipeline_document()

    def special_names(self) -> SpecialNames:
        """Return the names of the special tokens in `pipeline_document`."""
        return self._model.special_names()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a `tokenizer.json`, replacing a file of that name whole or not at all."""
        text = json.dumps(self._model.document(), ensure_ascii=False)
        with write_atomically(Path(path)) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Tokenizer:
        """Read a file that `save` wrote. Raises CheckpointDamaged, naming the file, for any other."""
        try:
            return cls.from_model(read_document(json.loads(read_regular(Path(path), MAX_FILE_BYTES))))
        except Exception as error:  # `tokenizers` raises no narrower one
            message = f"is not a tokenizer that this package wrote: {type(error).__name__}: {error}"
            raise CheckpointDamaged(f"{os.fspath(path)} {message}") from error
