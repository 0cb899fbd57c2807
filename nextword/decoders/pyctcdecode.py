"""Language model for pyctcdecode's `BeamSearchDecoderCTC`: `PyctcdecodeLM`."""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from collections.abc import Collection

from pyctcdecode.language_model import AbstractLanguageModel

from models.errors import InvalidInput
from models.language_model import LanguageModel
from models.special_tokens import EOS
from models.tokenization.tokenizer import Tokenizer
from nextword.decoders.ctc import IMPOSSIBLE, make_reader
from nextword.decoders.history import History
from nextword.decoders.spelling import WordSpeller

_NUMBERS = ("alpha", "beta", "unk_score_offset")
"""Settings that are numbers; `score_boundary` is true or false."""
_LOG_10 = math.log(10)
"""Nats in a unit of `unk_score_offset`, which is a logarithm of base 10, as KenLM's are."""
_USUAL_LETTERS = 6
"""Letters of a word beyond which an unknown one costs more with each, as pyctcdecode has it."""


class PyctcdecodeLM(AbstractLanguageModel):
    """Language model whose words add alpha * log P + beta to a score, as those of pyctcdecode's own do.

    A word is scored as the tokens that the model splits it into, after a blank or at the beginning. Where a hypothesis
    ends, that of `</s>` is added, and an empty last word costs nothing else. States are histories; those of a recurrent
    model stay usable after the next decoding, and are computed anew.
    """

    def __init__(
        self,
        model: LanguageModel,
        tokenizer: Tokenizer,
        *,
        words: Collection[str] | None = None,
        alpha: float = 0.5,
        beta: float = 1.5,
        unk_score_offset: float = -10.0,
        score_boundary: bool = True,
    ) -> None:
        """Score words with `model`; the defaults of numbers are pyctcdecode's.

        Args:
            model: Language model.
            tokenizer: The model's tokenizer.
            words: Words that may be spoken; by default those of a word tokenizer's vocabulary, all for others.
            alpha: Weight of log-probabilities.
            beta: Added for each word.
            unk_score_offset: Added to log10 P of words that are not among these, and for beginnings that no word has.
            score_boundary: Whether texts begin after the boundary token and end in it.
        """
        self._tokenizer = tokenizer
        self._speller = WordSpeller(tokenizer)
        self._readers = {bos: make_reader(model, bos=bos) for bos in (False, True)}
        self._order = sys.maxsize if model.context_length is None else model.context_length + 1
        self._words = None if words is None else frozenset(words)
        self._sorted_words = _sorted_words(tokenizer, self._words)
        self.alpha, self.beta = 0.0, 0.0
        self.unk_score_offset, self.score_boundary = 0.0, True
        self.reset_params(alpha=alpha, beta=beta, unk_score_offset=unk_score_offset, score_boundary=score_boundary)

    def reset_params(self, **params: float | bool | None) -> None:
        """Set those of alpha, beta, unk_score_offset and score_boundary that are given. Raises InvalidInput."""
        for name, value in params.items():
            if value is not None:
                _check_parameter(name, value)
                setattr(self, name, value)

    @property
    def order(self) -> int:
        """Tokens that decide about the last of them; a huge number where all do, so that no text is dropped."""
        return self._order

    def get_start_state(self) -> History:
        """Return the state of an empty text."""
        return self._readers[self.score_boundary].begin()

    def score_partial_token(self, partial_token: str) -> float:
        """Return 0 for the beginning of a word, else `unk_score_offset`, or more for many letters."""
        if self._may_continue(partial_token):
            return 0.0
        return self.unk_score_offset * max(1.0, len(partial_token) / _USUAL_LETTERS)

    def score(self, prev_state: History, word: str, is_last_word: bool = False) -> tuple[float, History]:
        """Return what `word` adds to the score of a text whose state is `prev_state`, and the state after it."""
        reader, spelling = self._readers[self.score_boundary], self._speller.spell(word)
        logprob, state = reader.read(prev_state, spelling.first if prev_state.is_empty else spelling.later)
        if word and (spelling.is_unknown if self._words is None else word not in self._words):
            logprob += self.unk_score_offset * _LOG_10
        if is_last_word and self.score_boundary:
            logprob += reader.end(state)
        return self.alpha * max(logprob, IMPOSSIBLE) + (self.beta if word else 0.0), state

    def _may_continue(self, beginning: str) -> bool:
        """Return whether a word begins so; of several tokens, whether a word begins like each."""
        if self._sorted_words is None:
            return True
        forms = [beginning] if self._words is not None else self._tokenizer.surface_forms(beginning)
        return all(_has_prefix(self._sorted_words, form) for form in forms)


def _sorted_words(tokenizer: Tokenizer, words: Collection[str] | None) -> list[str] | None:
    """Return the words that may be spoken, in order; None for all that letters make."""
    if words is not None:
        return sorted(words)
    return sorted(tokenizer.vocabulary[EOS + 1 :]) if tokenizer.config.kind == "word" else None


def _has_prefix(sorted_words: list[str], prefix: str) -> bool:
    place = bisect_left(sorted_words, prefix)
    return place < len(sorted_words) and sorted_words[place].startswith(prefix)


def _check_parameter(name: str, value: object) -> None:
    """Raise InvalidInput unless `value` is one for the setting `name`."""
    if name not in (*_NUMBERS, "score_boundary"):
        raise InvalidInput(name, f"is no parameter: these are {', '.join(_NUMBERS)} and score_boundary")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if name in _NUMBERS and not is_number:
        raise InvalidInput(name, f"must be a number, not {value!r}")
    if name not in _NUMBERS and not isinstance(value, bool):
        raise InvalidInput(name, f"must be true or false, not {value!r}")
