"""A model that cannot answer is found out before it is served."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.registry import Registry
from app.rehearsal import rehearse
from models.checkpoint import Checkpoint, load
from tests.app.serving import ngram, publish, recurrent


@pytest.mark.parametrize("model", [ngram(), ngram(order=1), ngram(smoothing="mle"), recurrent(), recurrent("gru")])
def test_a_model_that_answers_is_given_back_as_it_was(tmp_path: Path, model) -> None:
    checkpoint = load(publish(tmp_path, "model", model).path)
    assert rehearse(checkpoint) is checkpoint


def test_what_long_texts_need_of_an_ngram_model_is_there_afterwards(tmp_path: Path) -> None:
    model = load(publish(tmp_path, "model", ngram()).path)
    assert "index" not in vars(model.model)
    assert "index" in vars(rehearse(model).model)


def test_one_that_cannot_answer_leaves_the_one_before_it(tmp_path: Path) -> None:
    publish(tmp_path, "words", ngram())

    def opened(path: Path) -> Checkpoint:
        checkpoint = load(path)
        if path.name == "2":
            model = recurrent()
            model.topk = None
            checkpoint = replace(checkpoint, model=model)
        return rehearse(checkpoint)

    registry = Registry(tmp_path, opened)
    registry.refresh()
    publish(tmp_path, "words", ngram(order=2))
    registry.refresh()
    assert registry.get("words").id == "words@1"
    assert list(registry.snapshot.problems) == ["words@2"]
