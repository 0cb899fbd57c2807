"""Completion of a word that is being typed, or of a phrase, by any language model: `complete`."""

from __future__ import annotations

import math
from collections.abc import Generator

import numpy as np

from models.inference.prefill import Runtime, prefill
from models.inference.typing.excluded_words import ExcludedWords
from models.inference.typing.extensions import log_sum
from models.inference.typing.hypotheses import NOT_OWN, Candidate, Findings, Hypotheses
from models.inference.typing.own_words import OwnWord, match_own_words, read_own_words
from models.inference.typing.query import Completion, CompletionQuery, Completions
from models.inference.typing.right_context import rescore
from models.inference.typing.search import SearchLimits, WordSearch
from models.inference.typing.single_tokens import are_single_tokens, complete_by_token
from models.inference.typing.token_choices import TokenChoices
from models.inference.typing.typed_word import TypedWord
from models.language_model import LanguageModel
from models.special_tokens import UNK
from models.state import State
from models.tokenization.tokenizer import Tokenizer
from models.utils.arrays import Float64Array

STEPS_PER_WORD = 48
"""Tokens of the longest word that is found behind the keystrokes: characters, at worst."""


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
    runtime = runtime or Runtime.default_for(model)
    if not heal and are_single_tokens(tokenizer, query):
        return (yield from complete_by_token(model, tokenizer, context, query, bos=bos, runtime=runtime))
    typed = TypedWord(tokenizer, context, query, heal=heal)
    return (yield from _Task(model, typed, query, runtime).run(bos=bos))


class _Task:
    """Work on a query: the typed word, the own words that fit it, and those that are excluded."""

    def __init__(self, model: LanguageModel, typed: TypedWord, query: CompletionQuery, runtime: Runtime) -> None:
        self._model, self._typed, self._query, self._runtime = model, typed, query, runtime
        self._words, self._left = typed.words, typed.left
        self._excluded = ExcludedWords(query.exclude)
        bias = {word: nats for word, nats in query.bias.items() if not self._excluded.hides(word)}
        self._own: list[OwnWord] = match_own_words(self._words, self._left, typed.automaton, bias) if bias else []

    def run(self, *, bos: bool) -> Generator[int, None, Completions]:
        """Search, read the right context after what was found, and tell of the best."""
        ids = self._words.tokenizer.encode_batch([self._left.read]).ids
        state = yield from prefill(self._model, ids, np.array([len(ids)]), self._runtime, bos=bos)
        before = self._word_begins(state)
        findings = yield from self._search(state, before)
        candidates, total = findings.candidates, findings.total
        if self._query.right and candidates:
            rescored = yield from rescore(
                self._model, self._words, self._left, state, candidates, self._query.right, before, self._runtime
            )
            rescored_total = log_sum(np.array([candidate.score for candidate in rescored]))
            if math.isfinite(rescored_total):  # else no completion goes with the right context
                candidates, total = rescored, rescored_total
        completions = [self._completion(candidate, total) for candidate in candidates[: self._query.top_k]]
        return Completions(self._typed.text, completions, findings.total, findings.count)

    def _word_begins(self, state: State) -> float:
        """Return log P that a word begins after the left context, where a blank says so; else 0."""
        boundaries = self._words.boundary_tokens
        if boundaries is None or self._left.begins_line:
            return 0.0
        return float(np.logaddexp.reduce(self._model.logprobs(state)[0, boundaries].astype(np.float64)))

    def _search(self, state: State, before: float) -> Generator[int, None, Findings]:
        query, begin = self._query, Hypotheses.begin(state, self._typed.automaton.start, -before)
        choices = TokenChoices(
            self._typed,
            query.words,
            excluded=self._excluded.token_ids(self._words.tokenizer),
            own_words={word.tokens for word in self._own},
            later_nats=self._later_nats(),
        )
        search = WordSearch(
            self._model,
            self._typed,
            SearchLimits(query.words, query.beam, query.shortlist if query.right else query.top_k, not query.right),
            choices=choices,
            hides=lambda candidate: self._excluded.hides(self._text(candidate)),
            later_weight=self._later_weight if query.bias and query.words > 1 and self._words.has_blanks else None,
        )
        if self._own:
            own = yield from read_own_words(self._model, self._words, state, self._own, before)
            begin = search.add_words(begin, own)
        return (yield from search.run(begin, len(self._typed.keystrokes) + STEPS_PER_WORD * query.words))

    def _later_nats(self) -> Float64Array | None:
        """Return the bias [V] of the tokens of a word model behind the first word, None where there is none."""
        if not self._query.bias or self._query.words == 1 or self._words.has_blanks:
            return None
        nats = np.zeros(self._model.vocabulary_size)
        for word, weight in self._query.bias.items():
            token = self._words.tokenizer.token_to_id(self._words.tokenizer.continuations.fold(word))
            if token is not None:
                nats[token] = weight
        return nats

    def _later_weight(self, candidate: Candidate) -> float:
        """Return the bias of the words of a phrase behind the first one."""
        words = self._words.join_rest(candidate.tokens[: candidate.head], candidate.tokens[candidate.head :]).split()
        return sum(self._query.bias.get(word, 0.0) for word in words)

    def _text(self, candidate: Candidate) -> str:
        first, rest = candidate.tokens[: candidate.head], candidate.tokens[candidate.head :]
        word = self._words.spell(self._left, first) if candidate.own == NOT_OWN else self._own[candidate.own].text
        return word + self._words.join_rest(first, rest) if rest else word

    def _completion(self, candidate: Candidate, total: float) -> Completion:
        return Completion(
            text=self._text(candidate),
            tokens=candidate.tokens,
            logprob=candidate.logprob,
            posterior=math.exp(candidate.score - total) if math.isfinite(total) else 0.0,
            oov=UNK in candidate.tokens,
            ends_line=candidate.ends_line,
        )
