"""Published files that change under the server: it answers with what was verified, or says that it cannot."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from app.main import sweep_copies
from models.checkpoint import private_copies
from models.checkpoint.card import Card
from tests.helpers.serving import Server, get, ngram, post, publish, recurrent, serving, wait_for


def copies(server: Server) -> set[str]:
    folder = Path(server.app.state.settings.data) / "weights"
    return {copy.name for copy in folder.iterdir() if copy.name[0] != "."}


def hashes(root: Path, model: str) -> set[str]:
    return {digest.sha256 for digest in Card.read(root / model / "1" / "card.json").files.values()}


def perplexity(server: Server, model: str) -> httpx.Response:
    return post(f"{server.url}/v1/models/{model}/perplexity", json={"text": "the old dog saw a bird"})


def truncate(file: Path) -> None:
    os.truncate(file, 100)


def alter(file: Path) -> None:
    content = bytearray(file.read_bytes())
    half = len(content) // 2
    content[half:] = bytes(reversed(content[half:]))
    with file.open("r+b") as opened:
        opened.write(content)


@pytest.mark.parametrize("change", [truncate, alter])
@pytest.mark.parametrize("family", [ngram, recurrent])
def test_model_whose_file_changes_in_place_answers_rightly_or_not_at_all(server, root, change, family) -> None:
    model = f"{change.__name__}-{family.__name__}"
    file = publish(root, model, family()).path / "weights.safetensors"
    wait_for(lambda: perplexity(server, model).status_code == 200)
    right = perplexity(server, model).json()["perplexity"]
    before = file.read_bytes()
    file.chmod(0o644)
    change(file)
    answers = [perplexity(server, model)]
    while answers[-1].status_code == 200:
        assert answers[-1].json()["perplexity"] == right
        answers.append(perplexity(server, model))
    assert answers[-1].status_code == 503
    error = answers[-1].json()["error"]
    assert error["code"] == "model_unusable"
    assert f"{model}/1/weights.safetensors" in error["message"]
    assert "altered" in error["message"]
    assert str(root) not in error["message"]
    assert perplexity(server, "sound").status_code == 200
    file.write_bytes(before)
    wait_for(lambda: perplexity(server, model).status_code == 200)
    assert perplexity(server, model).json()["perplexity"] == right


def test_weights_are_mapped_from_one_read_only_copy_that_goes_with_the_model(server, root, monkeypatch) -> None:
    publish(root, "mapped", recurrent(seed=5))
    wait_for(lambda: perplexity(server, "mapped").status_code == 200)
    own = hashes(root, "mapped") - hashes(root, "sound")
    folder = Path(server.app.state.settings.data) / "weights"
    assert own <= copies(server)
    assert {(folder / name).stat().st_mode & 0o777 for name in copies(server)} == {0o444}
    maps = Path("/proc/self/maps").read_text()
    assert str(folder) in maps
    assert f"{root}/" not in maps
    monkeypatch.setattr(private_copies, "YOUNG_SECONDS", 0.0)
    sweep_copies(server.app)
    assert own <= copies(server)
    assert httpx.delete(f"{server.url}/v1/models/mapped@1").status_code == 200
    wait_for(lambda: "mapped@1" not in get(f"{server.url}/health/ready").json()["models"])
    sweep_copies(server.app)
    assert not own & copies(server)
    assert hashes(root, "sound") <= copies(server)


def test_copy_that_is_damaged_is_made_again_at_the_next_start(tmp_path) -> None:
    root = tmp_path / "checkpoints"
    publish(root, "words", ngram(order=2))
    with serving(root) as first:
        right = perplexity(first, "words").json()["perplexity"]
        damaged = [tmp_path / "checkpoints-data" / "weights" / name for name in copies(first)]
    for copy in damaged:
        copy.chmod(0o644)
        truncate(copy) if copy.stat().st_size > 5000 else copy.unlink()
    with serving(root) as second:
        assert perplexity(second, "words").json()["perplexity"] == right
        assert copies(second) == {copy.name for copy in damaged}


def test_map_in_place_makes_no_copy(tmp_path) -> None:
    root = tmp_path / "checkpoints"
    publish(root, "words", ngram(order=2))
    with serving(root, map_in_place=True) as running:
        assert perplexity(running, "words").status_code == 200
        assert f"{root}/words/1/" in Path("/proc/self/maps").read_text()
        assert not (tmp_path / "checkpoints-data" / "weights").exists()


def test_model_that_cannot_be_copied_harms_no_other(tmp_path, monkeypatch) -> None:
    root = tmp_path / "checkpoints"
    publish(root, "words", ngram(order=2))
    publish(root, "other", ngram(order=3))
    large = (root / "other" / "1" / "weights.safetensors").stat().st_size
    honest = private_copies.clone

    def full(source: Path, target: Path, size: int) -> None:
        if size == large:
            raise OSError(28, "No space left on device", str(target))
        honest(source, target, size)

    monkeypatch.setattr(private_copies, "clone", full)
    with serving(root) as running:
        assert perplexity(running, "words").status_code == 200
        problems = get(f"{running.url}/v1/models").json()["problems"]
        assert problems == [{"id": "other@1", "message": "it cannot be loaded: No space left on device"}]
