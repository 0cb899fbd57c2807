"""Completion of a word between two contexts by a fill-in model, which knows both sides at once."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from models.errors import InvalidInput
from models.inference.typing.excluded_words import ExcludedWords
from models.inference.typing.extensions import largest, log_sum
from models.inference.typing.keystrokes import DONE
from models.inference.typing.query import Completion, CompletionQuery, Completions
from models.inference.typing.typed_word import TypedWord
from models.special_tokens import EOS, SPECIAL_TOKENS
from models.tasks.fill_in.blank_by_blank import predict_fillings
from models.tasks.fill_in.blanks import BlankedText, Candidates
from models.tasks.fill_in.fill_in_model import FillInModel
from models.tasks.fill_in.query import FillQuery
from models.tokenization.tokenizer import Tokenizer


def complete_between(
    model: FillInModel, tokenizer: Tokenizer, context: str, query: CompletionQuery, *, heal: bool = False
) -> Generator[int, None, Completions]:
    """Find the best words in the place of the one that is being typed between `context` and `query.right`.

    Words are single tokens; own words that are none are not considered. `logprob` is log P(word | both contexts).
    Yields the number of tokens of each step. Raises InvalidInput for phrases.
    """
    if query.words > 1:
        raise InvalidInput("words", "must be 1: a fill-in model tells of single words")
    typed, excluded = TypedWord(tokenizer, context, query, heal=heal), ExcludedWords(query.exclude)
    logprobs = yield from _word_logprobs(model, tokenizer, typed.left.read, query.right)
    matches = typed.automaton.read(typed.words.table, typed.automaton.start)
    matches = matches.keep(matches.positions == DONE)
    if typed.ends_at_marks:
        matches = matches.keep(~typed.words.table.holds_mark[matches.tokens])
    texts = [typed.words.spell(typed.left, (token,)) for token in matches.tokens.tolist()]
    shown = np.array([not excluded.hides(text) for text in texts], np.bool_)
    own = np.array([query.bias.get(text, 0.0) for text in texts])
    scores = np.where(shown, logprobs[matches.tokens] + matches.weights + own, -np.inf)
    total = log_sum(scores)
    completions = [
        Completion(texts[place], (int(matches.tokens[place]),), float(logprobs[matches.tokens[place]]), posterior)
        for place in largest(scores, query.top_k).tolist()
        for posterior in [float(np.exp(scores[place] - total))]
    ]
    return Completions(typed.text, completions, total, int(np.isfinite(scores).sum()))


def _word_logprobs(
    model: FillInModel, tokenizer: Tokenizer, left: str, right: str
) -> Generator[int, None, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Return log P [V] of each token between two texts, -inf for the special ones."""
    segments = [tokenizer.encode(text).ids.astype(np.int64) for text in (left, right)]
    blanked = BlankedText(((0, 0),), (segments[0], np.append(segments[1], EOS)), (False,))
    scored = yield from predict_fillings(model, blanked, [Candidates.of(tokenizer, (), spaced=False)], FillQuery(0))
    logprobs = np.full(tokenizer.vocabulary_size, -np.inf)
    logprobs[scored.choices[:, 0] + len(SPECIAL_TOKENS)] = scored.scores
    return logprobs
