"""Toy models and a toy emission, decoded by brute force: every alignment is tried."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nextword
from models.language_model import LanguageModel
from models.neural.model import RecurrentModel, weight_shapes
from models.special_tokens import EOS
from tests.helpers.command_line import python_with

ROOT = Path(__file__).parents[3]
TOKENS = ["-", "|", "a", "b"]
"""Of the acoustic model: blank, silence, two letters."""
WORDS = ["a", "b", "ab", "ba"]
FRAMES = 6
Combine = Callable[[Iterable[float]], float]
"""`max` of the scores of a text's alignments, or the logarithm of their sum."""


def write_text(path: Path) -> Path:
    numbers = np.random.default_rng(3)
    lines = [" ".join(numbers.choice(WORDS, numbers.integers(1, 5), p=[0.4, 0.1, 0.3, 0.2])) for _ in range(300)]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def network(vocabulary_size: int) -> RecurrentModel:
    """An LSTM of random weights, large enough that its distributions differ."""
    config = nextword.RecurrentConfig("lstm", layers=1, embedding_size=8, hidden_size=8)
    numbers = np.random.default_rng(7)
    shapes = weight_shapes(config, vocabulary_size)
    tensors = {name: numbers.normal(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}
    return RecurrentModel(config, tensors, vocabulary_size)


@pytest.fixture(scope="session")
def toy_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of published models: n-grams of words and of characters, and a network of characters."""
    folder = tmp_path_factory.mktemp("decoders")
    text = write_text(folder / "text.txt")
    for name, tokenizer in {
        "words": nextword.TokenizerConfig(),
        "characters": nextword.TokenizerConfig(kind="character", texts="lines"),
        "pieces": nextword.TokenizerConfig(kind="bpe", max_size=262),
    }.items():
        recipe = nextword.Recipe(name, (text,), nextword.NgramConfig(order=3), tokenizer=tokenizer)
        built = nextword.run_to_completion(nextword.build(recipe))
        nextword.save(folder, name, built.model, built.tokenizer, built.provenance("a test"))
        if name == "characters":
            provenance = built.provenance("a test")
            nextword.save(folder, "network", network(built.tokenizer.vocabulary_size), built.tokenizer, provenance)
    return folder


@pytest.fixture(scope="session")
def emission() -> np.ndarray:
    """Log-probabilities of TOKENS in each frame [T, 4], float32."""
    weights = np.random.default_rng(5).random((FRAMES, len(TOKENS))) ** 2
    return np.log(weights / weights.sum(1, keepdims=True)).astype(np.float32)


def alignments(emission: np.ndarray) -> Iterable[tuple[tuple[int, ...], float]]:
    """Paths through the frames, all there are, with their acoustic scores."""
    for path in itertools.product(range(len(TOKENS)), repeat=len(emission)):
        yield path, float(emission[np.arange(len(emission)), path].sum(dtype=np.float64))


def collapse(path: Iterable[int], before: int | None = None) -> str:
    """Letters of an alignment: repeats are one, blanks none; `before`: token before the first frame."""
    letters, last = "", before
    for token in path:
        if token not in (last, 0):
            letters += TOKENS[token]
        last = token
    return letters


def text_logprob(checkpoint: nextword.Checkpoint, text: str) -> float:
    """log P of a text and its end, by the model alone."""
    ids = [*checkpoint.tokenizer.encode(text).ids.tolist(), EOS]
    model: LanguageModel = checkpoint.language_model
    return float(model.score_after([], ids).sum(dtype=np.float64))


def log_sum(scores: Iterable[float]) -> float:
    return float(np.logaddexp.reduce(list(scores)))


def decode(
    emission: np.ndarray,
    read: Callable[[tuple[int, ...]], Any],
    combine: Combine,
    text_score: Callable[[Any], float],
    path_score: Callable[[tuple[int, ...]], float] = lambda _: 0.0,
) -> list[tuple[Any, float]]:
    """Texts that `read` sees in some alignment, and their scores, best first; None is no text."""
    scores = defaultdict(list)
    for path, score in alignments(emission):
        scores[read(path)].append(score + path_score(path))
    scores.pop(None, None)
    return sorted(((text, combine(parts) + text_score(text)) for text, parts in scores.items()), key=lambda x: -x[1])


@pytest.fixture(scope="session")
def lexicon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Spellings of WORDS, each with a silence behind it."""
    path = tmp_path_factory.mktemp("lexicon") / "lexicon.txt"
    path.write_text("".join(f"{word} {' '.join(word)} |\n" for word in WORDS))
    return path


def run_elsewhere(variable: str, packages: str, program: str, *arguments: object) -> Any:
    """Return the JSON that a program prints under the Python of `variable`; skip without `packages`."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [python_with(packages, variable), "-c", program, *(json.dumps(argument) for argument in arguments)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.splitlines()[-1])
