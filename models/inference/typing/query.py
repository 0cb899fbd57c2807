"""Questions and answers of completion as data; they load neither torch nor Numba.

`complete` in `models.inference.typing.complete` answers a `CompletionQuery` with `Completions`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from models.errors import InvalidInput
from models.tokenization.raw_text import WHITESPACE

Keystroke: TypeAlias = Mapping[str, float]
"""P(this key was pressed | letter was meant), or any multiple of it, by letter; a letter left out was not meant."""
MAX_TOP_K = 100
MAX_WORDS = 5
"""Words of a phrase; its probability falls with each."""
MAX_BEAM = 256
MAX_SHORTLIST = 200
"""Completions that the right context is read after, each on its own."""
MAX_TYPED = 64
"""Characters of a prefix, and keystrokes."""
MAX_LETTERS = 64
"""Letters of one keystroke."""
MAX_OWN_WORDS = 500
MAX_EXCLUDED = 2000
MAX_BIAS = 100.0
"""Nats: e^100 times as probable is certain to every model."""


@dataclass(frozen=True)
class CompletionQuery:
    """Typed letters of a word, and the completions that are wanted. Raises InvalidInput, naming the field.

    >>> CompletionQuery(prefix="qu", top_k=3).words
    1
    """

    prefix: str = ""
    """Letters typed of the word, certain."""
    keystrokes: Sequence[Keystroke] = ()
    """Letters that may have been meant by each key pressed after `prefix`."""
    ignore_case: bool = False
    """Whether each letter may be meant in the other case."""
    top_k: int = 5
    """How many completions, 1 to 100."""
    words: int = 1
    """Words of each completion, 1 to 5; one in which a line ends sooner has fewer."""
    right: str = ""
    """Text that stands behind the word; where it is impossible behind every completion, it says nothing."""
    beam: int = 16
    """Beginnings of words that are kept from one token to the next, 1 to 256."""
    shortlist: int = 50
    """How many completions are read together with `right`, at least `top_k`, at most 200."""
    bias: Mapping[str, float] = field(default_factory=dict)
    """Nats added to log P of a user's own words; these are considered in any case, known to the vocabulary or not."""
    exclude: Sequence[str] = ()
    """Words never shown, in any case of letters and with any punctuation around them."""
    punctuation: bool = True
    """Whether punctuation is a word, or part of the one before it; without it, words end where it begins."""

    def __post_init__(self) -> None:
        for name, most in (("top_k", MAX_TOP_K), ("words", MAX_WORDS), ("beam", MAX_BEAM)):
            if not 1 <= getattr(self, name) <= most:
                raise InvalidInput(name, f"must be a whole number from 1 to {most}")
        if not self.top_k <= self.shortlist <= MAX_SHORTLIST:
            raise InvalidInput("shortlist", f"must be a whole number from top_k, {self.top_k}, to {MAX_SHORTLIST}")
        _check_size("prefix", self.prefix, MAX_TYPED, "characters")
        _check_size("keystrokes", self.keystrokes, MAX_TYPED, "keystrokes")
        _check_size("exclude", self.exclude, MAX_EXCLUDED, "words")
        _check_size("bias", self.bias, MAX_OWN_WORDS, "words")
        for i, keystroke in enumerate(self.keystrokes):
            _check_keystroke(f"keystrokes.{i}", keystroke)
        for word, nats in self.bias.items():
            _check_own_word(word, nats)


@dataclass(frozen=True)
class Completion:
    """A word or a phrase that continues what was typed."""

    text: str
    """The whole word, what was typed included and corrected; words of a phrase are joined as text is."""
    tokens: tuple[int, ...]
    logprob: float
    """Log P(text | left context) in nats: of the model alone."""
    posterior: float
    """P(text | all that is known) among the completions considered: keys, right context and bias included."""
    oov: bool = False
    """Whether a token is out of the vocabulary: `<unk>`, charged for its spelling."""
    ends_line: bool = False
    """Whether the line ends after it."""


@dataclass(frozen=True)
class Completions:
    """The best completions, with what they complete.

    typed: the letters that were typed of the word, as the tokenizer writes them; of keystrokes, the likeliest ones.
    logprob: log P in nats of the keys, given the left context, summed over the completions considered.
    considered: how many completions the posterior is told among.
    """

    typed: str
    completions: Sequence[Completion]
    logprob: float
    considered: int


def _check_size(name: str, items: Sequence[object] | Mapping[str, float], most: int, unit: str) -> None:
    if len(items) > most:
        raise InvalidInput(name, f"at most {most} {unit}, not {len(items)}")


def _check_keystroke(name: str, keystroke: Keystroke) -> None:
    _check_size(name, keystroke, MAX_LETTERS, "letters")
    for letter, weight in keystroke.items():
        if len(letter) != 1 or letter in WHITESPACE:
            raise InvalidInput(name, f"must have single letters, and no blanks, as its keys, not {letter!r}")
        if not 0 <= weight <= 1:  # a NaN is not
            raise InvalidInput(f"{name}.{letter}", "must be a number from 0 to 1")
    if not any(keystroke.values()):
        raise InvalidInput(name, "must give one letter at least a probability above 0")


def _check_own_word(word: str, nats: float) -> None:
    if not word or len(word) > MAX_TYPED or not set(word).isdisjoint(WHITESPACE):
        accepted = f"must have words of 1 to {MAX_TYPED} characters without blanks as its keys"
        raise InvalidInput("bias", f"{accepted}, not {word!r}")
    if not (math.isfinite(nats) and abs(nats) <= MAX_BIAS):
        raise InvalidInput(f"bias.{word}", f"must be a number of nats from -{MAX_BIAS:g} to {MAX_BIAS:g}")
