"""Choice of the ends that are scored: `ScoredEnds`."""

from __future__ import annotations

import numpy as np

from models.evaluation.metrics import Mask, Scores, Unit
from models.inference.prefill import Ids
from models.special_tokens import EOS
from models.tokenization.encoding import Encoding


class ScoredEnds:
    """Filter of the `</s>` of a text that arrives in pieces.

    Without `eos` the end of what stands on its own is left out: of each line, or of the document. There an end may be
    followed by more text, so the last one so far is held back until that comes.
    """

    def __init__(self, unit: Unit, *, eos: bool) -> None:
        self._drops_all = unit == "lines" and not eos
        self._drops_last = unit == "document" and not eos
        self._is_held = False  # whether an end stands behind what was scored, and waits for more text
        self._dropped = 0  # ends left out so far, but for the one that is held back

    @property
    def scores_last(self) -> bool:
        """Whether the end of a document is scored."""
        return not self._drops_last

    def hold_back(self, encoding: Encoding) -> tuple[Ids, Mask]:
        """Return tokens to score next: with the end held back before, and without one that they end in."""
        if not (self._drops_last and len(encoding.ids)):
            return encoding.ids, encoding.oov
        before = [EOS] if self._is_held else []
        ids = np.concatenate([np.array(before, np.int32), encoding.ids])
        oov = np.concatenate([np.zeros(len(before), np.bool_), encoding.oov])
        self._is_held = bool(ids[-1] == EOS)
        count = len(ids) - self._is_held
        return ids[:count], oov[:count]

    def keep(self, ids: Ids, scores: Scores, oov: Mask) -> tuple[Scores, Mask]:
        """Return the scores that count, of tokens that were scored."""
        if not self._drops_all:
            return scores, oov
        inside = ids != EOS
        self._dropped += len(ids) - int(inside.sum())
        return scores[inside], oov[inside]

    def finish(self) -> int:
        """Return how many ends of the whole text were left out."""
        return self._dropped + self._is_held
