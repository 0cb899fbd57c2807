"""Heuristics that tell gibberish from text: perplexities of a prompt, its ends and its worst window.

The first two are those of NeMo Guardrails (`jailbreak_detection/heuristics`), which takes them from GPT-2. Perplexity
is the exponential of the mean of -log P(token | all before it) over all tokens but the first, which is context alone;
no end of text is scored. A prefix and a suffix are the first 19 words and the 19 words before the last one, as
Guardrails cuts them; suffixes that are found by gradients (Zou et al. 2023, GCG) have a high perplexity. The third
looks for such a string anywhere: the highest perplexity of so many tokens in a row (Jain et al. 2023).

GPT-2 has no unknown words. An unknown word of ours costs its spelling, too (`tokenization.speller`); without that,
gibberish would be a row of `<unk>`, which is a probable word.
"""

from __future__ import annotations

import math
from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from models.evaluation.gibberish_scores import END_WORDS, MIN_WORDS, WINDOW_TOKENS, GibberishScores
from models.inference.prefill import Runtime
from models.inference.scoring import score_texts
from models.inference.text_scores import TextScore
from models.language_model import LanguageModel
from models.tokenization.encoding import Encoding
from models.tokenization.tokenizer import Tokenizer

_LARGEST_EXPONENT = 700.0
"""The exponential of more than this is not a finite float."""


def score_gibberish(
    model: LanguageModel,
    tokenizer: Tokenizer,
    prompt: str,
    window: int = WINDOW_TOKENS,
    runtime: Runtime | None = None,
) -> Generator[int, None, GibberishScores]:
    """Score a prompt, its ends and its windows; yields the size of each chunk in tokens.

    Raises InvalidText for text that is not Unicode.
    """
    texts = [prompt, *_ends(prompt)]
    scores = yield from score_texts(model, tokenizer, texts, bos=False, eos=False, runtime=runtime)
    whole, *ends = [_costs(score, tokenizer) for score in scores]
    prefix, suffix = map(_perplexity, ends or [whole[:0]] * 2)
    return GibberishScores(
        length=len(prompt),
        token_count=scores[0].token_count,
        oov_count=scores[0].oov_count,
        perplexity=_perplexity(whole),
        prefix_perplexity=prefix,
        suffix_perplexity=suffix,
        window_perplexity=_exp(_highest_mean(whole, window)),
    )


def _ends(prompt: str) -> list[str]:
    """Return prefix and suffix of a prompt; none of one that is too short."""
    words = prompt.split()
    if len(words) < MIN_WORDS:
        return []
    return [" ".join(words[:END_WORDS]), " ".join(words[-MIN_WORDS:-1])]


def _costs(score: TextScore, tokenizer: Tokenizer) -> NDArray[np.float64]:
    """Return -log P of each token but the first [T - 1], in nats, spellings of unknown words included."""
    costs = -score.logprobs.astype(np.float64)
    if score.oov.any():
        forms = tokenizer.unknown_forms(score.text, Encoding(score.ids, score.oov))
        costs[score.oov] -= tokenizer.speller.logprobs(forms)
    return costs[1:]


def _highest_mean(costs: NDArray[np.float64], window: int) -> float:
    """Return the highest mean of `window` costs in a row; of all, where there are fewer.

    >>> _highest_mean(np.array([1.0, 2.0, 4.0, 0.0]), 2)
    3.0
    """
    if np.isposinf(costs).any():
        return math.inf
    if not len(costs):
        return math.nan
    window = min(window, len(costs))
    sums = np.concatenate([[0.0], costs.cumsum()])
    return float((sums[window:] - sums[:-window]).max()) / window


def _perplexity(costs: NDArray[np.float64]) -> float:
    return _exp(float(costs.mean())) if len(costs) else math.nan


def _exp(entropy: float) -> float:
    """Return the exponential, inf where it is no finite float and never zero."""
    return math.inf if entropy > _LARGEST_EXPONENT else math.exp(max(entropy, -_LARGEST_EXPONENT))
