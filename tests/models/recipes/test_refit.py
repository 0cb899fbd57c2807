"""Estimation from the whole text: the model of it, measured without its end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.checkpoint.save import save
from models.data.corpus import Corpus
from models.ngram.config import NgramConfig
from models.ngram.counting.counts import Counts
from models.ngram.counting.extraction import count_ngrams
from models.recipes.build import BuiltModel, build
from models.recipes.recipe import Recipe
from models.recipes.refit import extend_vocabulary
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion

LINES = ["the cat sat .", "the dog sat .", "", "a cat ran ."] * 9 + ["a new bird ran .", "the new cat sat ."]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return path


def built(recipe: Recipe) -> BuiltModel:
    return run_to_completion(build(recipe))


def bigrams(model: BuiltModel) -> dict[tuple[str, str], float]:
    """Log-probabilities of all bigrams of the text's words, by word and not by id."""
    words = sorted(set(" ".join(LINES).split()))
    ids = model.tokenizer.encode_forms(words).ids
    logprobs = model.model.logprobs(model.model.advance(model.model.begin_state(len(ids)), ids[:, None]))
    return {(a, b): float(logprobs[i, k]) for i, a in enumerate(words) for b, k in zip(words, ids, strict=True)}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"memory": 8 << 30},
        {"reversed": True},
        {"tokenizer": TokenizerConfig(min_count=2)},
        {"tokenizer": TokenizerConfig(max_size=100)},
        {"model": NgramConfig(1)},
        {"model": NgramConfig(3, smoothing="witten_bell")},
    ],
)
def test_refit_gives_the_model_of_the_whole_text(settings: dict[str, Any], text: Path) -> None:
    settings = {"model": NgramConfig(2)} | settings
    model = built(Recipe("cats", (text,), validation_fraction=0.1, **settings))
    whole = built(Recipe("cats", (text,), validation_fraction=0.0, **settings))
    assert set(model.tokenizer.vocabulary) == set(whole.tokenizer.vocabulary)
    assert bigrams(model) == pytest.approx(bigrams(whole), abs=1e-5)
    sizes = whole.metrics["training"] | {"vocabulary_size": whole.tokenizer.vocabulary_size}
    assert model.metrics["refit"] == {name: sizes[name] for name in model.metrics["refit"]}


def test_refit_keeps_the_figures_of_the_model_that_was_measured(text: Path) -> None:
    recipe = Recipe("cats", (text,), NgramConfig(2), validation_fraction=0.1)
    model, measured = built(recipe), built(replace(recipe, refit=False))
    assert model.metrics["validation"] == measured.metrics["validation"]
    assert model.metrics["validation"]["lines"]["oov_count"] == 3  # "new" twice and "bird"
    assert model.metrics["training"]["lines"] == measured.metrics["training"]["lines"] == 34
    assert model.metrics["refit"]["lines"] == 38
    assert "refit" not in measured.metrics
    assert measured.tokenizer.token_to_id("bird") is None
    assert model.tokenizer.vocabulary[: measured.tokenizer.vocabulary_size] == measured.tokenizer.vocabulary


def test_refit_leaves_a_validation_text_of_its_own_out(text: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("the bird sat .\n", encoding="utf-8")
    model = built(Recipe("cats", (text,), NgramConfig(2), validation=other))
    assert "refit" not in model.metrics


def test_refit_of_an_extension_keeps_the_vocabulary_of_its_base(text: Path, tmp_path: Path) -> None:
    base = built(Recipe("base", (text,), NgramConfig(2), keep_counts=True))
    ref = save(tmp_path, "base", base.model, base.tokenizer, base.provenance("x"), extra_files=base.extra_files)
    more = tmp_path / "more.txt"
    more.write_text("a fish ran .\n" * 20, encoding="utf-8")
    model = built(Recipe("more", (more,), NgramConfig(2), extends=ref.path, keep_counts=True))
    assert model.tokenizer.vocabulary == base.tokenizer.vocabulary
    assert model.counts is not None
    assert int(model.counts.levels[0].count.sum()) == base.metrics["refit"]["token_count"] + 20 * 5


def test_extend_vocabulary_appends_new_tokens_by_falling_count(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("c b b a\n<unk> d\n", encoding="utf-8")
    vocabulary = ["<unk>", "</s>", "a"]
    config = TokenizerConfig(pretokenized=True)
    extended = extend_vocabulary(Tokenizer(config, vocabulary), Corpus.open(path))
    assert extended.vocabulary == [*vocabulary, "b", "c", "d"]
    config = replace(config, min_count=2)
    assert extend_vocabulary(Tokenizer(config, vocabulary), Corpus.open(path)).vocabulary == [*vocabulary, "b"]
    config = replace(config, min_count=1, max_size=5)
    assert extend_vocabulary(Tokenizer(config, vocabulary), Corpus.open(path)).vocabulary == [*vocabulary, "b", "c"]


@pytest.mark.parametrize("order", [1, 2, 4])
def test_counts_with_vocabulary_size_are_those_of_the_same_text(order: int) -> None:
    ids = np.array([2, 3, 1, 2, 4, 3, 1, 3, 1])
    widened = count_ngrams(ids, order, 5).with_vocabulary_size(8)
    expected: Counts = count_ngrams(ids, order, 8)
    assert widened.vocabulary_size == 8
    for level, other in zip(widened.levels, expected.levels, strict=True):
        for name in ("child_offsets", "token", "suffix", "count"):
            assert getattr(level, name).tolist() == getattr(other, name).tolist()
