"""Stopped and resumed equals never stopped."""

import json
import os
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from models.errors import CheckpointDamaged, CheckpointNotFound, InvalidInput, StateMismatch
from models.neural.config import RecurrentConfig
from models.neural.training import state_file
from models.neural.training.config import STATE_FILE, TrainingConfig
from models.neural.training.state_file import text_fingerprint
from models.neural.training.train import TrainingResult, train
from models.utils.files import write_tensors
from models.utils.progress import Progress

TOKENS = np.random.default_rng(3).integers(2, 15, size=300).astype(np.int32)
TOKENS[9::10] = 1
HELD_OUT = TOKENS[:90]
CONFIG = RecurrentConfig("lstm", layers=2, embedding_size=5, hidden_size=6)
RECIPE = TrainingConfig(
    epochs=1.5, batch_size=3, bptt=5, dropout=0.3, noise=0.2, reset_rate=0.3, validate_every=4
)  # 30 steps


def running(
    config: RecurrentConfig = CONFIG, recipe: TrainingConfig = RECIPE, directory: Path | None = None, *, go_on: bool
) -> Generator[Progress, None, TrainingResult]:
    resume = directory if go_on else None
    return train(config, recipe, TOKENS, HELD_OUT, 15, resume_from=resume, save_to=directory, report_every=1)


def finish(training: Generator[Progress, None, TrainingResult]) -> TrainingResult:
    while True:
        try:
            next(training)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def stop_at(report: int, training: Generator[Progress, None, TrainingResult]) -> None:
    for _ in range(report):
        next(training)
    training.close()


def assert_same(result: TrainingResult, expected: TrainingResult) -> None:
    assert (result.model_step, result.steps, result.metrics) == (expected.model_step, expected.steps, expected.metrics)
    expected_tensors = expected.model.tensors()
    assert all(np.array_equal(tensor, expected_tensors[name]) for name, tensor in result.model.tensors().items())


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_resume_after_any_stop_gives_the_same_model(
    kind: Literal["rnn", "gru", "lstm"], optimiser: Literal["adamw", "sgd"], tmp_path: Path
) -> None:
    config, recipe = replace(CONFIG, kind=kind), replace(RECIPE, optimiser=optimiser)
    expected = finish(running(config, recipe, go_on=False))
    # Reports are steps, slices of validations and their results: some of these stops are within a validation.
    stop_at(1, running(config, recipe, tmp_path, go_on=False))
    for report in (4, 2, 1, 9):
        stop_at(report, running(config, recipe, tmp_path, go_on=True))
    assert_same(finish(running(config, recipe, tmp_path, go_on=True)), expected)


def test_resume_continues_averages_samples_and_every_dropout(tmp_path: Path) -> None:
    recipe = replace(RECIPE, averaging=0.9, sampled_words=6, word_dropout=0.2, weight_drop=0.2)
    expected = finish(running(recipe=recipe, go_on=False))
    stop_at(5, running(recipe=recipe, directory=tmp_path, go_on=False))
    assert_same(finish(running(recipe=recipe, directory=tmp_path, go_on=True)), expected)


@pytest.mark.parametrize("report", range(1, 24, 3))
def test_resume_gives_the_saved_state_of_the_unstopped_training(report: int, tmp_path: Path) -> None:
    finish(running(directory=tmp_path / "whole", go_on=False))
    stop_at(report, running(directory=tmp_path / "stopped", go_on=False))
    finish(running(directory=tmp_path / "stopped", go_on=True))
    whole, stopped = (load_file(tmp_path / name / STATE_FILE) for name in ("whole", "stopped"))
    assert whole.keys() == stopped.keys()
    assert all(torch.equal(whole[name], stopped[name]) for name in whole)
    assert (
        state_file.read_state(tmp_path / "whole" / STATE_FILE)[1]
        == state_file.read_state(tmp_path / "stopped" / STATE_FILE)[1]
    )


def test_resume_of_a_finished_training_gives_its_result(tmp_path: Path) -> None:
    expected = finish(running(directory=tmp_path, go_on=False))
    again = finish(running(directory=tmp_path, go_on=True))
    assert_same(again, expected)


def test_resume_remembers_validations_for_early_stopping(tmp_path: Path) -> None:
    recipe = replace(RECIPE, patience=2, validate_every=2, learning_rate=0.5, schedule="constant", epochs=5)
    expected = finish(running(recipe=recipe, go_on=False))
    assert expected.steps < 100
    stop_at(expected.steps - 1, running(recipe=recipe, directory=tmp_path, go_on=False))
    assert_same(finish(running(recipe=recipe, directory=tmp_path, go_on=True)), expected)


def test_resume_of_a_killed_training_continues_from_its_last_save(tmp_path: Path) -> None:
    expected = finish(running(go_on=False))
    training = train(CONFIG, RECIPE, TOKENS, HELD_OUT, 15, save_to=tmp_path, save_seconds=0.0, report_every=1)
    for _ in range(5):
        next(training)
    state = (tmp_path / STATE_FILE).read_bytes()  # what a kill now would leave
    training.close()
    (tmp_path / STATE_FILE).write_bytes(state)
    assert_same(finish(running(directory=tmp_path, go_on=True)), expected)


@pytest.mark.parametrize(
    ("config", "recipe", "says"),
    [
        (replace(CONFIG, layers=1), RECIPE, "another architecture"),
        (CONFIG, replace(RECIPE, seed=9), "another recipe"),
        (replace(CONFIG, tied=False), replace(RECIPE, epochs=9), "another architecture and recipe"),
    ],
)
def test_resume_refuses_the_state_of_another_training(
    config: RecurrentConfig, recipe: TrainingConfig, says: str, tmp_path: Path
) -> None:
    stop_at(1, running(directory=tmp_path, go_on=False))
    with pytest.raises(InvalidInput, match=says) as caught:
        next(running(config, recipe, tmp_path, go_on=True))
    assert caught.value.field == "resume"


def test_resume_takes_a_setting_that_an_older_state_lacks_for_its_default(tmp_path: Path) -> None:
    stop_at(3, running(directory=tmp_path, go_on=False))
    path = tmp_path / STATE_FILE
    tensors, facts = state_file.read_state(path)
    for settings, name in (("architecture", "window"), ("recipe", "averaging")):
        del facts["identity"][settings][name]
    state_file.write_state(path, tensors, facts)
    with pytest.raises(StateMismatch, match="another recipe"):
        next(running(recipe=replace(RECIPE, averaging=0.9), directory=tmp_path, go_on=True))
    assert_same(finish(running(directory=tmp_path, go_on=True)), finish(running(go_on=False)))


def test_resume_names_a_missing_and_an_incomplete_state(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFound, match=STATE_FILE):
        next(running(directory=tmp_path, go_on=True))
    stop_at(1, running(directory=tmp_path, go_on=False))
    path = tmp_path / STATE_FILE
    tensors, facts = state_file.read_state(path)
    del tensors["positions"]
    state_file.write_state(path, tensors, facts)
    with pytest.raises(CheckpointDamaged, match="positions"):
        next(running(directory=tmp_path, go_on=True))


def test_text_fingerprint_depends_on_where_texts_end() -> None:
    first, second, third = (np.array(ids) for ids in ([1, 2], [3], [2, 3]))
    assert text_fingerprint(first, second) == text_fingerprint(first.astype(np.int32), second)
    assert (
        len(
            {
                text_fingerprint(first, second),
                text_fingerprint(first[:1], third),
                text_fingerprint(first, None),
                text_fingerprint(first),
            }
        )
        == 4
    )


TENSORS = {"a": torch.tensor([1.5, -2.0]), "b": torch.arange(5, dtype=torch.uint8)}
FACTS = {"step": 3, "loss": 0.1 + 0.2, "best": None}


def test_write_state_is_read_back(tmp_path: Path) -> None:
    state_file.write_state(tmp_path / "new" / "state", TENSORS, FACTS)
    tensors, facts = state_file.read_state(tmp_path / "new" / "state")
    assert facts == FACTS
    assert all(torch.equal(tensors[name], tensor) for name, tensor in TENSORS.items())
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["state"]


def test_write_state_that_fails_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    state_file.write_state(path, TENSORS, FACTS)

    def full(descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        state_file.write_state(path, {}, {"step": 4})
    assert state_file.read_state(path)[1] == FACTS
    assert [p.name for p in tmp_path.iterdir()] == ["state"]


def test_read_state_without_a_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFound, match="state"):
        state_file.read_state(tmp_path / "state")


@pytest.mark.parametrize("length", [0, 7, 100, -1])
def test_read_state_of_a_truncated_file_is_damaged(tmp_path: Path, length: int) -> None:
    path = tmp_path / "state"
    state_file.write_state(path, TENSORS, FACTS)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CheckpointDamaged, match=str(path)):
        state_file.read_state(path)


@pytest.mark.parametrize("place", ["facts", "tensor"])
def test_read_state_of_an_altered_file_is_damaged(tmp_path: Path, place: str) -> None:
    path = tmp_path / "state"
    state_file.write_state(path, TENSORS, FACTS)
    content = bytearray(path.read_bytes())
    content[content.index(b"step") if place == "facts" else len(content) - 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointDamaged, match="state: "):
        state_file.read_state(path)


def test_read_state_accepts_one_that_was_saved_before_states_had_hashes(tmp_path: Path) -> None:
    arrays = {name: tensor.numpy() for name, tensor in TENSORS.items()}
    write_tensors(arrays, tmp_path / "state", {"facts": json.dumps(FACTS)})
    assert state_file.read_state(tmp_path / "state")[1] == FACTS


def test_read_state_of_a_foreign_safetensors_file_is_damaged(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "state")
    with pytest.raises(CheckpointDamaged, match="not a complete"):
        state_file.read_state(tmp_path / "state")


@pytest.mark.parametrize("facts", ["[" * 100_000, "[]", "1", "{"])
def test_read_state_with_facts_that_are_no_object_is_damaged(tmp_path: Path, facts: str) -> None:
    write_tensors({"a": np.zeros(2)}, tmp_path / "state", {"facts": facts})
    with pytest.raises(CheckpointDamaged, match="not a complete"):
        state_file.read_state(tmp_path / "state")


def test_read_state_with_numbers_that_numpy_lacks_is_damaged(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2, dtype=torch.bfloat16)}, tmp_path / "state", {"facts": "{}", "sha256": "0"})
    with pytest.raises(CheckpointDamaged, match="not a complete"):
        state_file.read_state(tmp_path / "state")


def test_resume_refuses_an_identity_that_is_no_object(tmp_path: Path) -> None:
    write_tensors({"a": np.zeros(2)}, tmp_path / STATE_FILE, {"facts": '{"identity": [], "state": {}}'})
    with pytest.raises(CheckpointDamaged, match="identity"):
        next(running(directory=tmp_path, go_on=True))


@pytest.mark.parametrize("name", ["vectors.0", "positions"])
def test_resume_refuses_tensors_of_another_shape(tmp_path: Path, name: str) -> None:
    stop_at(1, running(directory=tmp_path, go_on=False))
    tensors, facts = state_file.read_state(tmp_path / STATE_FILE)
    tensors[name] = tensors[name][..., :1].clone()
    state_file.write_state(tmp_path / STATE_FILE, tensors, facts)
    with pytest.raises(CheckpointDamaged, match="not a complete training state"):
        next(running(directory=tmp_path, go_on=True))
