"""Vocabulary of a tokenizer's file in our order: `FileVocabulary`, and the choice of the boundary."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.special_tokens import EOS, EOS_TOKEN, UNK, UNK_TOKEN
from models.tokenization.encoding import MISSING

BOUNDARY_NAMES = ("</s>", "<s>", "<|endoftext|>", "<eos>", "<bos>", "[SEP]", "[CLS]", "[EOS]", "[BOS]")
"""Tokens that are ends or begins by their names, in files that mark no token as special."""
MAX_FILE_ID = (1 << 24) - 2
"""Largest id that a file may give a token. An array of this size is kept, so that it is bounded by 64 MB."""
_NGRAM_NAMES = ("", "<s>", "</s>", "<unk>", "<UNK>")
"""Words that have a meaning of their own in files of n-gram models, or none."""
_BLANK = re.compile(r"[\t\n\v\f\r ]")
_NAMED_LIKE_A_BOUNDARY = re.compile(r"</?s>|end|eo[stdm]|\bsep|begin|start|bo[stdm]|cls", re.IGNORECASE)
_NAMED_CANDIDATES = 12
"""Candidates that an error names, at most: some files have hundreds of reserved tokens."""


@dataclass(frozen=True, eq=False)
class FileVocabulary:
    """Tokens of a file by our ids: unknown at 0, the boundary at 1, the others in the order of the file.

    tokens: [V] by internal id.
    public_ids: [V] the file's id of each; a token that the file lacks has one of those behind its last.
    internal_ids: [largest id of the file + 2] internal id by the file's: MISSING where there is no token, and for the
        unknown token and the boundary, which no text writes. The last, which no token has, is EOS.
    has_unknown, has_boundary: whether the file has such a token, or one was added.
    """

    tokens: list[str]
    public_ids: NDArray[np.int32]
    internal_ids: NDArray[np.int32]
    has_unknown: bool
    has_boundary: bool

    @classmethod
    def of_file(
        cls, tokens: Mapping[int, str], special: Sequence[str], unknown: str | None, boundary: str | None
    ) -> FileVocabulary:
        """Arrange the tokens of a file, given by its ids, with the boundary that `choose_boundary` finds.

        Raises InvalidInput for a vocabulary that cannot be used, and as `choose_boundary` does.
        """
        _check_tokens(tokens)
        return cls.arrange(tokens, unknown, choose_boundary(set(tokens.values()), special, unknown, boundary))

    @classmethod
    def arrange(cls, tokens: Mapping[int, str], unknown: str | None, boundary: str | None) -> FileVocabulary:
        """Arrange tokens by the file's ids; a missing unknown token or boundary is added behind them.

        >>> vocabulary = FileVocabulary.arrange({0: "a", 1: "[SEP]", 2: "b", 3: "[UNK]"}, "[UNK]", "[SEP]")
        >>> vocabulary.tokens, vocabulary.public_ids.tolist()
        (['[UNK]', '[SEP]', 'a', 'b'], [3, 1, 0, 2])
        """
        last = max(tokens)
        known = {token: i for i, token in tokens.items()}
        free = count(last + 1)
        first = [
            (next(free), _unused_name(name, known)) if token is None else (known[token], token)
            for token, name in ((unknown, UNK_TOKEN), (boundary, EOS_TOKEN))
        ]
        rest = [(i, tokens[i]) for i in sorted(tokens) if i not in (first[UNK][0], first[EOS][0])]
        public = np.array([i for i, _ in [*first, *rest]], np.int32)
        internal = np.full(last + 2, MISSING, np.int32)
        internal[public[EOS + 1 :]] = np.arange(EOS + 1, public.size)
        internal[-1] = EOS
        return cls([token for _, token in [*first, *rest]], public, internal, unknown is not None, boundary is not None)

    def ngram_words(self) -> list[str]:
        """Return the tokens [V] as files of n-gram models write them, renamed where that cannot be.

        >>> FileVocabulary.arrange({0: "[UNK]", 1: "[SEP]", 2: "<s>", 3: "a b"}, "[UNK]", "[SEP]").ngram_words()
        ['<unk>', '</s>', '<<s>>', 'a<0x20>b']
        """
        words, known = [UNK_TOKEN, EOS_TOKEN], set(self.tokens)
        for token in self.tokens[EOS + 1 :]:
            word = _BLANK.sub(lambda blank: f"<0x{ord(blank[0]):02X}>", token)
            while word in _NGRAM_NAMES or (word != token and word in known):
                word = f"<{word}>"
            words.append(word)
        return words


def choose_boundary(
    tokens: Collection[str], special: Sequence[str], unknown: str | None, named: str | None
) -> str | None:
    """Return the boundary of a file: the token that is `named`, or the one candidate, or None.

    `special`: the tokens that the file marks as special. Raises InvalidInput, listing the candidates, where a file has
    several and none is named, and for a name that is no token.
    """
    candidates = _candidates(tokens, special, unknown)
    if named is not None:
        if named not in tokens or named == unknown:
            raise InvalidInput("boundary", f"must be a token of the tokenizer's file, not {named!r}{_hint(candidates)}")
        return named
    if len(candidates) > 1:
        raise InvalidInput(
            "boundary", f"must name the token that stands between texts: the file has several{_hint(candidates)}"
        )
    return candidates[0] if candidates else None


def _candidates(tokens: Collection[str], special: Sequence[str], unknown: str | None) -> list[str]:
    """Return the tokens that may be the boundary: special ones named like ends or begins, or all."""
    marked = [token for token in special if token != unknown] or [name for name in BOUNDARY_NAMES if name in tokens]
    named = [token for token in marked if _NAMED_LIKE_A_BOUNDARY.search(token) and "reserved" not in token]
    return named or [token for token in marked if not re.search("pad|mask", token, re.IGNORECASE)]


def _hint(candidates: Sequence[str]) -> str:
    more = "" if len(candidates) <= _NAMED_CANDIDATES else " and others"
    return f"; candidates are {', '.join(candidates[:_NAMED_CANDIDATES])}{more}" if candidates else ""


def _check_tokens(tokens: Mapping[int, str]) -> None:
    if not tokens:
        raise InvalidInput("tokenizer", "must hold tokens, and the file holds none")
    if min(tokens) < 0 or max(tokens) > MAX_FILE_ID:
        raise InvalidInput("tokenizer", f"must number its tokens from 0 to {MAX_FILE_ID:,}; the file has others")
    if len(set(tokens.values())) != len(tokens):
        raise InvalidInput("tokenizer", "must give each token one id; the file has a token twice")


def _unused_name(name: str, known: Iterable[str]) -> str:
    """Return `name`, with more marks around it where a token of the file has that name already."""
    while name in known:
        name = f"<{name}>"
    return name
