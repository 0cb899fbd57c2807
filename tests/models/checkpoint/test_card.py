import hashlib
import json
import re
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


def files(name: str, size: str, digits: int = 64) -> str:
    return json.dumps({name: {"sha256": "0" * digits, "size": "SIZE"}}).replace('"SIZE"', size)


DEEP = "[" * 40 + "]" * 40


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("created", '"now"', "field created is not a time"),
        ("created", '"2026-13-45T00:00:00+00:00"', "field created is not a time"),
        ("created", '"0001-01-01T00:00:00+23:59"', "field created"),
        ("created", '"1969-01-01T00:00:00+00:00"', "field created lies before 1970"),
        ("kind", '"ngram\\u001b[2J"', "field kind is not the name of a family"),
        ("vocabulary_size", "0", "field vocabulary_size is not a whole number from 1"),
        ("vocabulary_size", "1" + "0" * 30, "field 'vocabulary_size' holds a whole number that does not fit 64 bits"),
        ("vocabulary_size", "1" + "0" * 5000, "Exceeds the limit"),
        ("parameters", "-1", "field parameters"),
        ("parameters", "1e3", "field parameters is missing or not of type int"),
        ("format", "0", "field format is not a whole number"),
        ("versions", '{"python": 3}', "field versions does not hold texts alone"),
        ("config", '{"order": NaN}', "NaN is no number"),
        ("config", '{"order": -Infinity}', "-Infinity is no number"),
        ("config", '{"order": 1e999}', "field 'config' holds a number that is not finite"),
        ("config", '{"order": 9223372036854775808}', "field 'config' holds a whole number that does not fit"),
        ("config", '{"order": "\\ud800"}', "field 'config' holds text that is not Unicode"),
        ("config", '{"\\udfff": 1}', "field 'config' holds text that is not Unicode"),
        ("config", f'{{"order": {DEEP}}}', "field 'config' is nested too deep"),
        ("files", files("../w", "1"), "field files names no file"),
        ("files", files(".hidden", "1"), "field files names no file"),
        ("files", files("w", "1", 63), "field sha256 is not 64"),
        ("files", files("w", "-1"), "field size"),
        ("files", files("w", "1e3"), "field size"),
        ("members", "[1]", "field members is not a list"),
        ("members", json.dumps([{"model": "words@01", "sha256": "0" * 64}]), "member 'words@01' is not a name@version"),
        ("members", json.dumps([{"model": "../a@1", "sha256": "0" * 64}]), "member '../a@1' is not a name@version"),
        ("members", json.dumps([{"model": "words", "sha256": "0" * 64}]), "member 'words' is not a name@version"),
        ("normalized", "1", "field normalized"),
    ],
)
def test_card_read_refuses_a_field_out_of_bounds(file, field, value, message):
    card = {**json.loads(file.read_text(encoding="utf-8")), field: "HERE"}
    file.write_text(json.dumps(card).replace('"HERE"', value))
    with pytest.raises(CheckpointDamaged, match=re.escape(message)):
        Card.read(file)


@pytest.mark.parametrize("content", [b"[]", b"1", b"{", b"", b"[" * 100_000, b"\xff", b" " * (1 << 25)])
def test_card_read_refuses_what_is_no_object(file, content):
    file.write_bytes(content)
    with pytest.raises(CheckpointDamaged, match=r"card\.json"):
        Card.read(file)


def test_card_read_names_a_missing_file(tmp_path):
    with pytest.raises(CheckpointDamaged, match=r"card\.json"):
        Card.read(tmp_path / "card.json")
