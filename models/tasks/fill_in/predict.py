"""Filling the blanks of texts, by any model that can."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from models.errors import UnsupportedByModel, naming_item
from models.inference.prefill import Runtime
from models.language_model import LanguageModel
from models.model import Model
from models.tasks.fill_in.blank_by_blank import predict_fillings
from models.tasks.fill_in.blanks import BlankedText, Candidates
from models.tasks.fill_in.fill_in_model import FillInModel
from models.tasks.fill_in.query import FilledText, Filling, FillQuery
from models.tasks.fill_in.text_probability import ScoredFillings, score_fillings
from models.tasks.text import STEP_CHARACTERS
from models.tokenization.tokenizer import Tokenizer

STEP_FILLINGS = 1000
"""Fillings that are described at a time: some milliseconds."""


def fill(
    model: Model, tokenizer: Tokenizer, texts: Sequence[str], query: FillQuery, runtime: Runtime | None = None
) -> Generator[int, None, list[FilledText]]:
    """Fill the blanks of texts; yields the size of each chunk of work in tokens.

    A language model ranks fillings by the probability of the whole text, a fill-in model by what it says of each blank.
    Raises InvalidText for a text without a blank, named by its number where there are several, InvalidInput for
    candidates that do not suit, UnsupportedByModel for a model of another task.

    >>> from pathlib import Path
    >>> from models.checkpoint.load import load
    >>> from models.utils.progress import run_to_completion
    >>> checkpoint = load(Path("checkpoints/gutenberg-kn/1"))
    >>> query = FillQuery(candidates=("sea", "table", "tea"))
    >>> results = run_to_completion(fill(checkpoint.model, checkpoint.tokenizer, ["A cup of ___, please."], query))
    >>> results[0].with_filling(results[0].fillings[0])
    'A cup of tea, please.'
    """
    parsed = yield from _parse(tokenizer, texts)
    kinds = {spaced for blanked in parsed for spaced in blanked.spaced}
    sets = {spaced: Candidates.of(tokenizer, query.candidates, spaced=spaced) for spaced in kinds}
    results = []
    for text, blanked in zip(texts, parsed, strict=True):
        candidates = [sets[spaced] for spaced in blanked.spaced]
        if isinstance(model, LanguageModel):
            chunks = runtime or Runtime.default_for(model)
            scored = yield from score_fillings(model, blanked, candidates, query, chunks)
        elif isinstance(model, FillInModel):
            scored = yield from predict_fillings(model, blanked, candidates, query)
        else:
            raise UnsupportedByModel("model", f"a {model.kind} model does not fill blanks")
        fillings = yield from _best(scored, candidates, query.top_k, is_text_logprob=isinstance(model, LanguageModel))
        results.append(FilledText(text, blanked.spans, tuple(fillings), len(scored.scores), scored.exact))
    return results


def _parse(tokenizer: Tokenizer, texts: Sequence[str]) -> Generator[int, None, list[BlankedText]]:
    """Tokenize texts; yields 0 between, so that other work can run. Raises InvalidText."""
    parsed, pending = [], 0
    for i, text in enumerate(texts):
        with naming_item(i, text=len(texts)):
            parsed.append(BlankedText.of(tokenizer, text))
        pending += len(text)
        if pending > STEP_CHARACTERS:
            yield 0
            pending = 0
    return parsed


def _best(
    scored: ScoredFillings, candidates: Sequence[Candidates], top_k: int, *, is_text_logprob: bool
) -> Generator[int, None, list[Filling]]:
    """Return the best fillings, with probabilities among all that were scored; yields 0 between many."""
    scores = scored.scores
    best = scores.max()
    # Where a model gives no filling any probability, all are zero.
    total = best + np.log(np.exp(scores - best).sum()) if np.isfinite(best) else np.float64(0)
    order = np.argsort(-scores, kind="stable")[: top_k or len(scores)]
    fillings = []
    for begin in range(0, len(order), STEP_FILLINGS):
        rows = order[begin : begin + STEP_FILLINGS]
        for choices, score in zip(scored.choices[rows].tolist(), scores[rows].tolist(), strict=True):
            fillings.append(
                Filling(
                    words=tuple(part.word(choice) for part, choice in zip(candidates, choices, strict=True)),
                    oov=tuple(part.is_oov(choice) for part, choice in zip(candidates, choices, strict=True)),
                    logprob=score - float(total),
                    probability=float(np.exp(score - total)),
                    text_logprob=score if is_text_logprob else None,
                )
            )
        yield 0
    return fillings
