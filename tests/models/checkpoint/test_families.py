"""Abilities and precision by cards alone: the same as those of the loaded models."""

from pathlib import Path

import pytest

from models.checkpoint.card import CARD_FILE, Card
from models.checkpoint.families import FAMILIES_BY_PRECISION, capabilities_of, precision_of
from models.checkpoint.load import load
from models.checkpoint.members import find_member
from models.checkpoint.repository import list_checkpoints
from models.ngram.config import NgramConfig
from tests.helpers.serving import (
    TEXT,
    classifier,
    fill_in,
    naive_bayes,
    ngram,
    publish,
    publish_mixture,
    publish_with_counts,
    reader,
    recurrent,
    tagger,
)

SHIPPED = Path("checkpoints")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("families")
    for name, make in {"words": ngram, "bayes": naive_bayes, "classes": classifier, "tags": tagger}.items():
        publish(root, name, make())
    for name, make in {"blanks": fill_in, "answers": reader, "lstm": recurrent}.items():
        publish(root, name, make())
    publish(root, "feedforward", recurrent("rnn"))
    publish_with_counts(root, "counts", NgramConfig(order=2), TEXT)
    publish_mixture(root, "mix", "words", "lstm")
    return root


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_capabilities_and_precision_of_cards_are_those_of_the_models(made: Path, precision: str) -> None:
    families = FAMILIES_BY_PRECISION[precision]
    for ref in [*list_checkpoints(made), *list_checkpoints(SHIPPED)]:
        checkpoint = load(ref.path, families=families)
        members = [
            Card.read(find_member(ref.path.parent.parent, member) / CARD_FILE) for member in checkpoint.card.members
        ]
        kinds = [card.kind for card in (checkpoint.card, *members)]
        assert capabilities_of(checkpoint.card, families) == checkpoint.model.capabilities, ref.id
        assert precision_of(kinds, families) == checkpoint.model.precision, ref.id
