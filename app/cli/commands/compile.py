"""`nextword compile`: the compiled loops made now, so that no first request waits for them.

Numba compiles a loop when it is first called and keeps the result in a cache: beside the source, or in the folder
that NUMBA_CACHE_DIR names. Calling every loop once, on a text of a few words, fills it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import get_args

import click
import numpy as np

from app.cli.commands.next import candidates
from app.engine.warm_up import warm_up
from models.checkpoint import save as checkpoint
from models.evaluation.evaluator import evaluate
from models.inference.config import SamplingParams
from models.inference.generation import generate, make_sequences
from models.neural.config import RecurrentConfig
from models.neural.int8.model import Int8Model
from models.neural.model import weight_shapes
from models.ngram.config import NgramConfig, Smoothing
from models.recipes.build import build
from models.recipes.recipe import Recipe
from models.tokenization.tokenizer import TokenizerConfig
from models.utils.progress import run_to_completion

_TEXT = "The king's horse, and the queen's.\nNo news don't travel.\n" * 20
_TOKENIZERS = TokenizerConfig(lowercase=True), TokenizerConfig(pretokenized=True), TokenizerConfig(kind="character")
_SMOOTHINGS: tuple[Smoothing, ...] = get_args(Smoothing)


@click.command()
def command() -> None:
    """Compile the loops that models and tokenizers run in, once, into the cache."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder, "text.txt")
        text.write_text(_TEXT, encoding="utf-8")
        for tokenizer in _TOKENIZERS:
            _run_everything(Path(folder), Recipe("compile", (text,), NgramConfig(3), tokenizer))
        _compile_int8()
        for smoothing in _SMOOTHINGS:
            run_to_completion(build(Recipe("compile", (text,), NgramConfig(3, smoothing))))


def _compile_int8() -> None:
    config = RecurrentConfig(layers=1, embedding_size=1, hidden_size=1)
    zeros = {name: np.zeros(shape, np.float32) for name, shape in weight_shapes(config, 4).items()}
    checkpoint.check_distributions(Int8Model(config, zeros, 4))


def _run_everything(folder: Path, recipe: Recipe) -> None:
    built = run_to_completion(build(recipe))
    entry = checkpoint.save(folder, recipe.name, built.model, built.tokenizer, built.provenance("nextword compile"))
    loaded = warm_up(checkpoint.load(entry.path))
    model, tokenizer = loaded.model, loaded.tokenizer
    run_to_completion(evaluate(model, tokenizer, [_TEXT], "document"))
    candidates(loaded, "the king", "", False)
    list(generate(model, make_sequences(tokenizer, "the king", SamplingParams(max_tokens=2), 2)))
