"""Mixture of a network and an n-gram model with weights that depend on the context, beside fixed ones.

python -m benchmarks.quality.context_weights NETWORK NGRAM TEXT takes the folders of two checkpoints with one tokenizer.
Each line of TEXT is scored on its own. Weights are fitted by expectation maximization to every other line and measured
on the lines between, and the other way round; one set of them for each kind of context:

- matched: how many tokens back the n-gram model knows the context,
- frequency: how often the token before is among TEXT's tokens, by powers of two, and matched.
"""

from __future__ import annotations

import math
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from models.checkpoint.load import load
from models.composite.mixture_weights import fit_weights, score_by_member
from models.data.bptt_batches import TokenIds
from models.data.corpus import Corpus
from models.language_model import LanguageModel
from models.ngram.model import NgramModel
from models.special_tokens import EOS
from models.utils.progress import run_to_completion

LEAST_TOKENS = 50
"""Kinds of context with fewer tokens to fit weights to have the fixed weights."""
Ints = NDArray[np.int64]


def matched_lengths(model: NgramModel, ids: TokenIds) -> Ints:
    """Return how many tokens before each of `ids` [N] the model's table knows as a context [N]."""
    lengths, state = [], model.begin_state(1)
    for token in ids:
        lengths.append(int((state >= 0).sum()))
        state = model.begin_state(1) if token == EOS else model.advance(state, np.array([[token]]))
    return np.array(lengths)


def frequencies(ids: TokenIds) -> Ints:
    """Return the binary logarithm, rounded down, of the count of the token before each of `ids` [N]."""
    counts: Ints = np.bincount(ids)[np.append(EOS, ids[:-1])]
    return np.log2(counts).astype(np.int64)


def cross_fitted(scores: NDArray[np.float64], contexts: Ints, is_even: NDArray[np.bool_]) -> float:
    """Return the perplexity of a mixture of members' log P [K, N], weighed by context [N] and fitted to the other half.

    `is_even` [N] tells the halves apart.
    """
    weights = np.empty_like(scores)
    for measured in (is_even, ~is_even):
        weights[:, measured] = np.array(fit_weights(scores[:, ~measured]).weights)[:, None]
        for context in np.unique(contexts[measured]):
            fitted = (contexts == context) & ~measured
            if fitted.sum() >= LEAST_TOKENS:
                own = fit_weights(scores[:, fitted]).weights
                weights[:, measured & (contexts == context)] = np.array(own)[:, None]
    return math.exp(-np.log((weights * np.exp(scores)).sum(0)).mean())


@click.command()
@click.argument("network", type=Path)
@click.argument("ngram", type=Path)
@click.argument("text", type=Path)
def main(network: Path, ngram: Path, text: Path) -> None:
    """Measure fixed weights and those by context."""
    loaded, counted = load(network), load(ngram).model
    if not isinstance(loaded.model, LanguageModel) or not isinstance(counted, NgramModel):
        raise click.UsageError("a language model and an n-gram model are accepted")
    ids = Corpus.open(text, config=loaded.tokenizer.config).encode(loaded.tokenizer).ids
    scores = run_to_completion(score_by_member([loaded.model, counted], ids, "lines")).astype(float)
    is_even = (np.cumsum(ids == EOS) - (ids == EOS)) % 2 == 0
    matched = matched_lengths(counted, ids)
    kinds = {"one kind": np.zeros_like(matched), "matched": matched, "frequency": frequencies(ids) * 32 + matched}
    for name, contexts in kinds.items():
        click.echo(f"{name:12}{cross_fitted(scores, contexts, is_even):9.3f}  {len(np.unique(contexts))} kinds")


if __name__ == "__main__":
    main()
