"""The command line as a process: exit statuses, leftovers and imports."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import click
import pytest

from app.cli.main import COMMAND_HELP, cli, run
from tests.helpers.serving import ngram, publish

NEXTWORD = [sys.executable, "-m", "app.cli.main"]


def test_commands_have_the_help_of_the_list() -> None:
    for name in COMMAND_HELP:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None, name
        assert command.help, name


def test_help_does_not_import_torch() -> None:
    code = "import sys; from app.cli.main import run; assert run(['--help']) == 0; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_help_of_commands_and_the_list_of_models_import_no_library_that_computes(tmp_path: Path) -> None:
    publish(tmp_path, "words", ngram())
    lines = [*([name, "--help"] for name in COMMAND_HELP), ["models", "--checkpoints", str(tmp_path)]]
    code = (
        f"import sys; from app.cli.main import run; assert not any(run(line) for line in {lines});"
        "sys.exit(str({'torch', 'numba', 'fastapi'} & sys.modules.keys() or ''))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.stderr.strip() == ""
    assert "words@1" in process.stdout


def test_run_says_what_is_missing_where_torch_is_not_installed(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("the cat sat\n" * 30)
    line = [
        "train",
        str(tmp_path / "text"),
        "--name",
        "words",
        "--checkpoints",
        str(tmp_path),
        "--kind",
        "gru",
        "--quiet",
    ]
    code = f"""
import sys
from app.cli.main import run

class WithoutTorch:
    def find_spec(name, *_):
        if name == "torch":
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, WithoutTorch)
sys.exit(run({line}))
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (1, "nextword: this needs torch, which is not installed here\n")


def test_train_of_an_ngram_model_does_not_import_torch(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("the cat sat\n" * 30)
    line = ["train", str(tmp_path / "text"), "--name", "words", "--checkpoints", str(tmp_path), "--quiet"]
    code = f"import sys; from app.cli.main import run; assert run({line}) == 0; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_evaluate_of_an_ngram_model_does_not_import_torch(tmp_path: Path) -> None:
    publish(tmp_path, "words", ngram())
    (tmp_path / "text").write_text("the cat\n")
    line = ["evaluate", "words", str(tmp_path / "text"), "--checkpoints", str(tmp_path), "--quiet"]
    code = f"import sys; from app.cli.main import run; assert run({line}) == 0; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_unknown_command_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["trian"]) == 2
    assert capsys.readouterr().err == "nextword: No such command 'trian'.\n"


@pytest.fixture
def long_text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("the cat sat on the mat .\n" * 20_000, encoding="utf-8")
    return path


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_train_interrupted_leaves_nothing(long_text: Path, tmp_path: Path, number: signal.Signals, status: int) -> None:
    root = tmp_path / "checkpoints"
    flags = ["--name", "x", "--kind", "lstm", "--epochs", "1000", "--threads", "1"]
    command = [*NEXTWORD, "train", long_text, *flags, "--checkpoints", root]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "training" not in process.stderr.readline():
            pass
        process.send_signal(number)
        errors = process.stderr.read()
        assert process.wait() == status
    assert "Traceback" not in errors
    assert not root.exists() or not list(root.iterdir())


def test_score_prints_as_lines_arrive_and_ignores_a_closed_pipe(tmp_path: Path) -> None:
    publish(tmp_path, "words", ngram())
    command = [*NEXTWORD, "score", "words", "--checkpoints", tmp_path, "--threads", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"the cat\n")
        process.stdin.flush()
        assert process.stdout.readline().endswith(b"\tthe cat\n")  # while standard input is still open
        process.stdout.close()
        with suppress(BrokenPipeError):  # it may not even read all of this
            process.stdin.write(b"the cat\n" * 20_000)
            process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


def test_serve_prints_its_address_and_ends_well(tmp_path: Path) -> None:
    publish(tmp_path / "checkpoints", "words", ngram())
    flags = ["--port", "0", "--checkpoints", tmp_path / "checkpoints", "--data", tmp_path / "data", "--no-worker"]
    with subprocess.Popen([*NEXTWORD, "serve", *flags], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        greeting = [process.stdout.readline().split() for _ in range(5)]
        assert greeting[1][0] == "Page"
        assert greeting[1][1].startswith("http://127.0.0.1:")
        assert greeting[2] == ["API", f"{greeting[1][1]}v1/models"]
        assert greeting[3][-1].endswith("/docs")
        assert greeting[4][-1] == "words"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def test_serve_on_a_taken_port_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert run(["serve", "--port", port, "--data", str(tmp_path), "--no-worker"]) == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in capsys.readouterr().err
