"""Tokens that may come next in a completion, by what was typed and what is excluded: `TokenChoices`."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from models.inference.typing.extensions import Extensions, combine, join
from models.inference.typing.hypotheses import Hypotheses, Tokens
from models.inference.typing.keystrokes import DONE, FIRST, WORD_END, Matches
from models.inference.typing.typed_word import TypedWord
from models.model import Floats
from models.utils.arrays import Float64Array, Int64Array


class TokenChoices:
    """Tokens that may extend hypotheses.

    own_words: tokens of the user's own words, which are hypotheses of their own.
    """

    def __init__(
        self,
        typed: TypedWord,
        words: int,
        *,
        excluded: Int64Array,
        own_words: Collection[Tokens] = (),
        later_nats: Float64Array | None = None,
    ) -> None:
        """Prepare the choices for completions of so many words.

        excluded: ids of the words of a word model that are not shown.
        later_nats: [V] bias of the tokens of a word model behind the first word; None for none.
        """
        self._words, self._automaton, self._count = typed.words, typed.automaton, words
        self.own_words, self._later_nats = own_words, later_nats
        self._marks = typed.words.table.holds_mark if typed.ends_at_marks else None
        is_word_model = typed.words.boundary_tokens is None
        self._excluded = (
            np.union1d(excluded, typed.words.table.marks) if is_word_model and typed.ends_at_marks else excluded
        )

    def is_own(self, tokens: Tokens) -> bool:
        """Whether the tokens are a word of the user's."""
        return tokens in self.own_words

    def extend(self, hypotheses: Hypotheses, rows: Floats) -> Extensions:
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
            if position in (DONE, WORD_END) and self._count > 1:
                members = members[hypotheses.words[members] < self._count - 1]
                if position == DONE:
                    members = members[[not self.is_own(hypotheses.tokens[row]) for row in members.tolist()]]
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
        if self._later_nats is None:
            return extensions
        nats = np.where(extensions.words > 1, self._later_nats[extensions.tokens], 0.0)
        return extensions._replace(weights=extensions.weights + nats)
