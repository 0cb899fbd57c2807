import json
import os
import pickle
import shutil
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import models.checkpoint.save
from models.checkpoint.card import FileDigest, Provenance, to_jsonable
from models.checkpoint.hash_cache import VerifiedHashes
from models.checkpoint.load import Checkpoint, load
from models.checkpoint.repository import CheckpointRef, list_checkpoints
from models.checkpoint.save import save
from models.errors import CheckpointDamaged, CheckpointExists, InvalidInput
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.toy import Bigram

FAMILIES = {"toy": Bigram}
TOKENIZER = Tokenizer.train(TokenizerConfig(), ["a b c d e\n"])
PROVENANCE = Provenance(
    command="nextword train --name toy text.txt",
    licence="public domain",
    corpus={"text.txt": FileDigest("0" * 64, 10)},
    recipe={"order": 2},
    metrics={"perplexity": 3.5},
)


def publish(root: Path, name: str = "toy", **options) -> CheckpointRef:
    model = options.pop("model", None) or Bigram.random(TOKENIZER.vocabulary_size)
    provenance = options.pop("provenance", PROVENANCE)
    return save(root, name, model, TOKENIZER, provenance, families=FAMILIES, **options)


def reopen(entry: CheckpointRef, **options) -> Checkpoint:
    return load(entry.path, families=FAMILIES, **options)


@pytest.fixture
def entry(tmp_path: Path) -> CheckpointRef:
    return publish(tmp_path)


def test_load_restores_what_was_saved_bit_for_bit(tmp_path):
    model = Bigram.random(TOKENIZER.vocabulary_size, seed=7)
    checkpoint = reopen(publish(tmp_path, model=model))
    assert np.array_equal(checkpoint.model.matrix, model.matrix)
    assert checkpoint.tokenizer.vocabulary == TOKENIZER.vocabulary
    assert checkpoint.tokenizer.config == TOKENIZER.config


def test_save_reads_no_large_vocabulary_back(tmp_path, monkeypatch):
    read = []
    load_tokenizer = Tokenizer.load
    monkeypatch.setattr(Tokenizer, "load", lambda path: read.append(path.name) or load_tokenizer(path))
    monkeypatch.setattr(models.checkpoint.save, "_MOST_READ_BACK", TOKENIZER.vocabulary_size)
    publish(tmp_path)
    assert read == ["tokenizer.json"]
    monkeypatch.setattr(models.checkpoint.save, "_MOST_READ_BACK", TOKENIZER.vocabulary_size - 1)
    entry = publish(tmp_path)
    assert read == ["tokenizer.json"]
    assert reopen(entry).tokenizer.is_equivalent_to(TOKENIZER)
    with pytest.raises(CheckpointDamaged, match="tokens instead of the card's 6"):
        publish(tmp_path, model=Bigram.random(6))


def test_save_writes_a_card_of_provenance_model_and_files(entry):
    card = reopen(entry).card
    assert card.provenance == PROVENANCE
    assert (card.kind, card.config, card.vocabulary_size, card.parameters) == ("toy", {}, 7, 8 * 7)
    assert card.tokenizer == to_jsonable(asdict(TOKENIZER.config))
    assert card.versions["torch"] == version("torch")
    assert card.files == {name: FileDigest.of(entry.path / name) for name in ("tokenizer.json", "weights.safetensors")}


def test_load_maps_weights_without_copying(entry):
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("needs /proc")
    checkpoint = reopen(entry)
    assert str(entry.path.resolve() / "weights.safetensors") in maps.read_text()
    assert checkpoint.model.vocabulary_size == TOKENIZER.vocabulary_size


def test_save_counts_versions_up_and_leaves_old_ones(tmp_path):
    first = publish(tmp_path)
    before = {p.name: p.read_bytes() for p in first.path.iterdir()}
    second = publish(tmp_path, model=Bigram.random(TOKENIZER.vocabulary_size, seed=1))
    assert (first.id, second.id) == ("toy@1", "toy@2")
    assert {p.name: p.read_bytes() for p in first.path.iterdir()} == before


def test_save_onto_a_version_fails_and_changes_nothing(tmp_path):
    entry = publish(tmp_path, version=3)
    before = (entry.path / "weights.safetensors").read_bytes()
    with pytest.raises(CheckpointExists, match="toy@3"):
        publish(tmp_path, version=3, model=Bigram.random(TOKENIZER.vocabulary_size, seed=1))
    assert (entry.path / "weights.safetensors").read_bytes() == before
    assert publish(tmp_path).id == "toy@4"


def test_save_does_not_overwrite_a_version_taken_meanwhile(tmp_path, monkeypatch):
    publish(tmp_path)
    answers = iter([1, 2])  # as if another process had published version 1 after we looked
    monkeypatch.setattr(models.checkpoint.save, "next_version", lambda folder: next(answers))
    assert publish(tmp_path).id == "toy@2"


def test_save_does_not_reuse_the_number_of_a_foreign_directory(tmp_path):
    (tmp_path / "toy" / "5").mkdir(parents=True)
    assert publish(tmp_path).id == "toy@6"


@pytest.mark.parametrize("failing", ["FileDigest", "load", "write_tensors", "_publish"])
def test_save_that_fails_at_any_stage_leaves_nothing(tmp_path, monkeypatch, failing):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(models.checkpoint.save, failing, interrupted)
    with pytest.raises((KeyboardInterrupt, AttributeError)):
        publish(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "Toy", "../toy", ".toy", "a/b", "x" * 65, "toy@1", "tóy"])
def test_save_refuses_what_is_no_name(tmp_path, name):
    with pytest.raises(InvalidInput, match="name"):
        publish(tmp_path, name)


def test_save_refuses_a_card_that_does_not_fit_json(tmp_path):
    with pytest.raises(InvalidInput, match="card"):
        publish(tmp_path, provenance=replace(PROVENANCE, metrics={"perplexity": float("nan")}))
    assert list_checkpoints(tmp_path) == []


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), 0.5])
def test_save_refuses_a_model_whose_rows_are_no_distributions(tmp_path, broken):
    model = Bigram.random(TOKENIZER.vocabulary_size)
    model.matrix[2, 3] = broken
    with pytest.raises(InvalidInput, match="sum to one"):
        publish(tmp_path, model=model)
    assert list_checkpoints(tmp_path) == []


def test_check_of_a_language_model_accepts_a_probability_of_zero():
    rows = np.zeros((8, 7))
    rows[:, 2] = 1
    Bigram(rows).check()


def test_save_lets_all_users_read_the_files_and_none_write_to_them(tmp_path):
    entry = publish(tmp_path)
    umask = os.umask(0)
    os.umask(umask)
    assert {path.stat().st_mode & 0o777 for path in entry.path.iterdir()} == {0o444 & ~umask}


# --- damage, each named by the file it is in


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-3])


def alter_a_byte(file: Path) -> None:
    stored = bytearray(file.read_bytes())
    stored[-2] ^= 1
    file.write_bytes(stored)


def empty(file: Path) -> None:
    file.write_bytes(b"")


def put_a_pickle(file: Path) -> None:
    file.write_bytes(pickle.dumps({"matrix": [1.0] * 100}))


def link_elsewhere(file: Path) -> None:
    outside = file.parents[3] / "outside"
    shutil.move(file, outside)
    file.symlink_to(outside)


def make_a_directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


DAMAGE = [cut_short, alter_a_byte, empty, put_a_pickle, link_elsewhere, make_a_directory, Path.unlink]


@pytest.fixture
def nested(tmp_path: Path) -> CheckpointRef:
    return publish(tmp_path / "root")


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["card.json", "tokenizer.json", "weights.safetensors"])
def test_load_names_the_file_of_damage(nested, name, damage):
    if (name, damage) == ("card.json", alter_a_byte):
        pytest.skip("no hash covers the card itself")
    damage(nested.path / name)
    with pytest.raises(CheckpointDamaged, match=name):
        reopen(nested)


def rewrite_card(entry: CheckpointRef, **changes) -> None:
    file = entry.path / "card.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_load_names_an_unknown_kind_and_the_known_ones(entry):
    rewrite_card(entry, kind="transformer")
    with pytest.raises(CheckpointDamaged, match=r"card\.json: unknown kind 'transformer'; known: toy"):
        reopen(entry)


def test_load_refuses_the_config_of_another_kind(entry):
    rewrite_card(entry, config={"layers": 3})
    with pytest.raises(CheckpointDamaged, match=r"card\.json: field config .*layers"):
        reopen(entry)


def test_load_refuses_a_card_that_does_not_list_its_files(entry):
    rewrite_card(entry, files={})
    with pytest.raises(CheckpointDamaged, match=r"card\.json: does not list tokenizer\.json"):
        reopen(entry)


def test_load_refuses_weights_of_another_model_with_the_right_hash(entry):
    weights = entry.path / "weights.safetensors"
    save_file({"matrix": np.zeros((3, 2))}, weights)
    files = {name: asdict(FileDigest.of(entry.path / name)) for name in ("tokenizer.json", "weights.safetensors")}
    rewrite_card(entry, files=files)
    with pytest.raises(CheckpointDamaged, match=r"weights.safetensors: .*not one matrix"):
        reopen(entry)


def test_load_refuses_a_tokenizer_of_another_size_with_the_right_hash(entry):
    Tokenizer.train(TokenizerConfig(), ["a b\n"]).save(entry.path / "tokenizer.json")
    files = {name: asdict(FileDigest.of(entry.path / name)) for name in ("tokenizer.json", "weights.safetensors")}
    rewrite_card(entry, files=files)
    with pytest.raises(CheckpointDamaged, match=r"tokenizer.json: 4 tokens instead of the card's 7"):
        reopen(entry)


def test_load_shares_the_tokenizers_of_equal_files_that_were_verified(tmp_path):
    tokenizers: dict[str, Tokenizer] = {}
    first, second = (reopen(publish(tmp_path, name), tokenizers=tokenizers) for name in ("toy", "other"))
    assert first.tokenizer is second.tokenizer is tokenizers[first.card.files["tokenizer.json"].sha256]
    unverified = reopen(publish(tmp_path, "third"), tokenizers=tokenizers, verify=False)
    assert unverified.tokenizer is not first.tokenizer


def test_load_without_verification_still_finds_a_wrong_size(entry):
    alter_a_byte(entry.path / "weights.safetensors")
    reopen(entry, verify=False)
    cut_short(entry.path / "weights.safetensors")
    with pytest.raises(CheckpointDamaged, match=r"weights\.safetensors"):
        reopen(entry, verify=False)


def test_load_verifies_hashes_once_until_a_file_changes(entry, tmp_path, monkeypatch):
    ledger, hashed, honest = VerifiedHashes(tmp_path / "verified.json"), [], FileDigest.of
    monkeypatch.setattr(FileDigest, "of", lambda path: hashed.append(path.name) or honest(path))
    for _ in range(2):
        reopen(entry, verified_hashes=ledger)
    assert hashed == ["tokenizer.json", "weights.safetensors"]
    alter_a_byte(entry.path / "weights.safetensors")
    os.utime(entry.path / "weights.safetensors", ns=(1, 1))  # no clock is too coarse to tell this from before
    with pytest.raises(CheckpointDamaged, match=r"weights\.safetensors: .*SHA-256"):
        reopen(entry, verified_hashes=ledger)
