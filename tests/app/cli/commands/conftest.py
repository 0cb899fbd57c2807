"""A published model for the commands, and a runner of the command line in this process."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from app.cli.main import run
from tests.helpers.command_line import Finished, Run
from tests.helpers.serving import CHARACTERS, ngram, publish, recurrent

WITHOUT_THREADS = ("models", "export", "import", "convert", "pull", "push")
"""Commands that compute nothing."""


@pytest.fixture(scope="package")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """words (n-gram), counts (with zero probabilities), letters, lstm."""
    root = tmp_path_factory.mktemp("commands") / "checkpoints"
    publish(root, "words", ngram())
    publish(root, "counts", ngram(smoothing="mle"))
    publish(root, "letters", ngram(CHARACTERS, order=5), CHARACTERS)
    publish(root, "lstm", recurrent())
    return root


@pytest.fixture
def nextword(published: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(*arguments: str | Path, stdin: bytes = b"", root: Path = published) -> Finished:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capsys.readouterr()
        without = arguments[0] in WITHOUT_THREADS or arguments[:2] == ("counts", "show")
        threads = [] if without else ["--threads", "1"]
        status = run([*map(str, arguments), "--checkpoints", str(root), *threads])
        return Finished(status, *capsys.readouterr())

    return call
