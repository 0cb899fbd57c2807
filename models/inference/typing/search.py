"""Beam search for whole words: `WordSearch`, token by token, after one left context.

A word of a word model is one token, or the tokens that what was typed holds. Tokens of other models begin with the
blank before their word, which is charged to the word that it ends (Oh and Schuler 2024): a word is found where another
could begin, and log P(word | context) = log P(tokens | context) + log P(a word begins | context, tokens) -
log P(a word begins | context). This is the unit of `models.evaluation.surprisal`, whose surprisal of a word is the
same number in bits. Only the tokens that the tokenizer makes of a word count for it.

No completion is more probable than its beginning, so beginnings that fall behind the last completion wanted are
dropped; with a beam as wide as the vocabulary the best completions are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from models.inference.typing.extensions import Extensions, combine, join, largest, log_sum
from models.inference.typing.hypotheses import NOT_OWN, Candidate, Findings, Hypotheses, Tokens
from models.inference.typing.keystrokes import DONE, FIRST, WORD_END, Matches
from models.inference.typing.typed_word import TypedWord
from models.language_model import LanguageModel
from models.model import Floats
from models.special_tokens import EOS, UNK
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
        excluded: Int64Array,
        hides: Callable[[Candidate], bool],
        own_words: Mapping[Tokens, float],
    ) -> None:
        """Prepare a search.

        excluded: ids of the words of a word model that are not shown; `hides` tells it of other completions.
        own_words: nats of a user's own words by their tokens. The words are hypotheses that the search begins with, and
            are found in no other way.
        """
        self._model, self._limits = model, limits
        self._words, self._left, self._automaton = typed.words, typed.left, typed.automaton
        self._excluded, self._hides, self._own_words = excluded, hides, own_words
        self._findings = Findings(limits.size)
        table, boundaries = typed.words.table, typed.words.boundary_tokens
        self._marks = table.holds_mark if typed.ends_at_marks else None
        self._ends = boundaries
        if typed.ends_at_marks and boundaries is not None:
            self._ends = np.union1d(boundaries, np.flatnonzero(table.begins_with_mark))
        elif typed.ends_at_marks:
            self._excluded = np.union1d(excluded, table.marks)

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
                extensions = self._find_words(chunk, self._extend(chunk, rows))
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
            if not self._is_own(tokens) or hypotheses.own[row] != NOT_OWN:
                score = logprob + float(hypotheses.weights[row])
                candidate = Candidate(
                    tokens, int(hypotheses.heads[row]), logprob, score, ends_line, int(hypotheses.own[row])
                )
                if not self._hides(candidate):
                    yield candidate

    def _is_own(self, tokens: Tokens) -> bool:
        """Whether the tokens are a word of the user's, which is a hypothesis of its own."""
        return tokens in self._own_words

    def _extend(self, hypotheses: Hypotheses, rows: Floats) -> Extensions:
        """Return every hypothesis with every token that the keystrokes allow."""
        parts = []
        for position in sorted(set(hypotheses.positions.tolist())):
            members = np.flatnonzero(hypotheses.positions == position)
            if self._words.boundary_tokens is None:
                parts.append(self._extend_words(hypotheses, members, rows, position))
                continue
            if position != WORD_END:
                matches = self._automaton.read(self._words.table, position)
                parts.append(combine(hypotheses, members, rows, self._inside_word(matches, position), 0))
            if position in (DONE, WORD_END) and self._limits.words > 1:
                members = members[hypotheses.words[members] < self._limits.words - 1]
                if position == DONE:
                    members = members[[not self._is_own(hypotheses.tokens[row]) for row in members.tolist()]]
                matches = self._automaton.read(self._words.table, WORD_END)
                parts.append(combine(hypotheses, members, rows, self._without_marks(matches), 1))
        return join(parts)

    def _inside_word(self, matches: Matches, position: int) -> Matches:
        """Return the matches that do not begin another word."""
        boundaries = self._words.boundary_tokens
        if boundaries is not None and position in (DONE, FIRST):
            matches = matches.keep(~np.isin(matches.tokens, boundaries))
        return self._without_marks(matches)

    def _without_marks(self, matches: Matches) -> Matches:
        """Return the matches without punctuation, where words end at it."""
        return matches if self._marks is None else matches.keep(~self._marks[matches.tokens])

    def _extend_words(self, hypotheses: Hypotheses, members: Int64Array, rows: Floats, position: int) -> Extensions:
        """Return hypotheses of a word model with one more token each, part of the last word or a word."""
        matches, table = self._automaton.read(self._words.table, position), self._words.table
        if len(self._excluded):
            shown = ~np.isin(matches.tokens, self._excluded)
            matches = matches.keep(shown)
        extensions = combine(hypotheses, members, rows, matches, 0)
        extensions = extensions._replace(words=extensions.words + (extensions.positions == DONE))
        if position in (DONE, WORD_END):
            return self._weigh_own(extensions)
        if not any(hypotheses.tokens):
            return extensions
        last = np.array([hypotheses.tokens[row][-1] if hypotheses.tokens[row] else 0 for row in range(hypotheses.size)])
        joined = hypotheses.heads[extensions.parents] == 0
        joined |= table.joins_right[last[extensions.parents]] | table.joins_left[extensions.tokens]
        return extensions.keep(np.flatnonzero(joined))

    def _weigh_own(self, extensions: Extensions) -> Extensions:
        """Return extensions of a word model with the weights of own words behind the first one."""
        later = np.flatnonzero(extensions.words > 1) if self._own_words else np.zeros(0, np.int64)
        if not len(later):
            return extensions
        nats = np.zeros(self._model.vocabulary_size)
        for tokens, weight in self._own_words.items():
            if len(tokens) == 1 and tokens[0] != UNK:
                nats[tokens[0]] = weight
        weights = extensions.weights.copy()
        weights[later] += nats[extensions.tokens[later]]
        return extensions._replace(weights=weights)

    def _find_words(self, hypotheses: Hypotheses, extensions: Extensions) -> Extensions:
        """Add the last words of a word model, which end with their token; return the other extensions."""
        if self._words.boundary_tokens is not None:
            return extensions
        found = extensions.keep(np.flatnonzero(extensions.words == self._limits.words))
        if self._limits.words == 1 and (self._own_words or any(hypotheses.tokens)):
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
                not self._is_own((*head, token)) and (not head or self._words.is_encoding(self._left, (*head, token)))
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
            not (words and self._is_own(tokens)) and (len(tokens) == 1 or self._words.is_encoding(self._left, tokens))
        )
