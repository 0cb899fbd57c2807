"""Completions that are single tokens of a word model, found in one distribution without a search.

Most keystrokes ask for no more, and it takes a quarter of the time of a search of one step.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from models.inference.alternatives import best_tokens
from models.inference.prefill import Runtime, prefill
from models.inference.typing.excluded_words import ExcludedWords
from models.inference.typing.query import Completion, CompletionQuery, Completions
from models.language_model import LanguageModel
from models.model import Floats
from models.special_tokens import EOS
from models.state import State
from models.tokenization.tokenizer import Tokenizer
from models.utils.arrays import Int64Array


def are_single_tokens(tokenizer: Tokenizer, query: CompletionQuery) -> bool:
    """Whether every completion is one token, whose probability is all that counts.

    Behind what is no letter, another token may begin, and at an n behind a whole word, which may begin "n't".
    """
    if query.keystrokes or query.right or query.bias or query.ignore_case or query.words > 1:
        return False
    if tokenizer.boundary_tokens is not None:
        return False
    return not query.prefix or (query.prefix.isalnum() and not _may_be_negated(tokenizer, query.prefix))


def _may_be_negated(tokenizer: Tokenizer, prefix: str) -> bool:
    """Whether the prefix is a whole word and the beginning of "n't"."""
    return prefix[-1] in "nN" and tokenizer.token_to_id(tokenizer.continuations.fold(prefix[:-1])) is not None


def complete_by_token(
    model: LanguageModel, tokenizer: Tokenizer, context: str, query: CompletionQuery, *, bos: bool, runtime: Runtime
) -> Generator[int, None, Completions]:
    """Find the best tokens that begin with the prefix; yields the number of tokens of each step."""
    state = yield from _read(model, tokenizer.encode_with_surfaces(context).ids, bos=bos, runtime=runtime)
    row = model.logprobs(state)[0]
    prefix = tokenizer.continuations.fold(query.prefix)
    tokens = tokenizer.continuations.tokens_with_prefix(prefix.encode()) if prefix else None
    if tokens is None:
        row[: EOS + 1] = -np.inf
    if not query.punctuation:
        row[tokenizer.continuations.spelling_table.marks] = -np.inf
    if query.exclude:
        row[ExcludedWords(query.exclude).token_ids(tokenizer)] = -np.inf
    logprobs = row if tokens is None else row[tokens]
    values, places = best_tokens(logprobs[None], min(query.top_k, len(logprobs)))
    total, count = float(np.exp(logprobs).sum(dtype=np.float64)), int(np.count_nonzero(logprobs > -np.inf))
    best = places[0] if tokens is None else tokens[places[0]]
    with np.errstate(divide="ignore"):
        return Completions(prefix, _describe(tokenizer, best, values[0], total), float(np.log(total)), count)


def _read(model: LanguageModel, ids: list[int], *, bos: bool, runtime: Runtime) -> Generator[int, None, State]:
    """Return the state after the context, which a model that runs inline reads at once."""
    if model.runs_inline and len(ids) <= runtime.chunk_tokens:
        state = model.initial_state(1, bos=bos)
        return model.advance(state, np.array([ids], np.int64)) if ids else state
    return (yield from prefill(model, np.array(ids, np.int32), np.array([len(ids)]), runtime, bos=bos))


def _describe(tokenizer: Tokenizer, tokens: Int64Array, logprobs: Floats, total: float) -> list[Completion]:
    """Return the completions of positive probability, best first."""
    probabilities = np.exp(logprobs).tolist()  # of the precision that `total` sums up: no share is above one
    columns = zip(tokens.tolist(), logprobs.tolist(), probabilities, strict=True)
    vocabulary = tokenizer.vocabulary
    return [Completion(vocabulary[i], (i,), logprob, p / total) for i, logprob, p in columns if p > 0]
