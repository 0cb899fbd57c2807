"""Fetching of models from a source: bit-equal, verified, continued, and never over another model."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.core.exceptions import Conflict, DiskFull
from app.storage.replication.fetch import fetch_model
from app.storage.replication.source import SourceError
from models.checkpoint.card import CARD_FILE
from models.checkpoint.load import load
from models.errors import CheckpointDamaged, CheckpointExists
from tests.helpers.serving import ngram, publish, publish_mixture

WEIGHTS = "weights.safetensors"


class FolderSource:
    """Models of another folder, read 1000 bytes at a time; each reading breaks off after `breaks`."""

    def __init__(self, root: Path, breaks: int = 1 << 30) -> None:
        self.root, self.breaks, self.reads = root, breaks, []

    def card(self, model: str) -> bytes:
        return self._path(model, CARD_FILE).read_bytes()

    @contextmanager
    def read(self, model: str, file: str, offset: int) -> Iterator[Iterator[bytes]]:
        self.reads.append((file, offset))
        content = self._path(model, file).read_bytes()[offset:][: self.breaks]
        yield (content[i : i + 1000] for i in range(0, len(content), 1000))

    def _path(self, model: str, file: str) -> Path:
        return self.root / model.replace("@", "/") / file


@pytest.fixture
def there(tmp_path: Path) -> Path:
    publish(tmp_path / "there", "words", ngram())
    return tmp_path / "there"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_fetch_model_gives_the_same_bytes(there: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    assert fetch_model(FolderSource(there), here, "words@1")
    assert files(here) == files(there)
    assert (here / "words" / "1" / WEIGHTS).stat().st_mode & 0o222 == 0
    assert not fetch_model(FolderSource(there), here, "words@1")
    load(here / "words" / "1").model.check()


def test_fetch_model_fetches_what_it_is_made_of(there: Path, tmp_path: Path) -> None:
    publish(there, "other", ngram(order=2))
    publish_mixture(there, "mix", "words", "other")
    fetch_model(FolderSource(there), tmp_path / "here", "mix@1")
    assert files(tmp_path / "here") == files(there)


def test_fetch_model_goes_on_where_it_broke_off(there: Path, tmp_path: Path) -> None:
    source = FolderSource(there, breaks=5000)
    fetch_model(source, tmp_path / "here", "words@1")
    size = (there / "words" / "1" / WEIGHTS).stat().st_size
    assert [offset for file, offset in source.reads if file == WEIGHTS] == list(range(0, size, 5000))
    assert files(tmp_path / "here") == files(there)


def test_fetch_model_goes_on_with_what_an_earlier_process_left(there: Path, tmp_path: Path) -> None:
    here, source = tmp_path / "here", FolderSource(there, breaks=0)
    with pytest.raises(SourceError, match=r"breaks off after 0 of \d+ bytes; try again"):
        fetch_model(source, here, "words@1")
    (staging,) = here.iterdir()
    content = (there / "words" / "1" / "tokenizer.json").read_bytes()
    (staging / "tokenizer.json").write_bytes(content[:10])
    (staging / CARD_FILE).write_bytes(b"{")  # as a power cut leaves it
    source.breaks, source.reads = 1 << 30, []
    fetch_model(source, here, "words@1")
    assert source.reads == [("tokenizer.json", 10), (WEIGHTS, 0)]
    assert files(here) == files(there)


@pytest.mark.parametrize("change", [lambda data: data[:-1] + b"!", lambda data: data + b"!"])
def test_fetch_model_refuses_altered_files_and_asks_for_them_anew(change, there: Path, tmp_path: Path) -> None:
    here, weights = tmp_path / "here", there / "words" / "1" / WEIGHTS
    content = weights.read_bytes()
    weights.chmod(0o644)
    weights.write_bytes(change(content))
    with pytest.raises(CheckpointDamaged, match=WEIGHTS):
        fetch_model(FolderSource(there), here, "words@1")
    assert not (here / "words").exists()
    weights.write_bytes(content)
    fetch_model(FolderSource(there), here, "words@1")
    assert files(here) == files(there)


def test_fetch_model_refuses_another_card_than_the_named_one(there: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointDamaged, match="card"):
        fetch_model(FolderSource(there), tmp_path / "here", "words@1", card_sha256="0" * 64)


def test_fetch_model_never_replaces_a_model(there: Path, tmp_path: Path) -> None:
    publish(tmp_path / "here", "words", ngram(order=2))
    before = files(tmp_path / "here")
    with pytest.raises(CheckpointExists, match="words@1 is another model here"):
        fetch_model(FolderSource(there), tmp_path / "here", "words@1")
    assert files(tmp_path / "here") == before


def test_fetch_model_brings_back_nothing_that_was_deleted(there: Path, tmp_path: Path) -> None:
    shutil.copytree(there, tmp_path / "here")
    (tmp_path / "here" / "words" / "1" / CARD_FILE).rename(tmp_path / "here" / "words" / "1" / "deleted.json")
    with pytest.raises(Conflict, match="deleted"):
        fetch_model(FolderSource(there), tmp_path / "here", "words@1")


def test_fetch_model_leaves_a_model_to_the_process_that_is_at_it(there: Path, tmp_path: Path) -> None:
    class Twice(FolderSource):
        @contextmanager
        def read(self, model: str, file: str, offset: int) -> Iterator[Iterator[bytes]]:
            with pytest.raises(Conflict, match="another process is copying words"):
                fetch_model(FolderSource(there), tmp_path / "here", model)
            with super().read(model, file, offset) as pieces:
                yield pieces

    fetch_model(Twice(there), tmp_path / "here", "words@1")
    assert files(tmp_path / "here") == files(there)


def test_fetch_model_says_beforehand_that_the_disk_is_full(
    there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1)
    monkeypatch.setattr("app.storage.replication.fetch.shutil.disk_usage", lambda _: usage)
    source = FolderSource(there)
    with pytest.raises(DiskFull, match="MB more"):
        fetch_model(source, tmp_path / "here", "words@1")
    assert source.reads == []
