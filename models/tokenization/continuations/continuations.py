"""Continuations of typed text: the shortest sequences of tokens that reach its end.

A text begins with "don'" where its tokens begin with `do n't`, `don 's`, `don '` and so on. `Continuations.find` gives
all of these sequences: each is a head, tokens that what was typed holds whole, and a last token that reaches its end.

They are exactly those that the tokenizer makes: a sequence counts if it is the encoding of its own text. That suffices
because the beginning of an encoding is the encoding of its text, for byte pair encoding as for unigram tokens, whose
best segmentation consists of best segmentations. Of words that is so but where text further on parts a token, as in
'twasn't, which `Cut.followed_by` is for. None of the sequences begins with another, so their probabilities add
up to that of what was typed (Vieira et al. 2024, From Language Models over Tokens to Language Models over Characters).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from models.special_tokens import EOS, UNK
from models.tokenization.continuations.cuts import Cut, byte_cuts, word_cuts
from models.tokenization.continuations.encoding_checker import EncodingChecker
from models.tokenization.continuations.prefix_index import PrefixIndex
from models.tokenization.continuations.spelling_table import SpellingTable
from models.tokenization.continuations.typed_text import TypedText, is_healed, split_typed
from models.tokenization.encoding import TokenModel
from models.utils.arrays import Int64Array

MAX_CHECKED = 4096
"""Tokens at the beginning of what was typed up to which each is checked to be one that text can hold there: some 10 ms.
Of more, as after a lone blank, all count; those that no text holds have next to no probability."""


class Continuation(NamedTuple):
    """Sequences of tokens that differ in the last one alone.

    head: ids of the tokens before the last.
    text: bytes that they write, as typed.
    tokens: [M] ids, ascending, of the last token of each sequence.
    hidden: bytes at the beginning of those tokens that are not in the text, as `Cut` has it.
    """

    head: tuple[int, ...]
    text: bytes
    tokens: Int64Array
    hidden: int = 0


class Continuations:
    """Finder of the continuations of typed text in the tokens of one tokenizer.

    >>> from models.tokenization.config import TokenizerConfig
    >>> from models.tokenization.words.word_tokenizer import WordTokenizer
    >>> words = ["<unk>", "</s>", "do", "don", "n't", "'s", "'"]
    >>> continuations = Continuations(WordTokenizer(TokenizerConfig(), words))
    >>> for found in continuations.find(TypedText("I", "don'")):
    ...     print([words[i] for i in found.head], [words[i] for i in found.tokens])
    ['do'] ["n't"]
    ['don'] ["'s", "'"]
    """

    def __init__(self, model: TokenModel) -> None:
        self._model = model

    @cached_property
    def _spellings(self) -> list[bytes]:
        """Bytes [V] that each token writes."""
        return [self._model.token_bytes(i) for i in range(len(self._model.vocabulary))]

    @cached_property
    def spelling_table(self) -> SpellingTable:
        """Bytes of all tokens side by side."""
        return SpellingTable(self._spellings)

    @cached_property
    def _index(self) -> PrefixIndex:
        return PrefixIndex(self._spellings)

    @cached_property
    def _caseless_index(self) -> PrefixIndex:
        return PrefixIndex(self._spellings, ignore_case=True)

    @cached_property
    def _checker(self) -> EncodingChecker:
        return EncodingChecker(self._model, parts_words=self._model.config.is_sub_word and not self._crosses_words)

    @cached_property
    def _crosses_words(self) -> bool:
        return any(b" " in spelling.strip(b" ") for spelling in self._spellings[EOS + 1 :])

    def tokens_with_prefix(self, prefix: bytes) -> Int64Array:
        """Return the ids, ascending, of the ordinary tokens that write bytes which begin with `prefix`."""
        return self._index.find(prefix)

    def encode_after(self, anchor: bytes, text: bytes) -> tuple[int, ...]:
        """Return the ids of `text` behind `anchor`, which keep the ids of `anchor` apart from them."""
        return self._checker.encode_after(anchor, text)

    def fold(self, form: str) -> str:
        """Return a form as tokens write it: normalized as text is, and not split."""
        return self._model.fold(form)

    def is_typed(self, context: str, heal: bool | None) -> bool:
        """Whether an end of `context` counts as typed, without a prefix behind it."""
        return is_healed(self._model, context, "", heal)

    def split(self, context: str, prefix: str, heal: bool | None = None) -> TypedText:
        """Part a text into what is read and what is typed, as `split_typed` does."""
        crosses_words = self._model.config.kind == "file" and self._crosses_words
        return split_typed(self._model, context, prefix, heal, crosses_words=crosses_words)

    def find(self, text: TypedText, *, ignore_case: bool = False) -> list[Continuation]:
        """Return the continuations of `text.typed` after `text.context`; none where no token fits.

        Where what was typed ends with a token for certain, as after a blank, any token continues it, special ones too.
        `ignore_case`: the last token may begin in any case; those before it are looked for as typed, in lower case, in
        capitals and with a capital first. A head holds an unknown word, which has the probability of all of them, only
        where nothing else continues what was typed.
        """
        merged: dict[tuple[tuple[int, ...], int], Continuation] = {}
        for continuation in self._search(text, ignore_case=ignore_case):
            key = continuation.head, continuation.hidden
            if key in merged:  # the same tokens at the end of another text
                tokens = np.union1d(merged[key].tokens, continuation.tokens)
                continuation = merged[key]._replace(tokens=tokens)
            merged[key] = continuation
        return [part for part in merged.values() if UNK not in part.head] or list(merged.values())

    def _search(self, text: TypedText, *, ignore_case: bool) -> Iterator[Continuation]:
        """Yield the continuations at every place where the last token may begin."""
        index, anchor = self._caseless_index if ignore_case else self._index, text.anchor.encode()
        for cut in self._cuts(self._model.fold(text.typed), index.longest):
            tokens = self._candidates(cut, index)
            if not len(tokens):
                continue
            if not cut.head and not cut.hidden and len(tokens) > MAX_CHECKED:
                cut = cut._replace(certain=True)
            for head in _cases(cut.head) if ignore_case else [cut.head]:
                yield from self._continue(anchor, cut._replace(head=head), tokens)

    def _cuts(self, typed: str, longest: int) -> Iterator[Cut]:
        config = self._model.config
        if config.kind == "character":
            return iter([Cut(typed.encode(), (b"",), certain=True)])
        if config.is_sub_word:
            # A token of bpe was merged out of text, so that text can hold it; a unigram may never be the best choice.
            return byte_cuts(typed.encode(), longest, certain=config.kind == "bpe", hides_blanks=config.kind == "file")
        return word_cuts(typed, pretokenized=config.pretokenized)

    def _candidates(self, cut: Cut, index: PrefixIndex) -> Int64Array:
        if cut.beginnings == (b"",):
            return np.arange(len(self._spellings))
        tokens = [index.find(beginning) for beginning in cut.beginnings]
        return tokens[0] if len(tokens) == 1 else np.unique(np.concatenate(tokens))

    def _continue(self, anchor: bytes, cut: Cut, tokens: Int64Array) -> Iterator[Continuation]:
        """Yield the continuations whose head writes `cut.head`, with those of `tokens` that can follow it."""
        if cut.certain:
            yield Continuation(self._checker.encode_after(anchor, cut.head), cut.head, tokens, cut.hidden)
            return
        texts = [self._spellings[i][cut.hidden :] + cut.followed_by for i in tokens.tolist()]
        heads = self._checker.find_heads(anchor, cut.head, texts, tokens.tolist(), skipped=len(cut.followed_by) > 0)
        for head, ends in heads.items():
            yield Continuation(head, cut.head, np.array(ends, np.int64), cut.hidden)


def _cases(text: bytes) -> Sequence[bytes]:
    """Return a text as it is, in lower case, in capitals, and with a capital first, each once."""
    try:
        written = text.decode()
    except UnicodeDecodeError:
        return [text]
    cases = (written, written.lower(), written.upper(), written.capitalize(), written[:1].upper() + written[1:])
    return [case.encode() for case in dict.fromkeys(cases)]
