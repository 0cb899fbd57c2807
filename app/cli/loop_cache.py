"""Filling of the folder of machine code: every compiled loop is called once, on a text of a few words."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import get_args

import numpy as np

from app.engine.warm_up import warm_up
from models.checkpoint.load import load
from models.checkpoint.save import save
from models.evaluation.evaluator import evaluate
from models.inference.config import SamplingParams
from models.inference.generation import generate, make_sequences
from models.inference.prediction.next_token import next_tokens
from models.inference.prediction.predictions import NextTokenQuery
from models.kernels.sampling import SamplingMetadata
from models.language_model import LanguageModel
from models.neural.config import RecurrentConfig
from models.neural.int8.model import Int8Model
from models.neural.model import weight_shapes
from models.ngram.config import NgramConfig, Smoothing
from models.recipes.build import build
from models.recipes.recipe import Recipe
from models.tokenization.config import TokenizerConfig
from models.utils.progress import run_to_completion

_TEXT = "The king's horse, and the queen's.\nNo news don't travel.\n" * 20
_TOKENIZERS = TokenizerConfig(lowercase=True), TokenizerConfig(pretokenized=True), TokenizerConfig(kind="character")
_SMOOTHINGS: tuple[Smoothing, ...] = get_args(Smoothing)


def fill_loop_cache() -> None:
    """Build and use small models of every kind, so that the machine code of all compiled loops is kept."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder, "text.txt")
        text.write_text(_TEXT, encoding="utf-8")
        for tokenizer in _TOKENIZERS:
            _run_everything(Path(folder), Recipe("compile", (text,), NgramConfig(3), tokenizer))
        _compile_int8()
        for smoothing in _SMOOTHINGS:
            model = run_to_completion(build(Recipe("compile", (text,), NgramConfig(3, smoothing)))).model
            if isinstance(model, LanguageModel):
                model.explain(model.begin_state(1))


def _compile_int8() -> None:
    config = RecurrentConfig(layers=1, embedding_size=1, hidden_size=1)
    zeros = {name: np.zeros(shape, np.float32) for name, shape in weight_shapes(config, 4).items()}
    model = Int8Model(config, zeros, 4)
    model.check()
    model.step(model.begin_state(1), SamplingMetadata(np.zeros(1, np.float32), np.zeros(1), np.zeros((1, 2), bool), {}))


def _run_everything(folder: Path, recipe: Recipe) -> None:
    built = run_to_completion(build(recipe))
    ref = save(folder, recipe.name, built.model, built.tokenizer, built.provenance("nextword compile"))
    loaded = warm_up(load(ref.path))
    model, tokenizer = loaded.language_model, loaded.tokenizer
    run_to_completion(evaluate(model, tokenizer, [_TEXT], "document"))
    run_to_completion(next_tokens(model, tokenizer, ["the king"], NextTokenQuery(top_k=0)))
    list(generate(model, make_sequences(tokenizer, "the king", SamplingParams(max_tokens=2), 2)))
