"""Number agreement over a distance: "the boys, who had come, were" against "the boy ... was".

The figure is an odds factor: the odds of "were" against "was" after a plural subject, over those after a singular one,
everything else being the same. At 1 a model has forgotten the subject. The sentences are made from templates, so that
the distance is known, and nothing else in them tells the number (after Linzen, Dupoux and Goldberg 2016).
"""

from __future__ import annotations

import math
import random
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.experiments.changed_word import NAMES, ORDER, estimate_ngrams
from app.experiments.claim import Claim, always, at_least, spread
from app.experiments.families import equal_size_configs
from app.experiments.finding import Curve, ExperimentInput, Finding
from app.experiments.training_run import TrainingRun
from models.language_model import LanguageModel
from models.neural.training.config import TrainingConfig
from models.special_tokens import EOS_TOKEN, UNK_TOKEN
from models.utils.progress import Progress

NOUNS = (
    ("boy", "boys"), ("girl", "girls"), ("king", "kings"), ("man", "men"), ("woman", "women"), ("friend", "friends"),
    ("brother", "brothers"), ("sister", "sisters"), ("servant", "servants"), ("soldier", "soldiers"),
)  # fmt: skip
VERBS = ("was", "were")
PARTICIPLES = ("come", "gone", "lived", "waited", "slept", "walked", "worked", "remained")
PREPOSITIONS = ("in", "near", "by", "from", "before", "after", "through", "without")
PLACES = ("morning", "garden", "sea", "house", "night", "rain", "church", "city", "wood", "river", "fire", "snow")
ENDINGS = ("happy", "old", "tired", "silent", "young", "good", "poor", "alone")
DISTANCES = (0, 3, 5, 8, 11, 14, 17, 20, 23)
"""Words and commas between subject and verb."""
SENTENCES, TRAINING_SENTENCES = 200, 20_000
"""Sentences measured at each distance, and sentences to learn from where there are steps enough to read them."""
VOCABULARY = [
    UNK_TOKEN, EOS_TOKEN, "the", ",", "who", "had", ".", *VERBS, *(noun for pair in NOUNS for noun in pair),
    *PARTICIPLES, *PREPOSITIONS, *PLACES, *ENDINGS,
]  # fmt: skip
TOKENS_PER_SENTENCE = 16
"""About as many as a sentence of the templates has."""
FACTOR = 2.0
"""Odds factor below which a model does not keep the number; a network that has not even learned it for neighbours has
learned too little to tell."""
TEMPLATE_TRAINING = TrainingConfig(schedule="constant", learning_rate=5e-3, dropout=0.0, weight_decay=0.0)
STEP_FACTOR = 5
"""Steps made here for each of `ExperimentInput.steps`: the number is learned late, and the vocabulary is small."""
Words: TypeAlias = list[str]
Factors: TypeAlias = NDArray[np.float64]
"""Logarithms of odds factors [distance, sentence], in nats."""


def run(inputs: ExperimentInput) -> Generator[Progress, None, Finding]:
    """Let n-grams and networks learn sentences of the templates; measure them, and published models."""
    own = _template_inputs(inputs)
    ngram = estimate_ngrams(own.train, len(VOCABULARY))
    factors = {f"{ORDER}-gram": [log_odds_factors(ngram, VOCABULARY, seed) for seed in inputs.seed_numbers]}
    for config in equal_size_configs(inputs.size, len(VOCABULARY))[1:]:
        for seed in inputs.seed_numbers:
            training = TrainingRun(own, config, replace(TEMPLATE_TRAINING, seed=seed))
            yield from training.run(f"training {config.kind}, seed {seed}", STEP_FACTOR * inputs.steps)
            measured = log_odds_factors(training.trainer.model(), VOCABULARY, seed)
            factors.setdefault(config.kind, []).append(measured)
    claims = _claims(factors)
    for name, published in inputs.models.items():
        if set(VOCABULARY) <= set(vocabulary := published.tokenizer.vocabulary):
            factors[name] = [log_odds_factors(published.model, vocabulary, seed) for seed in inputs.seed_numbers]
            claims.append(_memory_claim(name, factors[name]))
    return Finding(
        "long-distance",
        claims,
        [_row(name, by_seed) for name, by_seed in factors.items()],
        [Curve(name, DISTANCES, np.exp(np.mean(by_seed, (0, 2))).tolist()) for name, by_seed in factors.items()],
        ("words between subject and verb", "odds factor of 'were' after a plural subject"),
        logarithmic=True,
    )


def filler(distance: int, numbers: random.Random) -> Words:
    """Return `distance` words that can stand between a subject and its verb: one of `DISTANCES`."""
    if distance < 5:  # ", who had come ,"
        return _phrases(distance // 3, numbers)
    return [",", "who", "had", numbers.choice(PARTICIPLES), *_phrases((distance - 5) // 3, numbers), ","]


def log_odds_factors(model: LanguageModel, vocabulary: Sequence[str], seed: int) -> Factors:
    """Return the log odds factor of each distance and sentence [D, N] in nats.

    All words of the templates must be in `vocabulary`.
    """
    numbers, ids = random.Random(seed), {word: i for i, word in enumerate(vocabulary)}
    verbs = [ids[verb] for verb in VERBS]
    rows = []
    for distance in DISTANCES:
        contexts = [template_context(distance, numbers) for _ in range(SENTENCES)]
        tokens = np.array([[ids[word] for word in words] for pair in contexts for words in pair])
        logprobs = model.logprobs(model.advance(model.begin_state(len(tokens)), tokens))[:, verbs].astype(np.float64)
        odds = logprobs[:, 1] - logprobs[:, 0]
        rows.append(odds[1::2] - odds[::2])
    return np.array(rows)


def template_context(distance: int, numbers: random.Random) -> tuple[Words, Words]:
    """Return what stands before the verb, with a singular and with a plural subject."""
    singular, plural = numbers.choice(NOUNS)
    between = filler(distance, numbers)
    return ["the", singular, *between], ["the", plural, *between]


def _phrases(count: int, numbers: random.Random) -> Words:
    """Return `count` phrases of three words, such as "in the garden"."""
    phrases = [[numbers.choice(PREPOSITIONS), "the", numbers.choice(PLACES)] for _ in range(count)]
    return [word for phrase in phrases for word in phrase]


def _template_inputs(inputs: ExperimentInput) -> ExperimentInput:
    """Return an input whose text is made from the templates."""
    numbers, ids = random.Random(0), {word: i for i, word in enumerate(VOCABULARY)}
    words: Words = []
    tokens_read = STEP_FACTOR * inputs.steps * TEMPLATE_TRAINING.batch_size * TEMPLATE_TRAINING.bptt
    for _ in range(min(TRAINING_SENTENCES, tokens_read // TOKENS_PER_SENTENCE)):
        number = numbers.randrange(2)
        context = template_context(numbers.choice(DISTANCES), numbers)[number]
        words += [*context, VERBS[number], numbers.choice(ENDINGS), ".", EOS_TOKEN]
    tokens = np.array([ids[word] for word in words], np.int32)
    return replace(inputs, train=tokens, valid=tokens[:5000], vocabulary=VOCABULARY)


def _claims(factors: dict[str, list[Factors]]) -> list[Claim]:
    """Decide what the factors say."""
    blind = [distance >= ORDER - 1 for distance in DISTANCES]
    longest = {kind: np.array(list(map(_at_longest_distance, by_seed))) for kind, by_seed in factors.items()}
    return [
        always(
            f"a model of {ORDER}-grams cannot make a verb agree with a subject {ORDER - 1} words away or further",
            "seeds where the odds factor is exactly 1 there",
            [bool((by_distance[blind] == 0).all()) for by_distance in factors[f"{ORDER}-gram"]],
        ),
        *(_memory_claim(name, factors[kind]) for kind, name in NAMES.items()),
        *(
            at_least(
                f"{NAMES[kind]} keeps it better than a plain recurrent network",
                f"log of the odds factor at {DISTANCES[-1]} words, over the RNN",
                (longest[kind] - longest["rnn"]).tolist(),
            )
            for kind in ("gru", "lstm")
        ),
    ]


def _memory_claim(name: str, factors: list[Factors]) -> Claim:
    """Decide whether a model keeps the subject's number over the longest distance."""
    text, measured = f"{name} keeps the subject's number for {DISTANCES[-1]} words", "log of the odds factor"
    return at_least(text, measured, list(map(_at_longest_distance, factors)), math.log(FACTOR))


def _at_longest_distance(factors: Factors) -> float:
    """Return the mean log odds factor at the longest distance, in nats.

    Not a number where a model has not even learned it for neighbours.
    """
    return float(factors[-1].mean()) if factors[0].mean() > math.log(FACTOR) else math.nan


def _row(name: str, factors: list[Factors]) -> dict[str, Any]:
    """Return the odds factor at each distance: geometric means over sentences and seeds.

    The spread is that of the logarithm at the longest distance over seeds.
    """
    means = np.mean(factors, (0, 2))
    row = {f"factor_{distance}": float(np.exp(mean)) for distance, mean in zip(DISTANCES, means, strict=True)}
    return {"model": name, **row, "log_spread": spread([float(by_distance[-1].mean()) for by_distance in factors])}
