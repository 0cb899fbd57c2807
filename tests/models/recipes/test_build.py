"""Recipes: which are accepted, what they build, and what is told about it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.checkpoint.save import save
from models.data.corpus import Corpus
from models.errors import CheckpointNotFound, InvalidInput, InvalidText
from models.evaluation.evaluator import evaluate
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.ngram.config import NgramConfig
from models.ngram.counting import counter
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_tokens
from models.recipes.build import BuiltModel, build
from models.recipes.recipe import Recipe
from models.threads import set_thread_count
from models.tokenization.config import Texts, TokenizerConfig
from models.utils.progress import run_to_completion

LINES = ["the cat sat .", "the dog sat .", "", "a cat ran ."] * 25
TINY = RecurrentConfig(layers=1, embedding_size=4, hidden_size=4)
SHORT = TrainingConfig(epochs=4, batch_size=2, bptt=4, dropout=0.0)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return path


def test_build_counts_an_ngram_model_and_measures_it_on_the_end(text: Path) -> None:
    recipe = Recipe("cats", (text,), NgramConfig(2), validation_fraction=0.1, refit=False)
    built = run_to_completion(build(recipe))
    # 100 lines, 10 of them held out; each line is 4 words and its end, an empty one its end alone.
    held_out = LINES[90:]
    assert built.metrics["training"]["lines"] == 90
    assert built.metrics["validation"]["lines"]["token_count"] == sum(len(line.split()) + 1 for line in held_out)
    assert built.metrics["training"]["token_count"] == sum(len(line.split()) + 1 for line in LINES[:90])
    again = run_to_completion(evaluate(built.model, built.tokenizer, ["\n".join(held_out) + "\n"], "lines"))
    assert built.metrics["validation"]["lines"]["perplexity"] == pytest.approx(again.perplexity, rel=1e-9)
    assert built.metrics["validation"]["document"]["perplexity"] == pytest.approx(again.perplexity, rel=1e-9)


def test_build_gives_unknown_words_of_a_closed_vocabulary_no_probability(text: Path, tmp_path: Path) -> None:
    words, other = tmp_path / "words.txt", tmp_path / "other.txt"
    words.write_text("the\ncat\ndog\n.\n", encoding="utf-8")
    other.write_text("the bird sat .\n", encoding="utf-8")
    closed = TokenizerConfig(file=str(words), closed=True)
    recipe = Recipe("cats", (text,), NgramConfig(2), closed, validation=text)
    built = run_to_completion(build(recipe))
    assert built.tokenizer.vocabulary == ["<unk>", "</s>", "the", "cat", "dog", "."]
    assert built.tokenizer.config == TokenizerConfig(closed=True)
    # sat 50 times, a and ran 25 times each
    assert built.metrics["notes"][-1].startswith("n-grams that hold one of the 100 unknown words are left out")
    assert built.metrics["validation"]["lines"]["perplexity"] is None  # infinite: there are unknown words
    assert built.metrics["validation"]["lines"]["perplexity_without_oov"] > 1
    row = built.model.logprobs(built.model.begin_state(1))[0]
    assert row[0] == -np.inf
    assert np.exp(row[1:], dtype=np.float64).sum() == pytest.approx(1)
    with pytest.raises(InvalidInput, match=r"tokenizer\.closed: is for n-gram models"):
        replace(recipe, model=TINY)


def test_build_measures_on_a_validation_text_with_unknown_words(text: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("the bird sat .\n", encoding="utf-8")
    built = run_to_completion(build(Recipe("cats", (text,), NgramConfig(2), validation=other)))
    assert built.metrics["training"]["lines"] == 100
    assert built.metrics["validation"]["lines"]["oov_count"] == 1
    assert set(built.corpus) == {"text.txt", "other.txt"}


def test_build_measures_nothing_where_nothing_is_held_out(text: Path) -> None:
    built = run_to_completion(build(Recipe("cats", (text,), NgramConfig(2), validation_fraction=0.0)))
    assert "validation" not in built.metrics


def test_build_drops_empty_lines_in_training_and_measuring(text: Path) -> None:
    built = run_to_completion(
        build(Recipe("cats", (text,), NgramConfig(2), validation_fraction=0.2, empty_lines="drop"))
    )
    assert built.metrics["training"]["lines"] == 60  # of 75 that are not empty, the last 15 held out
    assert built.metrics["validation"]["lines"]["token_count"] == 75


def test_build_measures_character_models_as_documents_only(text: Path) -> None:
    built = run_to_completion(build(Recipe("letters", (text,), NgramConfig(3), TokenizerConfig(kind="character"))))
    assert list(built.metrics["validation"]) == ["document"]


@pytest.mark.parametrize(("texts", "units"), [("paragraphs", ["document"]), ("lines", ["lines", "document"])])
def test_build_teaches_character_models_where_texts_end(text: Path, texts: Texts, units: list[str]) -> None:
    tokenizer = TokenizerConfig(kind="character", texts=texts)
    built = run_to_completion(build(Recipe("letters", (text,), NgramConfig(9), tokenizer)))
    assert list(built.metrics["validation"]) == units
    # An empty line follows "the dog sat .", which is the end of a paragraph, and another line "the cat sat .": nine
    # characters tell the two apart.
    state = built.model.begin_state(1)
    ids = built.tokenizer.encode("the dog sat .").ids
    scores, _ = built.model.score(state, np.append(ids, 1)[None])
    assert scores[0, -1] > np.log(0.8)


def test_built_model_provenance_is_json_of_the_whole_recipe(text: Path) -> None:
    recipe = Recipe("cats", (text,), NgramConfig(2, prune=(0, 1)), licence="public domain")
    provenance = run_to_completion(build(recipe)).provenance("nextword train text.txt")
    assert provenance.command == "nextword train text.txt"
    assert provenance.licence == "public domain"
    assert provenance.corpus["text.txt"].sha256 == hashlib.sha256(text.read_bytes()).hexdigest()
    stored = json.loads(json.dumps(provenance.recipe))
    assert stored["files"] == [str(text)]
    assert stored["model"]["prune"] == [0, 1]
    assert stored["tokenizer"]["kind"] == "word"


def test_built_model_tells_files_of_the_same_name_apart(text: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    more = tmp_path / "more" / "text.txt"
    more.write_text("the end .\n", encoding="utf-8")
    built = run_to_completion(build(Recipe("cats", (text, more), NgramConfig(1))))
    assert set(built.corpus) == {str(text), str(more)}


@pytest.mark.parametrize("token", ["word", "character"])
def test_build_trains_a_recurrent_model_and_reports_progress(text: Path, token: str) -> None:
    recipe = Recipe("cats", (text,), TINY, TokenizerConfig(kind=token), SHORT)
    reports, built = [], build(recipe)
    while True:
        try:
            reports.append(next(built))
        except StopIteration as stop:
            metrics = stop.value.metrics
            break
    phases = list(dict.fromkeys(report.phase for report in reports))
    assert phases[0] == "reading"
    assert phases[-1] == "evaluating"
    assert {"training", "validating"} < set(phases)
    losses = [report.metrics["loss"] for report in reports if "loss" in report.metrics]
    assert losses[-1] < losses[0]
    assert metrics["int8"].keys() == metrics["validation"].keys()
    for unit, exact in metrics["validation"].items():
        int8_figures = metrics["int8"][unit]
        assert int8_figures["perplexity"] == pytest.approx(exact["perplexity"], rel=0.01)
        assert int8_figures["perplexity_increase"] == pytest.approx(
            int8_figures["perplexity"] / exact["perplexity"] - 1
        )
        assert int8_figures["token_count"] == exact["token_count"]


def test_build_measures_a_feedforward_network_in_float32_only(text: Path) -> None:
    built = run_to_completion(build(Recipe("cats", (text,), replace(TINY, kind="feedforward"), training=SHORT)))
    assert set(built.metrics) == {"training", "validation"}


def test_build_resumes_a_stopped_training_to_the_same_model(text: Path, tmp_path: Path) -> None:
    set_thread_count(1)
    recipe = Recipe("cats", (text,), TINY, training=SHORT)
    whole = run_to_completion(build(recipe, tmp_path / "whole"))
    stopped = build(recipe, tmp_path / "stopped")
    next(report for report in stopped if report.phase == "training" and report.step >= 20)
    stopped.close()
    resumed = run_to_completion(build(recipe, tmp_path / "stopped"))
    assert_same(resumed, whole)


def assert_same(actual: BuiltModel, expected: BuiltModel) -> None:
    theirs = expected.model.tensors()
    assert all(np.array_equal(tensor, theirs[name]) for name, tensor in actual.model.tensors().items())
    assert actual.metrics["validation"] == expected.metrics["validation"]


def test_recipe_of_a_recurrent_model_states_its_training() -> None:
    assert Recipe("x", (Path("a"),), TINY).training == TrainingConfig()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "No Name"}, "name"),
        ({"validation_fraction": 1.0}, "validation_fraction"),
        ({"validation_fraction": float("nan")}, "validation_fraction"),
        ({"training": SHORT}, "training"),
    ],
)
def test_recipe_names_the_field_it_refuses(wrong: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Recipe(**{"name": "x", "files": (Path("a"),), **wrong})  # type: ignore[arg-type]
    assert caught.value.field == field


def test_build_names_file_and_byte_of_invalid_text(tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"good\nb\xffd\n")
    with pytest.raises(InvalidText, match=r"bad\.txt.*byte 6"):
        run_to_completion(build(Recipe("x", (bad,))))


def test_build_says_what_to_do_about_a_held_out_text_without_known_words(tmp_path: Path) -> None:
    text, other = tmp_path / "text.txt", tmp_path / "other.txt"
    text.write_text("a b\nb a\nc\n")
    other.write_text("d e\n")
    recipe = Recipe("x", (text,), NgramConfig(2), validation_fraction=0.1)
    with pytest.raises(InvalidInput, match=r"^validation_fraction: .* hold out more of it, or nothing, with 0$"):
        run_to_completion(build(recipe))
    with pytest.raises(InvalidInput, match=r"^validation: must be a text that has a token in common"):
        run_to_completion(build(replace(recipe, validation=other)))


def table(built: BuiltModel) -> dict[str, list[float]]:
    return {name: tensor.tolist() for name, tensor in built.model.tensors().items()}


@pytest.mark.parametrize("kind", ["word", "character"])
def test_build_within_a_memory_budget_gives_the_same_model(
    text: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe("cats", (text,), NgramConfig(3), TokenizerConfig(kind=kind))
    monkeypatch.setattr(counter, "SORT_BYTES_PER_TOKEN", 16 << 20)  # so that a block holds a few tokens only
    assert table(run_to_completion(build(replace(recipe, memory=8 << 30)))) == table(run_to_completion(build(recipe)))


def test_build_of_an_extension_is_a_model_of_both_texts(text: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.txt"
    more.write_text("a dog ran .\nthe bird sat .\n" * 9)
    first = Recipe("cats", (text,), NgramConfig(3), validation_fraction=0, keep_counts=True)
    built = run_to_completion(build(first))
    entry = save(
        tmp_path / "models", "cats", built.model, built.tokenizer, built.provenance(""), extra_files=built.extra_files
    )
    longer = run_to_completion(build(replace(first, files=(more,), extends=entry.path, model=NgramConfig(2))))
    assert longer.tokenizer.vocabulary == built.tokenizer.vocabulary  # "bird" is <unk>
    ids = np.concatenate([Corpus.open(file).encode(built.tokenizer).ids for file in (text, more)])
    expected = NgramModel(NgramConfig(2), estimate_from_tokens(NgramConfig(2), ids, built.tokenizer.vocabulary_size))
    assert table(longer) == {name: tensor.tolist() for name, tensor in expected.tensors().items()}
    assert sorted(longer.corpus) == ["more.txt", "text.txt"]
    assert longer.counts is not None
    with pytest.raises(InvalidInput, match="order: must be at most 3"):
        run_to_completion(build(replace(first, extends=entry.path, model=NgramConfig(4))))
    with pytest.raises(InvalidInput, match="tokenizer"):
        replace(first, extends=entry.path, tokenizer=TokenizerConfig(lowercase=True))


def test_build_extends_only_a_model_with_counts(text: Path, tmp_path: Path) -> None:
    recipe = Recipe("cats", (text,), NgramConfig(2), validation_fraction=0)
    built = run_to_completion(build(recipe))
    entry = save(
        tmp_path / "models", "cats", built.model, built.tokenizer, built.provenance(""), extra_files=built.extra_files
    )
    with pytest.raises(CheckpointNotFound, match="without keeping counts"):
        run_to_completion(build(replace(recipe, extends=entry.path)))


@pytest.mark.parametrize("field", [{"extends": Path("x")}, {"keep_counts": True}, {"memory": 1 << 30}])
def test_recipe_refuses_counts_for_recurrent_models(field: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(field))):
        Recipe("cats", (Path("text.txt"),), TINY, **field)


def test_recipe_refuses_a_memory_budget_too_small() -> None:
    with pytest.raises(InvalidInput, match="memory: must be 64 MiB or more"):
        Recipe("cats", (Path("text.txt"),), memory=1000)


@pytest.mark.parametrize("model", [NgramConfig(2), TINY])
def test_build_of_a_reversed_text_is_that_of_a_text_written_backwards(
    model: NgramConfig | RecurrentConfig, text: Path, tmp_path: Path
) -> None:
    held_out, mirrored, mirrored_held_out = (tmp_path / name for name in ("a.txt", "b.txt", "c.txt"))
    held_out.write_text("a dog sat .\nthe cat ran\n")
    for source, mirror in ((text, mirrored), (held_out, mirrored_held_out)):
        lines = source.read_text().splitlines()
        mirror.write_text("".join(" ".join(line.split()[::-1]) + "\n" for line in lines[::-1]))
    recipe = Recipe(
        "cats", (text,), model, training=None if isinstance(model, NgramConfig) else SHORT, validation=held_out
    )
    built = run_to_completion(build(replace(recipe, reversed=True)))
    expected = run_to_completion(build(replace(recipe, files=(mirrored,), validation=mirrored_held_out)))
    assert table(built) == table(expected)
    assert built.metrics["validation"] == expected.metrics["validation"]
    assert built.metrics["validation"]["lines"]["token_count"] == 9
    assert built.provenance("none").recipe["reversed"] is True


def test_build_measures_reversed_characters_as_one_document(text: Path) -> None:
    recipe = Recipe("cats", (text,), NgramConfig(2), TokenizerConfig(kind="character"), reversed=True)
    assert run_to_completion(build(recipe)).metrics["validation"].keys() == {"document"}


def test_recipe_refuses_to_extend_a_model_backwards() -> None:
    with pytest.raises(InvalidInput, match="reversed"):
        Recipe("more", (Path("text.txt"),), extends=Path("old"), reversed=True)
