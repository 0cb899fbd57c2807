"""What tokenizers make of texts: ids, and which of them stand for forms that the vocabulary lacks.

It knows arrays; it does not know text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.special_tokens import UNK
from models.tokenization.vocab_lookup import MISSING


@dataclass(frozen=True)
class Encoding:
    """The tokens of a text.

    ids: [T] token ids, `<unk>` where the vocabulary lacks the surface form.
    oov: [T] whether it does; a literal `<unk>` in the text is not out of vocabulary.
    """

    ids: NDArray[np.int32]
    oov: NDArray[np.bool_]

    @classmethod
    def from_ids(cls, found: NDArray[np.int32]) -> Encoding:
        """That of ids [T] which are MISSING where the vocabulary lacks the form."""
        return cls(np.maximum(found, np.int32(UNK)), found == MISSING)


@dataclass(frozen=True)
class BatchEncoding(Sequence[Encoding]):
    """The tokens of N texts, one text after the other: those of text k end before `ends[k]` [N].

    ids, oov: [T] as in `Encoding`.
    """

    ids: NDArray[np.int32]
    oov: NDArray[np.bool_]
    ends: NDArray[np.int64]

    @classmethod
    def from_ids(cls, found: NDArray[np.int32], ends: NDArray[np.int64]) -> BatchEncoding:
        """Those of ids [T] which are MISSING where the vocabulary lacks the form."""
        all_of_them = Encoding.from_ids(found)
        return cls(all_of_them.ids, all_of_them.oov, ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, k: Any) -> Any:
        """The encoding of text k."""
        begin, end = self.ends[k - 1] if k else 0, self.ends[k]
        return Encoding(self.ids[begin:end], self.oov[begin:end])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """How many tokens each text has [N]."""
        return np.diff(self.ends, prepend=0)
