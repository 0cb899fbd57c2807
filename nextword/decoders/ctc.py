"""Language model for CTC decoders, without the libraries that have them: `CtcLanguageModel`.

The decoder holds states of its own class, which carry nothing that it looks at but their identity. `flashlight` and
`torchaudio` add that class, and the base class that their decoders ask for.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from models.language_model import LanguageModel
from nextword.decoders.cached_reader import CachedReader
from nextword.decoders.direct_reader import DirectReader
from nextword.decoders.history import History, Reader
from nextword.decoders.spelling import Spelling

IMPOSSIBLE = -9999.0
"""Log-probability of what has probability zero: differences of infinities would be no numbers."""


class DecoderState(Protocol):
    """A state in the decoder's own class: one object for each text, kept by that of the text before."""

    history: History
    scored: dict[int, tuple[DecoderState, float]] | None
    """What the entries lead to that were asked for after this state, so that they are scored once; None for none."""


class CtcLanguageModel:
    """Language model of numbered entries: words of a lexicon, or tokens of an acoustic model.

    An entry after a state is scored once, however often the decoder asks for it: in some 15 us by an n-gram model; by a
    recurrent one in a lookup, after a step of the model for each state that is continued. What was scored is kept until
    the next `start`. Streams that are decoded side by side need an adapter each; they share the model.
    """

    def __init__(
        self,
        model: LanguageModel,
        spellings: Sequence[Spelling],
        *,
        boundaries: bool = True,
        unknown_score: float = 0.0,
        merge: bool = False,
    ) -> None:
        """Score entry i as the tokens of `spellings[i]`.

        Args:
            model: Language model.
            spellings: Token ids of each entry: see `nextword.decoders.spelling`.
            boundaries: Whether texts begin after the boundary token and end in it; otherwise their end costs nothing.
            unknown_score: Added for an entry that the vocabulary lacks, in nats.
            merge: Whether texts after which an n-gram model tells the same of all futures share a state, so that the
                decoder goes on with the better one alone. The best text stays the same, n-best lists lose texts, and
                `log_add` adds up texts that are not the same.
        """
        super().__init__()
        self._spellings = spellings
        self._boundaries = boundaries
        self._unknown_score = unknown_score
        self._merge = merge
        self._reader = make_reader(model, bos=boundaries)
        self._root: DecoderState | None = None
        self._merged: dict[History, DecoderState] = {}

    @abstractmethod
    def _new_state(self) -> DecoderState:
        """Return a new state of the decoder's own class."""

    def start(self, start_with_nothing: bool) -> DecoderState:
        """Return the state of an empty text, and forget those before; it begins as `boundaries` says."""
        del start_with_nothing
        self._merged.clear()
        self._root = self._state(self._reader.begin())
        return self._root

    def score(self, state: DecoderState, usr_token_idx: int) -> tuple[DecoderState, float]:
        """Return the state after an entry, and its log-probability in nats after `state`."""
        if state.scored is None:
            state.scored = {}
        answer = state.scored.get(usr_token_idx)
        if answer is None:
            answer = state.scored[usr_token_idx] = self._read(state, self._spellings[usr_token_idx])
        return answer

    def finish(self, state: DecoderState) -> tuple[DecoderState, float]:
        """Return `state`, and the log-probability in nats that the text ends there."""
        return state, max(self._reader.end(state.history), IMPOSSIBLE) if self._boundaries else 0.0

    def _read(self, state: DecoderState, spelling: Spelling) -> tuple[DecoderState, float]:
        ids = spelling.first if state.history.is_empty else spelling.later
        if not ids:
            return state, 0.0
        logprob, history = self._reader.read(state.history, ids)
        if spelling.is_unknown:
            logprob += self._unknown_score
        return self._state(history), max(logprob, IMPOSSIBLE)

    def _state(self, history: History) -> DecoderState:
        """Return the decoder's state of a history: a new one, unless equal histories are merged."""
        known = self._merged.get(history) if self._merge else None
        if known is not None:
            return known
        state = self._new_state()
        state.history, state.scored = history, None
        if self._merge:
            self._merged[history] = state
        return state


def make_reader(model: LanguageModel, *, bos: bool) -> Reader:
    """Return the reader that suits a model."""
    return DirectReader(model, bos=bos) if model.runs_inline else CachedReader(model, bos=bos)
