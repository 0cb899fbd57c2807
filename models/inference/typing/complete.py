"""Completion of a word that is being typed, or of a phrase, by any language model: `complete`."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence

import numpy as np

from models.inference.prefill import Runtime, prefill
from models.inference.typing.extensions import log_sum
from models.inference.typing.hypotheses import NOT_OWN, Candidate, Findings, Hypotheses
from models.inference.typing.keystrokes import KeystrokeAutomaton, certain_keystrokes, in_both_cases
from models.inference.typing.left_context import LeftContext, WordTokens
from models.inference.typing.own_words import OwnWord, match_own_words, read_own_words
from models.inference.typing.query import Completion, CompletionQuery, Completions, Keystroke
from models.inference.typing.right_context import rescore
from models.inference.typing.search import SearchLimits, WordSearch
from models.language_model import LanguageModel
from models.special_tokens import UNK
from models.state import State
from models.tokenization.tokenizer import Tokenizer

STEPS_PER_WORD = 48
"""Tokens of the longest word that is found behind the keystrokes: characters, at worst."""

_HALF = "\ufffd"
"""Character in the place of bytes that are no whole one."""


def complete(
    model: LanguageModel,
    tokenizer: Tokenizer,
    context: str,
    query: CompletionQuery,
    *,
    bos: bool = True,
    heal: bool = False,
    runtime: Runtime | None = None,
) -> Generator[int, None, Completions]:
    """Find the best completions of what was typed after `context`.

    Yields the number of tokens of each step.

    heal: whether the unfinished last word of the context was typed as well, before the prefix.

    >>> from pathlib import Path
    >>> from models.checkpoint.load import load
    >>> from models.utils.progress import run_to_completion
    >>> checkpoint = load(Path("checkpoints/gutenberg-kn/1"))
    >>> query = CompletionQuery(prefix="st", top_k=2, right="night")
    >>> steps = complete(checkpoint.language_model, checkpoint.tokenizer, "it was a dark and", query)
    >>> [completion.text for completion in run_to_completion(steps).completions]
    ['still', 'strong']
    """
    return (yield from _Task(model, tokenizer, context, query, heal, runtime).run(bos=bos))


class _Task:
    """Work on a query: the left context, the keystrokes and the own words as tokens."""

    def __init__(
        self,
        model: LanguageModel,
        tokenizer: Tokenizer,
        context: str,
        query: CompletionQuery,
        heal: bool,
        runtime: Runtime | None,
    ) -> None:
        self._model, self._query, self._runtime = model, query, runtime or Runtime.default_for(model)
        self._words = WordTokens(tokenizer)
        self._left: LeftContext = self._words.split(context, query.prefix, heal=heal)
        self._keystrokes = _all_keystrokes(self._words, self._left, query)
        self._automaton = KeystrokeAutomaton(
            self._keystrokes, has_blanks=self._words.has_blanks, begins_with_blank=self._left.begins_with_blank
        )
        self._excluded = frozenset(map(_bare, query.exclude))
        bias = {word: nats for word, nats in query.bias.items() if _bare(word) not in self._excluded}
        self._own: list[OwnWord] = match_own_words(self._words, self._left, self._automaton, bias) if bias else []

    def run(self, *, bos: bool) -> Generator[int, None, Completions]:
        """Search, read the right context after what was found, and tell of the best."""
        ids = self._words.tokenizer.encode_batch([self._left.read]).ids
        state = yield from prefill(self._model, ids, np.array([len(ids)]), self._runtime, bos=bos)
        before = self._word_begins(state)
        findings = yield from self._search(state, before)
        candidates, total = findings.candidates, findings.total
        if self._query.right and candidates:
            candidates = yield from rescore(
                self._model, self._words, self._left, state, candidates, self._query.right, before, self._runtime
            )
            total = log_sum(np.array([candidate.score for candidate in candidates]))
        completions = [self._completion(candidate, total) for candidate in candidates[: self._query.top_k]]
        return Completions(_likeliest(self._keystrokes), completions, findings.total, findings.count)

    def _word_begins(self, state: State) -> float:
        """Return log P that a word begins after the left context, where a blank says so; else 0."""
        boundaries = self._words.boundary_tokens
        if boundaries is None or self._left.begins_line:
            return 0.0
        return float(np.logaddexp.reduce(self._model.logprobs(state)[0, boundaries].astype(np.float64)))

    def _search(self, state: State, before: float) -> Generator[int, None, Findings]:
        query, begin = self._query, Hypotheses.begin(state, self._automaton.start, -before)
        search = WordSearch(
            self._model,
            self._words,
            self._left,
            self._automaton,
            SearchLimits(query.words, query.beam, query.shortlist if query.right else query.top_k, not query.right),
            excluded=self._excluded_ids(),
            hides=self._hides,
            own_words={word.tokens: query.bias[word.text] for word in self._own},
        )
        if self._own:
            own = yield from read_own_words(self._model, self._words, state, self._own, before)
            begin = search.add_words(begin, own)
        return (yield from search.run(begin, len(self._keystrokes) + STEPS_PER_WORD * query.words))

    def _excluded_ids(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        if self._words.boundary_tokens is None and self._excluded:
            return self._words.table.find_words(self._excluded)
        return np.zeros(0, np.int64)

    def _hides(self, candidate: Candidate) -> bool:
        """Whether a completion holds an excluded word, or ends inside a character."""
        text = self._text(candidate)
        return _HALF in text or not self._excluded.isdisjoint(map(_bare, text.split()))

    def _text(self, candidate: Candidate) -> str:
        first, rest = candidate.tokens[: candidate.head], candidate.tokens[candidate.head :]
        if candidate.own == NOT_OWN:
            return self._words.join(self._left, first, rest)
        return self._own[candidate.own].text + self._words.join_rest(first, rest)

    def _completion(self, candidate: Candidate, total: float) -> Completion:
        posterior = float(np.exp(candidate.score - total)) if np.isfinite(total) else 0.0
        return Completion(
            self._text(candidate),
            candidate.tokens,
            candidate.logprob,
            posterior,
            UNK in candidate.tokens,
            candidate.ends_line,
        )


def _all_keystrokes(words: WordTokens, left: LeftContext, query: CompletionQuery) -> Sequence[Keystroke]:
    """Return what was typed of the word as keystrokes, letters as tokens write them."""
    fold = words.tokenizer.continuations.fold
    typed: list[Keystroke] = [*certain_keystrokes(left.prefix)]
    for keystroke in query.keystrokes:
        forms: dict[str, float] = {}
        for letter, probability in keystroke.items():
            form = fold(letter)
            forms[form] = max(probability, forms.get(form, 0.0))
        typed.append(forms)
    return [in_both_cases(keystroke) for keystroke in typed] if query.ignore_case else typed


def _likeliest(keystrokes: Iterable[Keystroke]) -> str:
    """Return the letters that were meant most probably by each key alone."""
    return "".join(max(keystroke, key=keystroke.__getitem__) for keystroke in keystrokes)


def _bare(word: str) -> str:
    """Return a word without the case of its letters, and without punctuation around it."""
    folded = word.casefold()
    begin, end = 0, len(folded)
    while begin < end and not folded[begin].isalnum():
        begin += 1
    while end > begin and not folded[end - 1].isalnum():
        end -= 1
    return folded[begin:end] or folded
