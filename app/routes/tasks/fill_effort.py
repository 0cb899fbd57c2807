"""Effort of filling blanks, estimated before anything reads the texts: work, memory, answer."""

from __future__ import annotations

from dataclasses import dataclass

from models.language_model import LanguageModel
from models.model import Model
from models.tasks.fill_in.blanks import most_blanks
from models.tasks.fill_in.query import MAX_BLANKS, FillQuery


@dataclass(frozen=True)
class FillEffort:
    """Work on one text, and the size of its answer."""

    tokens: int
    """Tokens that are read."""
    considered: int
    """Fillings that are compared at a time."""
    shown: int
    """Fillings in the answer."""
    characters: int
    """Characters of texts and words in the answer."""


def estimate_fill(model: Model, query: FillQuery, text: str, tokens: int) -> FillEffort:
    """Estimate the effort of `model` on a text of about `tokens` tokens, at most.

    A language model reads every word with what follows it, up to the next blank or as far as it looks back; any other
    reads the whole text. Both do so for each of the `beam` best fillings of the blanks before.
    """
    blanks, words = min(max(most_blanks(text), 1), MAX_BLANKS), _words(model, query)
    beam = min(query.beam, words ** (blanks - 1))
    considered, readings = words * beam, 1 + (blanks - 1) * beam
    shown = min(query.top_k or considered, considered)
    longest = max(map(len, query.candidates), default=0)
    if isinstance(model, LanguageModel):
        after = min(tokens // blanks + 1, model.context_length or tokens)
        read = tokens + readings * words * (longest // 5 + 1 + after)
    else:
        read = readings * tokens
    return FillEffort(read, considered, shown, shown * (len(text) + 2 * blanks * longest))


def _words(model: Model, query: FillQuery) -> int:
    """Return how many words are compared for one blank."""
    words = len(query.candidates) or model.vocabulary_size
    is_shortened = not query.candidates and isinstance(model, LanguageModel) and model.context_length is None
    return min(query.shortlist or words, words) if is_shortened else words
