"""Beam search for whole words: `WordSearch`, token by token, after one left context.

A word of a word model is one token, or the tokens that what was typed holds. Tokens of other models begin with the
blank before their word, which is charged to the word that it ends (Oh and Schuler 2024): a word is found where another
could begin, and log P(word | context) = log P(tokens | context) + log P(a word begins | context, tokens) -
log P(a word begins | context). This is the unit of `models.evaluation.surprisal`, whose surprisal of a word is the
same number in bits. Only the tokens that the tokenizer makes of a word count for it.

No completion is more probable than its beginning, so beginnings that fall behind the last completion wanted are
dropped; with a beam as wide as the vocabulary the best completions are exact. Not so phrases with own words behind the
first: what these gain comes after a beginning may have been dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple

import numpy as np

from models.inference.typing.extensions import Extensions, join, largest, log_sum
from models.inference.typing.hypotheses import NOT_OWN, Candidate, Findings, Hypotheses, Tokens
from models.inference.typing.keystrokes import DONE, WORD_END
from models.inference.typing.token_choices import TokenChoices
from models.inference.typing.typed_word import TypedWord
from models.language_model import LanguageModel
from models.model import Floats
from models.special_tokens import EOS
from models.state import select
from models.utils.arrays import BoolArray, Float64Array, Int64Array

NUMBERS_AT_ONCE = 1 << 18
"""Log-probabilities that are ranked at a time: some tens of milliseconds, and as many megabytes."""
CHECKED_PER_ROW = 4
"""Beginnings that are looked at for each that is kept; the tokenizer would split the others in another way."""


class SearchLimits(NamedTuple):
    """Words of a completion, beginnings and completions that are kept, and whether lines may end."""

    words: int
    beam: int
    size: int
    ends_lines: bool


class WordSearch:
    """Search for the completions of what was typed after one left context."""

    def __init__(
        self,
        model: LanguageModel,
        typed: TypedWord,
        limits: SearchLimits,
        *,
        choices: TokenChoices,
        hides: Callable[[Candidate], bool],
        later_weight: Callable[[Candidate], float] | None,
    ) -> None:
        """Prepare a search.

        choices: tokens that may come next; its own words are hypotheses that the search begins with, and are found in
            no other way.
        hides: tells of completions that are not shown.
        later_weight: nats of own words behind the first one, where tokens are no words; None where there are none.
        """
        self._model, self._limits, self._choices = model, limits, choices
        self._words, self._left = typed.words, typed.left
        self._hides, self._later_weight = hides, later_weight
        self._ends = _word_ends(typed)
        self._findings = Findings(limits.size)

    def run(self, begin: Hypotheses, steps: int) -> Generator[int, None, Findings]:
        """Search from `begin` on, at most so many tokens far; yields the number of distributions of each step."""
        hypotheses: Hypotheses | None = begin
        size = max(1, NUMBERS_AT_ONCE // self._model.vocabulary_size)
        while hypotheses is not None and steps:
            parts = []
            for first in range(0, hypotheses.size, size):
                chunk = hypotheses.part(first, first + size)
                rows = self._model.logprobs(chunk.state)
                self._find_ends(chunk, rows)
                extensions = self._find_words(chunk, self._choices.extend(chunk, rows))
                best = extensions.keep(largest(extensions.scores, CHECKED_PER_ROW * self._limits.beam))
                parts.append(best._replace(parents=best.parents + first))
                yield chunk.size
            hypotheses = self._advance(hypotheses, join(parts))
            steps -= 1
        return self._findings

    def add_words(self, begin: Hypotheses, own: Hypotheses) -> Hypotheses:
        """Return the hypotheses to begin with, the user's own words among them."""
        if self._words.boundary_tokens is None and self._limits.words == 1:
            scores = own.logprobs + own.weights
            rows = largest(scores, self._limits.size)
            candidates = self._candidates(own, rows, np.zeros(len(rows)))
            self._findings.add(list(candidates), log_sum(scores), int(np.isfinite(scores).sum()))
            return begin
        return begin + own

    def _find_ends(self, hypotheses: Hypotheses, rows: Floats) -> None:
        """Add the words that end before the next token, and the phrases that end with their line."""
        if not any(hypotheses.tokens):
            return
        last = self._limits.words - 1
        whole = np.isin(hypotheses.positions, (DONE, WORD_END)) & (hypotheses.heads > 0)
        if self._ends is None:
            sooner = np.flatnonzero(whole & (hypotheses.words > 0))
        else:
            ended, sooner = (
                np.flatnonzero(whole & part) for part in (hypotheses.words == last, hypotheses.words < last)
            )
            ends = np.logaddexp.reduce(rows[np.ix_(ended, self._ends)].astype(np.float64), axis=1)
            self._findings.add_all(list(self._candidates(hypotheses, ended, ends)))
        if self._limits.ends_lines:
            ends = rows[sooner, EOS].astype(np.float64)
            self._findings.add_all(list(self._candidates(hypotheses, sooner, ends, ends_line=True)))

    def _candidates(
        self, hypotheses: Hypotheses, rows: Int64Array, ends: Float64Array, *, ends_line: bool = False
    ) -> Iterator[Candidate]:
        for row, end in zip(rows.tolist(), ends.tolist(), strict=True):
            tokens, logprob = hypotheses.tokens[row], float(hypotheses.logprobs[row]) + end
            if not self._choices.is_own(tokens) or hypotheses.own[row] != NOT_OWN:
                score = logprob + float(hypotheses.weights[row])
                candidate = Candidate(
                    tokens, int(hypotheses.heads[row]), logprob, score, ends_line, int(hypotheses.own[row])
                )
                if not self._hides(candidate):
                    later = self._later_weight(candidate) if self._later_weight else 0.0
                    yield candidate._replace(score=score + later)

    def _find_words(self, hypotheses: Hypotheses, extensions: Extensions) -> Extensions:
        """Add the last words of a word model, which end with their token; return the other extensions."""
        if self._words.boundary_tokens is not None:
            return extensions
        found = extensions.keep(np.flatnonzero(extensions.words == self._limits.words))
        if self._limits.words == 1 and (self._choices.own_words or any(hypotheses.tokens)):
            found = found.keep(np.flatnonzero(self._is_new_word(hypotheses, found)))
        if len(found.tokens):
            scores = found.scores
            best = largest(scores, self._limits.size)
            candidates = [self._candidate(hypotheses, found, place) for place in best.tolist()]
            if self._limits.words > 1 or any(hypotheses.tokens):
                candidates = [candidate for candidate in candidates if not self._hides(candidate)]
            self._findings.add(candidates, log_sum(scores), int(np.count_nonzero(scores > -np.inf)))
        if len(found.tokens) == len(extensions.tokens):
            return found.keep(np.zeros(0, np.int64))
        return extensions.keep(np.flatnonzero(extensions.words < self._limits.words))

    def _is_new_word(self, hypotheses: Hypotheses, found: Extensions) -> BoolArray:
        """Return which of the words [M] are no own ones, and consist of the tokens that their text has."""
        pairs = zip(found.parents.tolist(), found.tokens.tolist(), strict=True)
        rows = [(hypotheses.tokens[row], token) for row, token in pairs]
        return np.array(
            [
                not self._choices.is_own((*head, token))
                and (not head or self._words.is_encoding(self._left, (*head, token)))
                for head, token in rows
            ],
            np.bool_,
        )

    def _candidate(self, hypotheses: Hypotheses, found: Extensions, place: int) -> Candidate:
        tokens = (*hypotheses.tokens[found.parents[place]], int(found.tokens[place]))
        logprob = float(found.logprobs[place])
        head = self._head(hypotheses, found, place)
        score = logprob + float(found.weights[place])
        return Candidate(tokens, head, logprob, score, own=int(hypotheses.own[found.parents[place]]))

    def _head(self, hypotheses: Hypotheses, extensions: Extensions, place: int) -> int:
        """Return how many tokens the first word has, with the token of an extension if that belongs to it."""
        parent = int(extensions.parents[place])
        head, is_first = int(hypotheses.heads[parent]), hypotheses.words[parent] == 0
        if self._words.boundary_tokens is not None:
            is_first = extensions.words[place] == 0
        return head + 1 if is_first else head

    def _advance(self, hypotheses: Hypotheses, extensions: Extensions) -> Hypotheses | None:
        """Return the best hypotheses with their new tokens read; None where no better completion can come."""
        scores = extensions.scores
        order = largest(scores, CHECKED_PER_ROW * self._limits.beam)
        order = order[scores[order] > self._findings.threshold]
        kept, tokens = [], []
        for place in order.tolist():
            row = (*hypotheses.tokens[extensions.parents[place]], int(extensions.tokens[place]))
            if self._is_open(row, extensions, place):
                kept.append(place)
                tokens.append(row)
            if len(kept) == self._limits.beam:
                break
        if not kept:
            return None
        heads = np.array([self._head(hypotheses, extensions, place) for place in kept])
        chosen = extensions.keep(np.array(kept))
        state = self._model.advance(select(hypotheses.state, chosen.parents.tolist()), chosen.tokens[:, None])
        own = hypotheses.own[chosen.parents]
        return Hypotheses(state, tokens, heads, chosen.logprobs, chosen.weights, chosen.positions, chosen.words, own)

    def _is_open(self, tokens: Tokens, extensions: Extensions, place: int) -> bool:
        """Whether the tokens are those of their text, and no word that is a hypothesis already."""
        if self._words.boundary_tokens is not None:
            return self._words.is_encoding(self._left, tokens)
        words = extensions.words[place]
        return words > 1 or (
            not (words and self._choices.is_own(tokens))
            and (len(tokens) == 1 or self._words.is_encoding(self._left, tokens))
        )


def _word_ends(typed: TypedWord) -> Int64Array | None:
    """Return the ids of the tokens before which a word ends, those of punctuation too where it ends words."""
    boundaries = typed.words.boundary_tokens
    if boundaries is None or not typed.ends_at_marks:
        return boundaries
    return np.union1d(boundaries, np.flatnonzero(typed.words.table.begins_with_mark))
