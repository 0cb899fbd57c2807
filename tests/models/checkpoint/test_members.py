"""Checkpoints that are made of others: what pins them, and what is damage."""

import json
import shutil
from pathlib import Path

import pytest

from models.checkpoint.card import Card, Provenance
from models.checkpoint.load import load
from models.checkpoint.members import checkpoints_using, pin_member
from models.checkpoint.repository import CheckpointRef
from models.checkpoint.save import save
from models.errors import CheckpointDamaged, InvalidInput
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.language_models import TOKENIZER, mixture, ngram, published

NONE = Provenance("none", "none")


@pytest.fixture
def entry(tmp_path: Path) -> CheckpointRef:
    """model@1, of model-0@1 and model-1@1."""
    return published(tmp_path, mixture((0.5, 0.5), ngram("mle"), ngram("kneser_ney")))


def test_members_are_pinned_by_a_card_that_is_the_only_file(entry):
    assert [path.name for path in entry.path.iterdir()] == ["card.json"]
    card = Card.read(entry.path / "card.json")
    assert [member.model for member in card.members] == ["model-0@1", "model-1@1"]
    assert card.members[0] == pin_member(CheckpointRef.from_path(entry.path.parents[1] / "model-0" / "1"))
    assert (card.files, card.config) == ({}, {"weights": [0.5, 0.5]})


def test_members_that_are_missing_are_damage_that_names_them(entry):
    shutil.rmtree(entry.path.parents[1] / "model-1")
    with pytest.raises(CheckpointDamaged, match=r"member model-1@1 is missing"):
        load(entry.path)


def test_members_that_changed_are_damage_that_names_them(entry):
    card = entry.path.parents[1] / "model-0" / "1" / "card.json"
    card.write_text(card.read_text().replace('"none"', '"other"', 1))
    with pytest.raises(CheckpointDamaged, match=r"member model-0@1 is not the one"):
        load(entry.path)


def test_members_with_altered_weights_are_damage_that_names_the_file(entry):
    weights = entry.path.parents[1] / "model-0" / "1" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(CheckpointDamaged, match=r"model-0/1/weights"):
        load(entry.path)


@pytest.mark.parametrize("model", ["../elsewhere@1", "model-0", "./x@1", ""])
def test_members_are_names_with_versions_under_the_same_root(entry, model):
    card = json.loads((entry.path / "card.json").read_text())
    card["members"][0]["model"] = model
    (entry.path / "card.json").write_text(json.dumps(card))
    with pytest.raises(CheckpointDamaged, match="is not a name@version"):
        load(entry.path)


@pytest.mark.parametrize(("kind", "message"), [("ngram", "has no members"), ("nonsense", "unknown kind")])
def test_members_of_a_family_that_has_none_are_damage(entry, kind, message):
    card = json.loads((entry.path / "card.json").read_text())
    (entry.path / "card.json").write_text(json.dumps({**card, "kind": kind}))
    with pytest.raises(CheckpointDamaged, match=message):
        load(entry.path)


@pytest.mark.parametrize("members", [["model-0@1"], {"model": "x"}, [{"model": 3, "sha256": ""}]])
def test_members_that_are_no_list_of_members_are_damage(entry, members):
    card = json.loads((entry.path / "card.json").read_text())
    (entry.path / "card.json").write_text(json.dumps({**card, "members": members}))
    with pytest.raises(CheckpointDamaged, match=r"members|model"):
        load(entry.path)


def test_members_missing_from_a_mixture_are_damage(entry):
    card = json.loads((entry.path / "card.json").read_text())
    (entry.path / "card.json").write_text(json.dumps({**card, "members": []}))
    with pytest.raises(CheckpointDamaged):
        load(entry.path)


def test_members_that_do_not_share_a_tokenizer_are_refused_by_name(entry):
    root = entry.path.parents[1]
    letters = Tokenizer.train(TokenizerConfig(), ["a b c d e f g h i k\n"])
    other = save(root, "other", ngram("mle"), letters, NONE)
    mixed = mixture((0.5, 0.5), ngram("mle"), ngram("mle"))
    parts = [CheckpointRef.from_path(root / "model-0" / "1"), other]
    with pytest.raises(CheckpointDamaged, match="other@1"):
        save(root, "mixed", mixed, TOKENIZER, NONE, members=parts)
    with pytest.raises(InvalidInput, match="members: must be 2"):
        save(root, "mixed", mixed, TOKENIZER, NONE, members=parts[:1])
    assert not (root / "mixed").exists()


def test_members_already_loaded_are_not_loaded_again(entry):
    parts = {name: load(entry.path.parents[1] / name.partition("@")[0] / "1") for name in ("model-0@1", "model-1@1")}
    mixture_model = load(entry.path, find_loaded=parts.get).model
    assert [part.model for part in parts.values()] == list(mixture_model.members)


def test_checkpoints_using_a_model_are_listed(entry):
    root = entry.path.parents[1]
    assert checkpoints_using(root, "model-0@1") == ["model@1"]
    assert checkpoints_using(root, "model@1") == []
