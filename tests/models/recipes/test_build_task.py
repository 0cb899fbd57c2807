"""Recipes of tasks from files to models that were measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.checkpoint.save import save
from models.data.labelled.config import LabelledFormat, TaggedFormat
from models.errors import InvalidInput, InvalidText
from models.neural.encoder.config import EncoderConfig
from models.recipes.build_task import BuiltTask, build_task, evaluate_task
from models.recipes.task_kinds import TASK_KINDS
from models.recipes.task_recipe import TaskRecipe
from models.tasks.classification.config import NaiveBayesConfig
from models.tasks.fill_in.config import FillInConfig
from models.tasks.question_answering.config import NearestSentenceConfig
from models.tasks.tagging.config import HmmTaggerConfig
from models.tasks.training.config import TaskTrainingConfig
from models.threads import set_thread_count
from models.utils.progress import run_to_completion
from tests.helpers.texts import some_text

TINY = EncoderConfig(embedding_size=6, hidden_size=4)
SHORT = TaskTrainingConfig(epochs=3, batch_size=4)
NETWORK = {"encoder": TINY, "training": SHORT}


@pytest.fixture
def films(tmp_path: Path) -> Path:
    path = tmp_path / "films.csv"
    rows = [f"a {'good' if i % 2 else 'bad'} film {i % 5},{'pos' if i % 2 else 'neg'}\n" for i in range(60)]
    path.write_text("text,label\n" + "".join(rows))
    return path


@pytest.fixture
def tags(tmp_path: Path) -> Path:
    path = tmp_path / "tags.conll"
    path.write_text("the DET\ncat NOUN\nsat VERB\n\na DET\ndog NOUN\n\n" * 12)
    return path


def build(recipe: TaskRecipe, workdir: Path | None = None) -> BuiltTask:
    return run_to_completion(build_task(recipe, workdir))


def test_build_task_trains_and_measures_in_both_precisions(films: Path) -> None:
    built = build(TaskRecipe("moods", (films,), validation_fraction=0.2, **NETWORK))
    assert built.metrics["training"]["examples"] == 48
    assert built.metrics["validation"]["examples"] == built.metrics["int8"]["examples"] == 12
    assert built.metrics["validation"]["log_loss"] == pytest.approx(built.metrics["int8"]["log_loss"], abs=0.01)
    json.dumps(built.metrics, allow_nan=False)
    figures = run_to_completion(evaluate_task(built.model, built.tokenizer, [films], LabelledFormat()))
    assert figures["examples"] == 60


def test_build_task_measures_baselines_once_and_nothing_where_nothing_is_held_out(films: Path) -> None:
    recipe = TaskRecipe("moods", (films,), NaiveBayesConfig())
    assert set(build(recipe).metrics) == {"training", "validation"}
    assert set(build(replace(recipe, validation_fraction=0)).metrics) == {"training"}


def test_build_task_tags_and_fills_in(tags: Path, tmp_path: Path) -> None:
    tagged = build(TaskRecipe("tags", (tags,), HmmTaggerConfig()))
    assert tagged.metrics["validation"]["accuracy"] == 1
    assert run_to_completion(evaluate_task(tagged.model, tagged.tokenizer, [tags], TaggedFormat()))["accuracy"] == 1
    text = tmp_path / "text.txt"
    text.write_text(some_text(40))
    encoder = replace(TINY, separate=True)
    filled = build(TaskRecipe("fill", (text,), FillInConfig(mlp_size=4), encoder=encoder, training=SHORT))
    assert filled.metrics["validation"].keys() == filled.metrics["int8"].keys()
    figures = run_to_completion(evaluate_task(filled.model, filled.tokenizer, [text], None))
    assert 0 < figures["accuracy_at_10"] <= 1
    with pytest.raises(InvalidInput, match="model: must be one that labelled files measure"):
        run_to_completion(evaluate_task(tagged.model, tagged.tokenizer, [tags], None))


def test_built_task_provenance_is_json_of_the_whole_recipe(films: Path, tmp_path: Path) -> None:
    vectors = tmp_path / "v.txt"
    vectors.write_text("good 1 1 1 1 1 1\nunheard 2 2 2 2 2 2\n")
    recipe = TaskRecipe("moods", (films,), **NETWORK, initialize_from=vectors, extra_words=2, licence="mine")
    built = build(recipe)
    provenance = built.provenance("nextword train films.csv")
    assert (provenance.command, provenance.licence) == ("nextword train films.csv", "mine")
    assert set(provenance.corpus) == {"films.csv", "v.txt"}
    stored = json.loads(json.dumps(provenance.recipe))
    assert stored["model"]["kind"] == "classifier"
    assert (stored["files"], stored["initialize_from"]) == ([str(films)], str(vectors))
    assert stored["encoder"]["hidden_size"] == 4
    assert "unheard" in built.tokenizer.vocabulary
    assert "initialized" not in built.metrics["training"]


def test_build_task_begins_with_a_published_task_model(films: Path, tmp_path: Path) -> None:
    first = build(TaskRecipe("first", (films,), **NETWORK))
    entry = save(tmp_path / "models", "first", first.model, first.tokenizer, first.provenance("c"))
    second = build(TaskRecipe("second", (films,), **NETWORK, initialize_from=entry.path))
    assert second.metrics["training"]["initialized"] == ["backward_layers.0", "embedding", "forward_layers.0"]
    assert second.provenance("c").recipe["initialize_from"] == "first@1"
    assert second.tokenizer.vocabulary == first.tokenizer.vocabulary


def test_build_task_resumes_a_stopped_training_to_the_same_model(films: Path, tmp_path: Path) -> None:
    set_thread_count(1)
    recipe = TaskRecipe("moods", (films,), encoder=TINY, training=replace(SHORT, epochs=6))
    whole = build(recipe, tmp_path / "whole")
    stopped = build_task(recipe, tmp_path / "stopped")
    next(report for report in stopped if report.phase == "training" and report.step >= 20)
    stopped.close()
    resumed = build(recipe, tmp_path / "stopped")
    theirs = whole.model.tensors()
    assert all(np.array_equal(tensor, theirs[name]) for name, tensor in resumed.model.tensors().items())
    assert resumed.metrics["validation"] == whole.metrics["validation"]
    with pytest.raises(InvalidInput, match="another"):
        build(replace(recipe, training=SHORT), tmp_path / "stopped")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\na,b\nc\n", "line 3"),
        ("text,label\na,b\n", "validation_fraction"),
        ("text,label\n" + "a,b\n" * 20, "at least two labels"),
    ],
)
def test_build_task_tells_faults_of_a_file(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "films.csv"
    path.write_text(content)
    with pytest.raises(InvalidInput, match=message):
        build(TaskRecipe("moods", (path,), **NETWORK))


def test_build_task_names_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="files: must be readable"):
        build(TaskRecipe("moods", (tmp_path / "nowhere.csv",)))
    (tmp_path / "bad.csv").write_bytes(b"\xff\n")
    with pytest.raises(InvalidText, match=r"bad\.csv, line 1"):
        build(TaskRecipe("moods", (tmp_path / "bad.csv",)))


@pytest.mark.parametrize("kind", TASK_KINDS)
def test_build_task_knows_every_kind(kind: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"files|format"):  # the file is missing, but the kind was known
        build(TaskRecipe("x", (tmp_path / "nowhere.csv",), TASK_KINDS[kind].config()))


def test_built_task_lists_every_file_of_questions_in_pieces(tmp_path: Path) -> None:
    pieces = {"context": "the cat sat", "question": "who sat ?", "answer": "the cat", "span": "0 1"}
    for i in range(2):
        for name, line in pieces.items():
            lines = "".join(f"{line if name != 'context' else f'{line} {n}'}\n" for n in range(10))
            (tmp_path / f"{'ab'[i]}.{name}").write_text(lines)
    recipe = TaskRecipe(
        "x", (tmp_path / "a.context",), NearestSentenceConfig("span"), validation=tmp_path / "b.context"
    )
    built = build(recipe)
    assert set(built.corpus) == {f"{part}.{name}" for part in "ab" for name in pieces}
