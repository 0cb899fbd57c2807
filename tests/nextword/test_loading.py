"""Models are loaded by name, version or path, from the folder that was meant."""

from pathlib import Path

import pytest

import nextword
from models.errors import CheckpointNotFound, InvalidInput
from models.neural.int8.model import Int8Model
from tests.helpers.language_models import ngram, published, recurrent


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkpoints")
    for order in (2, 3):
        published(root, ngram("kneser_ney", order=order), "words")
    published(root, recurrent("lstm", family=Int8Model), "network")
    return root


@pytest.mark.parametrize(("name", "order"), [("words", 3), ("words@1", 2), ("words@2", 3)])
def test_load_finds_names_in_the_folder_it_is_given(folder, name, order):
    assert nextword.load(name, checkpoints=folder).model.table.order == order
    assert nextword.load(name, checkpoints=str(folder)).path == folder / "words" / str(order - 1)


def test_load_finds_names_in_the_folder_of_the_environment(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEXTWORD_CHECKPOINTS", str(folder))
    assert nextword.load("words").path == folder / "words" / "2"
    with pytest.raises(CheckpointNotFound, match="no checkpoint 'words'"):
        nextword.load("words", checkpoints=tmp_path)


def test_load_finds_names_in_the_current_folder(folder, monkeypatch, tmp_path):
    monkeypatch.delenv("NEXTWORD_CHECKPOINTS", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("checkpoints").symlink_to(folder)
    assert nextword.load("words@1").model.table.order == 2


def test_load_takes_paths_of_a_version_and_of_all(folder, monkeypatch):
    monkeypatch.chdir(folder)
    for path in ("./words/1", Path("words/1"), Path("words") / "1", folder / "words" / "1"):
        assert nextword.load(path).model.table.order == 2
    assert nextword.load(Path("words")).model.table.order == 3


def test_load_computes_in_the_precision_that_is_asked_for(folder):
    assert nextword.load("network", checkpoints=folder, precision="int8").model.precision == "int8"
    with pytest.raises(InvalidInput, match="precision: must be one of float32, int8, not 'int4'"):
        nextword.load("network", checkpoints=folder, precision="int4")


def test_load_names_the_models_that_there_are(folder):
    with pytest.raises(CheckpointNotFound, match=r"no checkpoint 'word' in .*; there are: network@1, words@1, words@2"):
        nextword.load("word", checkpoints=folder)
