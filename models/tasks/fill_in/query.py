"""Queries and answers of fill-in as data, without the libraries that compute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import fsum
from typing import NamedTuple

from models.errors import InvalidInput

MAX_BLANKS = 8
"""Blanks of one text; more make little sense, and each multiplies the work."""

MAX_CANDIDATE_CHARACTERS = 100
"""Characters of a candidate: all candidates are read together, as long as the longest of them."""


@dataclass(frozen=True)
class FillQuery:
    """Question about the blanks of a text. Raises InvalidInput where a value is not accepted.

    >>> FillQuery(candidates=("teddy", "polar")).top_k
    10
    """

    top_k: int = 10
    """How many of the most probable fillings; 0: all that were considered."""
    candidates: tuple[str, ...] = ()
    """Words for each blank to choose from; none: the whole vocabulary but `<unk>` and `</s>`."""
    shortlist: int = 200
    """Tokens of highest probability after the left side that a language model of unbounded memory scores with the right
    side too, where no candidates are given; 0: all."""
    beam: int = 32
    """Fillings of the blanks so far that are kept from one blank to the next."""

    def __post_init__(self) -> None:
        for name, least in (("top_k", 0), ("shortlist", 0), ("beam", 1)):
            if getattr(self, name) < least:
                raise InvalidInput(name, f"must be a whole number of at least {least}")
        if len(set(self.candidates)) != len(self.candidates):
            raise InvalidInput("candidates", "must not hold one twice")
        if (longest := max(map(len, self.candidates), default=0)) > MAX_CANDIDATE_CHARACTERS:
            raise InvalidInput("candidates", f"at most {MAX_CANDIDATE_CHARACTERS} characters each, not {longest}")


@dataclass(frozen=True)
class Filling:
    """A word for each blank of a text."""

    words: tuple[str, ...]
    oov: tuple[bool, ...]
    """Whether the vocabulary lacks each word, which is then judged as `<unk>`."""
    logprob: float
    """Nats; of this filling among all that were considered, whose probabilities sum to one."""
    probability: float
    text_logprob: float | None = None
    """Log P in nats of the whole text with its end, told by language models only."""


@dataclass(frozen=True)
class FilledText:
    """Most probable fillings of a text's blanks."""

    text: str
    blanks: tuple[tuple[int, int], ...]
    """Begin and end of each blank, in characters of the text."""
    fillings: tuple[Filling, ...]
    """Best first; equal ones in the order of candidates or ids."""
    considered: int
    """How many fillings were compared."""
    exact: bool
    """Whether those are all that the query allows: no shortlist and no beam has left any out."""

    def with_filling(self, filling: Filling) -> str:
        """Return the text with the words of a filling in the place of its blanks."""
        return "".join(self._parts(filling.words))

    def _parts(self, words: Sequence[str]) -> Iterator[str]:
        position = 0
        for (begin, end), word in zip(self.blanks, words, strict=True):
            yield self.text[position:begin] + word
            position = end
        yield self.text[position:]


class PseudoScore(NamedTuple):
    """Log-probability of each token of a text given all the others; no probability of the text."""

    tokens: list[str]
    """Surface forms [T], without the end of the text."""
    oov: list[bool]
    logprobs: list[float]
    """Log P(token | all others) [T] in nats."""

    @property
    def pseudo_logprob(self) -> float:
        """Pseudo-log-likelihood in nats (Besag 1975; Salazar et al. 2020): the sum over all tokens."""
        return fsum(self.logprobs)
