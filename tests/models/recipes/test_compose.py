"""Published models made into new ones: fitted, measured, and refused where they do not go together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.checkpoint.card import Provenance
from models.checkpoint.load import load
from models.checkpoint.repository import resolve
from models.checkpoint.save import save
from models.composite.config import CacheConfig, MixtureConfig, NeuralCacheConfig
from models.composite.mixture import MixtureModel
from models.composite.mixture_weights import fit_weights, score_by_member
from models.data.corpus import Corpus
from models.errors import InvalidInput, UnsupportedByModel
from models.evaluation.evaluator import evaluate
from models.recipes.compose import ComposedModel, compose
from models.recipes.recipe import Composition
from models.tasks.fill_in.config import LanguageModelPairConfig
from models.tasks.fill_in.evaluate import evaluate_fill_in
from models.tasks.fill_in.pair import LanguageModelPair
from models.utils.progress import run_to_completion
from tests.helpers.serving import CHARACTERS, WORDS, ngram, publish, recurrent
from tests.helpers.texts import some_text

TEXT = some_text(50)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, model in (("counts", ngram(smoothing="mle")), ("smooth", ngram(order=1)), ("network", recurrent())):
        publish(tmp_path, name, model)
    publish(tmp_path, "letters", ngram(CHARACTERS), CHARACTERS)
    return tmp_path


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "held-out.txt"
    path.write_text(TEXT)
    return path


def compose_members(root: Path, *members: str, **fields: object) -> ComposedModel:
    return run_to_completion(compose(Composition("all", members, **fields), root))  # type: ignore[arg-type]


def test_compose_fits_weights_and_measures_the_mixture(root: Path, text: Path) -> None:
    composed = compose_members(root, "counts", "smooth", validation=text)
    members = [load(root / name / "1").model for name in ("counts", "smooth")]
    ids = WORDS.encode(TEXT).ids
    expected = fit_weights(run_to_completion(score_by_member(members, ids, "document")))
    assert composed.metrics["fit"]["weights"] == list(expected.weights)
    assert composed.metrics["fit"].keys() == {"weights", "iterations", "token_count", "skipped", "unit"}
    mixed = MixtureModel(MixtureConfig(expected.weights), members)
    perplexity = run_to_completion(evaluate(mixed, WORDS, [TEXT], "lines")).perplexity
    assert composed.metrics["validation"]["lines"]["perplexity"] == pytest.approx(perplexity)
    for member in members:
        alone = run_to_completion(evaluate(member, WORDS, [TEXT], "document")).perplexity
        assert alone is None or composed.metrics["validation"]["document"]["perplexity"] < 1.000001 * alone


def test_compose_fits_weights_line_by_line(root: Path, text: Path) -> None:
    publish(root, "other", recurrent(seed=5))
    lines = compose_members(root, "network", "other", validation=text, unit="lines").metrics["fit"]
    document = compose_members(root, "network", "other", validation=text).metrics["fit"]
    assert (lines["unit"], document["unit"]) == ("lines", "document")
    assert not np.allclose(lines["weights"], document["weights"], atol=1e-6)


def test_compose_result_can_be_published_and_composed_again(root: Path, text: Path) -> None:
    first = compose_members(root, "counts", "network", model=MixtureConfig((0.9, 0.1)))
    save(root, "first", first.model, first.tokenizer, first.provenance("mix"), members=first.members)
    second = compose_members(root, "first", model=CacheConfig(20, 0.1), validation=text)
    entry = save(root, "second", second.model, second.tokenizer, second.provenance("mix"), members=second.members)
    card = load(entry.path).card
    assert (card.kind, [member.model for member in card.members]) == ("cache", ["first@1"])
    assert card.provenance.metrics["validation"]["document"]["adaptive"] is True
    assert card.provenance.recipe["members"] == ["first"]
    assert card.parameters == first.model.parameter_count


def test_compose_pins_the_newest_version_by_its_number(root: Path) -> None:
    publish(root, "counts", ngram(order=2))
    composed = compose_members(root, "counts", model=CacheConfig())
    assert composed.members == (resolve(root, "counts@2"),)


@pytest.mark.parametrize(
    ("members", "fields", "field"),
    [
        (("counts", "letters"), {"model": MixtureConfig((0.5, 0.5))}, "members"),
        (("counts", "none"), {"model": MixtureConfig((0.5, 0.5))}, "members"),
        (("counts", "./smooth"), {"model": MixtureConfig((0.5, 0.5))}, "members"),
        (("counts", "smooth"), {"model": MixtureConfig((1.0,))}, "members"),
        (("counts", "smooth"), {"model": CacheConfig()}, "members"),
        ((), {"validation": Path("x")}, "members"),
        (("counts",), {"model": NeuralCacheConfig()}, "members"),
        (("counts", "smooth"), {}, "validation"),
        (("counts", "smooth"), {"validation": Path("none.txt")}, "files"),
        (("letters",), {"model": CacheConfig(), "unit": "lines"}, "unit"),
    ],
)
def test_compose_names_the_field_of_what_does_not_fit(root, members, fields, field) -> None:
    with pytest.raises(InvalidInput) as error:
        compose_members(root, *members, **fields)
    assert error.value.field == field


@pytest.fixture
def mirrored(root: Path) -> str:
    """The name of a model that was trained on reversed text, by its card."""
    save(root, "mirrored", recurrent(), WORDS, Provenance("none", "none", recipe={"reversed": True}))
    return "mirrored"


def test_compose_pairs_a_model_with_one_of_reversed_text(root: Path, mirrored: str, text: Path) -> None:
    composed = compose_members(root, "smooth", mirrored, model=LanguageModelPairConfig(0.5), validation=text)
    assert isinstance(composed.model, LanguageModelPair)
    figures = run_to_completion(evaluate_fill_in(composed.model, WORDS, Corpus.open(text)))
    assert composed.metrics["validation"] == figures
    ref = save(root, "pair", composed.model, WORDS, composed.provenance("none"), members=composed.members)
    assert load(ref.path).model.capabilities == {"fill"}


def test_compose_refuses_a_pair_whose_members_read_the_wrong_way(root: Path, mirrored: str) -> None:
    pair = LanguageModelPairConfig()
    with pytest.raises(InvalidInput, match="member 2 must be a model that reads from right to left"):
        compose_members(root, "smooth", "network", model=pair)
    with pytest.raises(InvalidInput, match="member 1 must be a model that reads from left to right"):
        compose_members(root, mirrored, mirrored, model=pair)
    with pytest.raises(InvalidInput, match="must be 2, not 1"):
        compose_members(root, "smooth", model=pair)


def test_compose_refuses_a_model_of_reversed_text_elsewhere(root: Path, mirrored: str) -> None:
    with pytest.raises(InvalidInput, match="left to right"):
        compose_members(root, mirrored, model=CacheConfig())


def test_load_lets_a_model_of_reversed_text_answer_nothing(root: Path, mirrored: str) -> None:
    checkpoint = load(root / mirrored / "1")
    assert checkpoint.model.capabilities == frozenset()
    with pytest.raises(UnsupportedByModel, match=r"cannot read a text .* it learned from reversed text"):
        _ = checkpoint.language_model
    assert checkpoint.member_model is checkpoint.model
