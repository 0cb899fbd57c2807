from pathlib import Path

import pytest

from models.checkpoint.model_name import check_name
from models.checkpoint.repository import list_checkpoints, next_version, resolve, was_deleted
from models.errors import CheckpointNotFound, InvalidInput


def publish(path: Path) -> None:
    """Make the files of a checkpoint that a repository looks at."""
    path.mkdir(parents=True)
    (path / "card.json").write_text("")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(1, 12):
        publish(tmp_path / "alpha" / str(number))
    publish(tmp_path / "beta" / "1")
    for stranger in (".gamma-123456/1", "Upper/1", "alpha/draft", "alpha/012", "alpha/0"):
        publish(tmp_path / stranger)
    for unpublished in ("empty", "beta/7"):
        (tmp_path / unpublished).mkdir()
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "alpha" / "README").write_text("")
    return tmp_path


def test_list_checkpoints_holds_what_is_published_only(root):
    assert [entry.id for entry in list_checkpoints(root)] == [*(f"alpha@{n}" for n in range(1, 12)), "beta@1"]
    assert [entry.path for entry in list_checkpoints(root)][-1] == root / "beta" / "1"


def test_list_checkpoints_of_a_missing_root_is_empty(tmp_path):
    assert list_checkpoints(tmp_path / "nowhere") == []


def test_was_deleted_is_no_for_what_is_there_is_no_name_or_cannot_be_looked_at(root, monkeypatch):
    (root / "beta" / "7" / "deleted.json").write_text("")
    assert was_deleted(root, "beta@7")
    assert not any(was_deleted(root, model) for model in ("beta@1", "beta@9", "beta", "../x@1", "beta@07"))

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", refuse)
    assert not was_deleted(root, "beta@7")


def test_next_version_is_one_that_nothing_uses(root):
    assert next_version(root / "alpha") == 12
    assert next_version(root / "beta") == 8
    assert next_version(root / "gamma") == 1


@pytest.mark.parametrize(
    ("model", "expected"), [("alpha", "alpha@11"), ("alpha@3", "alpha@3"), ("beta", "beta@1"), ("beta@1", "beta@1")]
)
def test_resolve_takes_the_newest_version_of_a_name(root, model, expected):
    assert resolve(root, model).id == expected


def test_resolve_takes_a_path_or_the_newest_version_in_it(root):
    assert resolve(root, str(root / "alpha" / "2")).id == "alpha@2"
    assert resolve(root, str(root / "alpha")).id == "alpha@11"
    publish(root / "Elsewhere")
    assert resolve(root, str(root / "Elsewhere")).id == "Elsewhere"
    assert resolve(root, str(root / "Elsewhere")).version is None


def test_resolve_takes_relative_paths(root, monkeypatch):
    monkeypatch.chdir(root / "alpha")
    assert resolve(Path("unused"), "./3").id == "alpha@3"
    assert resolve(Path("unused"), "../beta").id == "beta@1"
    assert resolve(Path("unused"), ".").id == "alpha@11"


@pytest.mark.parametrize(
    "model",
    [
        "gamma",
        "alpha@12",
        "alpha@01",
        "alpha@",
        "alpha@x",
        "alpha@1@2",
        "beta@7",
        "empty",
        "",
        "@1",
        "a b",
        "notes.txt",
    ],
)
def test_resolve_lists_what_exists_for_an_unknown_name(root, model):
    with pytest.raises(CheckpointNotFound) as caught:
        resolve(root, model)
    assert "alpha@11" in str(caught.value)
    assert "beta@1" in str(caught.value)


@pytest.mark.parametrize("model", ["nowhere/1", "../beta/7", "./notes.txt"])
def test_resolve_names_a_path_that_is_no_checkpoint(root, model, monkeypatch):
    monkeypatch.chdir(root / "alpha")
    with pytest.raises(CheckpointNotFound, match=r"no card\.json"):
        resolve(root, model)


def test_resolve_in_an_empty_root_says_none(tmp_path):
    with pytest.raises(CheckpointNotFound, match="there are: none"):
        resolve(tmp_path, "alpha")


@pytest.mark.parametrize("name", ["a", "0", "a.b_c-1", "x" * 64])
def test_check_name_accepts_names(name):
    check_name(name)


@pytest.mark.parametrize("name", ["", "Toy", "../toy", ".toy", "-toy", "a/b", "x" * 65, "toy@1", "tóy", "a\n"])
def test_check_name_refuses_what_is_no_name(name):
    with pytest.raises(InvalidInput, match="is no name") as caught:
        check_name(name)
    assert caught.value.field == "name"
