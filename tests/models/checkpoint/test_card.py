import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from models.checkpoint.card import FORMAT_VERSION, Card, FileDigest, Provenance
from models.errors import CheckpointDamaged, InvalidInput

CARD = Card(
    format=FORMAT_VERSION,
    kind="ngram",
    config={"order": 3, "prune": [0, 1]},
    vocabulary_size=10,
    parameters=100,
    tokenizer={"kind": "word", "max_size": None},
    provenance=Provenance(
        command="nextword train «text».txt",
        licence="public domain",
        corpus={"text.txt": FileDigest("0" * 64, 10)},
        recipe={"order": 3},
        metrics={"lines": {"perplexity": 3.5}},
    ),
    versions={"python": "3.11.7"},
    created="2026-01-02T03:04:05+00:00",
    files={"weights.safetensors": FileDigest("1" * 64, 2**40)},
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    CARD.write(tmp_path / "card.json")
    return tmp_path / "card.json"


def test_card_is_read_as_it_was_written(file):
    assert Card.read(file) == CARD


def test_card_is_json_that_people_can_read(file):
    assert "«text»" in file.read_text(encoding="utf-8")
    assert json.loads(file.read_text(encoding="utf-8"))["files"]["weights.safetensors"]["size"] == 2**40


def test_file_digest_is_hash_and_size(tmp_path):
    content = bytes(range(256)) * 10_000  # more than one read
    (tmp_path / "file").write_bytes(content)
    assert FileDigest.of(tmp_path / "file") == FileDigest(hashlib.sha256(content).hexdigest(), 2_560_000)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), object(), {1, 2}, "\ud800"])
def test_card_that_does_not_fit_json_is_not_written(tmp_path, bad):
    card = replace(CARD, provenance=replace(CARD.provenance, metrics={"perplexity": bad}))
    with pytest.raises(InvalidInput, match="a card holds"):
        card.write(tmp_path / "card.json")
    assert not (tmp_path / "card.json").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "format 2 is newer"),
        ({"format": 2, "files": None}, "format 2 is newer"),
        ({"format": "1"}, "field format is missing or not of type int"),
        ({"kind": None}, "field kind"),
        ({"config": []}, "field config"),
        ({"vocabulary_size": True}, "field vocabulary_size"),
        ({"files": {"tokenizer.json": "x"}}, "field files.tokenizer.json is not an object"),
        ({"files": {"tokenizer.json": {"size": 1}}}, "field sha256"),
        ({"provenance": {}}, "field command"),
        ({"created": 2026}, "field created"),
    ],
)
def test_card_read_names_the_field_of_a_foreign_card(file, changes, message):
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), **changes}))
    with pytest.raises(CheckpointDamaged, match=rf"card\.json: .*{message}"):
        Card.read(file)


@pytest.mark.parametrize("content", [b"[]", b"1", b"{", b"", b"[" * 100_000, b"\xff", b" " * (1 << 25)])
def test_card_read_refuses_what_is_no_object(file, content):
    file.write_bytes(content)
    with pytest.raises(CheckpointDamaged, match=r"card\.json"):
        Card.read(file)


def test_card_read_names_a_missing_file(tmp_path):
    with pytest.raises(CheckpointDamaged, match=r"card\.json"):
        Card.read(tmp_path / "card.json")
