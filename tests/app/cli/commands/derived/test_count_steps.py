"""`nextword counts census | freeze | map | reduce | pack`, each a process of its own in use."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.cli.main import run
from models.checkpoint.load import load

TEXTS = ("the cat sat .\n" * 20 + "a dog ran .\n" * 7, "sat the cat .\n" * 20, ". ran a dog\n" * 7 + "\nthe end\n")


def counts(*arguments: str | Path) -> None:
    """Run a step and assert that it succeeds."""
    assert run(["counts", *map(str, arguments)]) == 0


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Shards whose censuses are taken and frozen in `work`, to order 3 in two parts."""
    paths = [tmp_path / f"{number}.txt" for number in range(len(TEXTS))]
    for path, text in zip(paths, TEXTS, strict=True):
        path.write_text(text)
        counts("census", path, "--work", tmp_path / "work", "--threads", "1")
    counts("freeze", "--work", tmp_path / "work", "--order", "3", "--parts", "2")
    return paths


def test_counts_steps_publish_the_model_of_train(
    shards: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work, root = tmp_path / "work", tmp_path / "checkpoints"
    for shard in shards:
        counts("map", shard, "--work", work, "--threads", "1", "--memory", "8G", "--scratch", tmp_path)
    for part in ("1/2", "2/2"):
        counts("reduce", "--part", part, "--work", work, "--threads", "1")
    shared = ("--prune", "0,0,1", "--checkpoints", root, "--threads", "1", "--quiet")
    for round_number in "123":
        for part in ("1/2", "2/2"):
            step = ("--round", round_number, "--part", part, "--prune", "0,0,1", "--work", work, "--threads", "1")
            counts("estimate", *step)
    counts("pack", "--name", "packed", "--estimated", "--work", work, "--licence", "MIT", *shared[2:])
    counts("pack", "--name", "here", "--work", work, *shared)
    assert "published packed@1" in capsys.readouterr().out
    alone = ("--order", "3", "--name", "alone", "--validation-fraction", "0", *shared)
    assert run(["train", *map(str, (*shards, *alone))]) == 0
    for name in ("weights.safetensors", "tokenizer.json"):
        assert (root / "packed" / "1" / name).read_bytes() == (root / "alone" / "1" / name).read_bytes()
        assert (root / "here" / "1" / name).read_bytes() == (root / "alone" / "1" / name).read_bytes()
    assert load(root / "packed" / "1").card.provenance.licence == "MIT"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reduce", "--part", "3"], "part: must be a number from 1 and how many there are, as 3/8"),
        (["reduce", "--part", "1/2"], "0.txt/1.safetensors is missing: run `nextword counts map` of 0.txt first"),
        (["pack", "--name", "x"], "1.safetensors is missing: run `nextword counts reduce --part 1/2` first"),
        (["pack", "--name", "x", "--estimated"], "estimate/1/1.safetensors is missing: run `nextword counts estimate`"),
        (
            ["pack", "--name", "x", "--estimated", "--bits", "8"],
            "estimated: has the settings of estimate: leave out bits",
        ),
        (["estimate", "--round", "1", "--part", "1/2"], "reduce/1.safetensors is missing"),
        (["estimate", "--round", "1", "--part", "1/3"], "part: must be of 2"),
        (["map", "none.txt"], "none.txt cannot be read"),
        (["map", "none.txt", "--memory", "1M"], "memory: must be 64 MiB or more"),
        (["freeze", "--parts", "0"], "parts: must be from 1"),
        (["census", "none.txt", "--tokenizer", "bpe"], "tokenizer: must be word or character, or a file"),
    ],
    ids=str,
)
def test_counts_steps_refuse_and_name_the_file(
    shards: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    del shards
    capsys.readouterr()
    assert run(["counts", *arguments, "--work", str(tmp_path / "work")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("nextword: ") == 1


def test_counts_map_killed_and_run_again_writes_the_same_bytes(shards: list[Path], tmp_path: Path) -> None:
    work, parts = tmp_path / "work", 40
    counts("freeze", "--work", work, "--order", "3", "--parts", str(parts))
    command = [sys.executable, "-m", "app.cli.main", "counts", "map", str(shards[0]), "--work", str(work)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not _files(work):
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
    killed = _files(work)
    counts("map", shards[0], "--work", work, "--threads", "1")
    whole = _files(work)
    assert 0 < len(killed) < len(whole) == parts
    assert killed.items() <= whole.items()


def _files(work: Path) -> dict[Path, bytes]:
    """Return what was published of all shards."""
    return {path: path.read_bytes() for path in work.glob("map/*/[0-9]*")}
