"""A model that cannot answer is found out before it is served."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.engine.registry.model_registry import ModelRegistry
from app.engine.warm_up import warm_up
from models.checkpoint.load import Checkpoint, load
from models.errors import CheckpointDamaged
from models.inference.prediction.next_token import next_tokens
from models.inference.prediction.predictions import NextTokenQuery
from models.inference.scoring import score_texts
from models.ngram import query, top_k
from models.ngram.config import NgramConfig
from models.utils.progress import run_to_completion
from tests.helpers.serving import TEXT, ngram, publish, publish_with_counts, recurrent


@pytest.mark.parametrize("model", [ngram(), ngram(order=1), ngram(smoothing="mle"), recurrent(), recurrent("gru")])
def test_warm_up_returns_a_model_that_answers_as_it_was(tmp_path: Path, model) -> None:
    checkpoint = load(publish(tmp_path, "model", model).path)
    assert warm_up(checkpoint) is checkpoint


def test_warm_up_builds_what_long_texts_need_of_an_ngram_model(tmp_path: Path) -> None:
    model = load(publish(tmp_path, "model", ngram()).path)
    assert "hash_index" not in vars(model.model)
    assert "hash_index" in vars(warm_up(model).model)


def test_warm_up_reads_the_counts_of_an_ngram_model_and_finds_out_altered_ones(tmp_path: Path) -> None:
    path = publish_with_counts(tmp_path, "counted", NgramConfig(3), TEXT).path
    assert "counts" in vars(warm_up(load(path)).model)
    file = path / "counts.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(CheckpointDamaged, match="counts"):
        warm_up(load(path))


def test_warm_up_compiles_all_loops_of_a_short_question(tmp_path: Path) -> None:
    loaded = load(publish(tmp_path, "model", ngram()).path)
    warm_up(loaded)
    loops: list[Any] = [top_k.topk, query.advance, query.score]
    known = [list(loop.specializations) for loop in loops]
    run_to_completion(next_tokens(loaded.model, loaded.tokenizer, ["the cat"], NextTokenQuery(top_k=3)))
    run_to_completion(score_texts(loaded.model, loaded.tokenizer, ["the cat"], context="a"))
    assert [list(loop.specializations) for loop in loops] == known
    assert all(known)


def test_warm_up_of_a_model_that_cannot_answer_leaves_the_one_before_it(tmp_path: Path) -> None:
    publish(tmp_path, "words", ngram())

    def opened(path: Path) -> Checkpoint:
        checkpoint = load(path)
        if path.name == "2":
            model = recurrent()
            model.topk = None
            checkpoint = replace(checkpoint, model=model)
        return warm_up(checkpoint)

    registry = ModelRegistry(tmp_path, opened)
    registry.refresh()
    publish(tmp_path, "words", ngram(order=2))
    registry.refresh()
    assert registry.get("words").id == "words@1"
    assert list(registry.snapshot.problems) == ["words@2"]
