"""Reach of a context: how far a changed word still moves the distribution of the next one.

Two copies of a text differ in one token. Both are read on, and after each distance the two distributions are compared:
total variation, half the sum of |p - q|, and Kullback-Leibler divergence in nats.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.experiments.claim import Claim, always, at_least, spread
from app.experiments.families import TRAINING_CONFIG, equal_size_configs
from app.experiments.finding import Curve, ExperimentInput, Finding
from app.experiments.training_run import TrainingRun
from models.data.bptt_batches import TokenIds
from models.errors import InvalidInput
from models.language_model import LanguageModel
from models.model import Floats
from models.ngram.config import NgramConfig
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_tokens
from models.special_tokens import EOS
from models.utils.progress import Progress

DISTANCES = (1, 2, 3, 5, 10, 20, 50, 100)
"""How many tokens back the changed one stands; 1: it is the last one read."""
FAR, NEAR = 50, 20
"""Distances at which a claim is decided: on memory at all, and on which family has more."""
PREFIX_TOKENS, TEXTS = 20, 96
"""Tokens read before the one that is changed, and texts."""
MIN_VARIATION = 1e-3
"""A variation below it is none to speak of."""
ORDER = 5
"""Of the n-gram model."""


NAMES = {"rnn": "a plain recurrent network", "gru": "a GRU", "lstm": "an LSTM"}


class Effect(NamedTuple):
    """Change of the distribution at each distance from a changed token, means over texts."""

    variation: list[float]
    divergence: list[float]


def run(inputs: ExperimentInput) -> Generator[Progress, None, Finding]:
    """Change a word of held-out text for n-grams and trained networks, and for published models."""
    ngram = estimate_ngrams(inputs.train, len(inputs.vocabulary))
    effects = {f"{ORDER}-gram": [mean_effect(ngram, inputs.valid, seed) for seed in inputs.seed_numbers]}
    for config in equal_size_configs(inputs.size, len(inputs.vocabulary))[1:]:
        for seed in inputs.seed_numbers:
            training = TrainingRun(inputs, config, replace(TRAINING_CONFIG, seed=seed))
            yield from training.run(f"training {config.kind}, seed {seed}", inputs.steps)
            effects.setdefault(config.kind, []).append(mean_effect(training.trainer.model(), inputs.valid, seed))
    claims = _claims(effects)
    for name, published in inputs.models.items():
        ids = published.tokenizer.encode(inputs.valid_text).ids
        effects[name] = [mean_effect(published.model, ids, seed) for seed in inputs.seed_numbers]
        claims.append(_memory_claim(name, effects[name]))
    return Finding(
        "changed-word",
        claims,
        [_row(name, by_seed) for name, by_seed in effects.items()],
        [Curve(name, DISTANCES, _mean(by_seed).variation) for name, by_seed in effects.items()],
        ("tokens back", "total variation"),
        logarithmic=True,
    )


def token_effect(
    model: LanguageModel, texts: TokenIds, changed: TokenIds, distances: Sequence[int] = DISTANCES
) -> Effect:
    """Compare `texts` [B, T] with themselves where token `PREFIX_TOKENS` is that of `changed` [B].

    `distances` rise, and T is at least PREFIX_TOKENS + the last of them.
    """
    rows = len(texts)
    both = np.concatenate([texts, texts]).astype(np.int64)
    both[rows:, PREFIX_TOKENS] = changed
    state, read = model.begin_state(2 * rows), 0
    effect = Effect([], [])
    for distance in distances:
        state, read = model.advance(state, both[:, read : PREFIX_TOKENS + distance]), PREFIX_TOKENS + distance
        logprobs = model.logprobs(state)
        effect.variation.append(total_variation(logprobs[:rows], logprobs[rows:]))
        effect.divergence.append(divergence(logprobs[:rows], logprobs[rows:]))
    return effect


def total_variation(logprobs: Floats, other: Floats) -> float:
    """Return the mean over rows of half the sum of |p - q|, for log-probabilities [B, V]."""
    return float(0.5 * np.abs(np.exp(logprobs) - np.exp(other)).sum(1, dtype=np.float64).mean())


def divergence(logprobs: Floats, other: Floats) -> float:
    """Return the mean over rows of the sum of p log(p / q) in nats, for log-probabilities [B, V]."""
    return float((np.exp(logprobs) * (logprobs - other)).sum(1, dtype=np.float64).mean())


def mean_effect(
    model: LanguageModel, tokens: TokenIds, seed: int, distances: Sequence[int] = DISTANCES, count: int = TEXTS
) -> Effect:
    """Change tokens at random places of a text into others, drawn by their frequency in the text.

    Raises InvalidInput for a text that is shorter than the largest distance needs.
    """
    random = np.random.default_rng(seed)
    length = PREFIX_TOKENS + distances[-1]
    places = np.flatnonzero(tokens[PREFIX_TOKENS : len(tokens) - distances[-1]] != EOS)
    if not len(places):
        raise InvalidInput("text", f"must be longer: {length + 1} tokens at least are to be held out")
    texts = np.stack([tokens[at : at + length] for at in random.choice(places, count)])
    return token_effect(model, texts, _other_tokens(tokens, texts[:, PREFIX_TOKENS], random), distances)


def _other_tokens(tokens: TokenIds, replaced: TokenIds, random: np.random.Generator) -> NDArray[np.int64]:
    """Draw a token of the text for each of `replaced` [B] that is neither it nor `</s>`."""
    candidates = tokens[tokens != EOS]
    return np.array([random.choice(candidates[candidates != token]) for token in replaced], np.int64)


def _claims(effects: dict[str, list[Effect]]) -> list[Claim]:
    """Decide what n-grams forget and networks remember."""
    out_of_reach = [effect.variation[DISTANCES.index(ORDER) :] for effect in effects[f"{ORDER}-gram"]]
    logs = {kind: np.log10(_variations(by_seed, NEAR)) for kind, by_seed in effects.items() if kind in NAMES}
    return [
        always(
            f"a model of {ORDER}-grams forgets what stands {ORDER} words back or further",
            "seeds where the variation there is exactly 0",
            [not any(variations) for variations in out_of_reach],
        ),
        *(_memory_claim(name, effects[kind]) for kind, name in NAMES.items()),
        *(
            at_least(
                f"{NAMES[kind]} remembers longer than a plain recurrent network",
                f"log10 of the variation at {NEAR} tokens over that of the RNN",
                (logs[kind] - logs["rnn"]).tolist(),
            )
            for kind in ("gru", "lstm")
        ),
    ]


def _memory_claim(name: str, effects: list[Effect]) -> Claim:
    """Decide whether a model still heeds what stands far back."""
    text, measured = f"the prediction of {name} depends on what stands {FAR} tokens back", "total variation"
    return at_least(text, measured, _variations(effects, FAR).tolist(), MIN_VARIATION)


def _variations(effects: list[Effect], distance: int) -> NDArray[np.float64]:
    """Return the variation at a distance for each seed; rounding of float32 counts as its smallest step."""
    at = DISTANCES.index(distance)
    return np.maximum([effect.variation[at] for effect in effects], np.finfo(np.float32).eps)


def _mean(effects: list[Effect]) -> Effect:
    """Return the mean over seeds."""
    return Effect(*np.mean(effects, 0).tolist())


def _row(name: str, effects: list[Effect]) -> dict[str, Any]:
    """Return the figures of one model."""
    mean = _mean(effects)
    return {
        "model": name,
        **{f"variation_{k}": mean.variation[i] for i, k in enumerate(DISTANCES)},
        **{f"variation_{k}_spread": spread(_variations(effects, k).tolist()) for k in (NEAR, FAR)},
        **{f"nats_{k}": mean.divergence[DISTANCES.index(k)] for k in (1, 10, FAR)},
    }


def estimate_ngrams(tokens: TokenIds, vocabulary_size: int) -> NgramModel:
    """Estimate an n-gram model of a text."""
    config = NgramConfig(order=ORDER, smoothing="witten_bell")
    return NgramModel(config, estimate_from_tokens(config, tokens.astype(np.int32), vocabulary_size))
