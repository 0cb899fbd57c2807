"""Copy of a service as an old version left it, for the test of upgrades (tests/app/test_upgrade.py).

`python -m tools.old_service CHECKOUT LATER ARCHIVE` runs the service of CHECKOUT, has it train models, and lets it die
while one job runs and others wait. Its data, its models, what it answered and a backup of it by the version of LATER
are packed into ARCHIVE (.tar.xz). The copy of the tests was made of the first version that wrote n-gram tables as they
are now (all else it had written so before), and of the first that made backups:

    git worktree add /tmp/old 3209881
    git worktree add /tmp/later 3606ae1
    python -m tools.old_service /tmp/old /tmp/later tests/app/first_service.tar.xz
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click
import httpx

TEXT = Path("app/storage/files/emma.txt")
TEXT_BYTES = 2500
LSTM = {"layers": 1, "hidden_size": 4, "embedding_size": 4, "batch_size": 4, "bptt": 8}
TRAININGS: list[dict[str, Any]] = [
    {"kind": "ngram", "name": "kn", "config": {"order": 3}},
    {
        "kind": "ngram",
        "name": "letters",
        "config": {"order": 4, "smoothing": "backoff"},
        "tokenizer": {"kind": "character"},
    },
    {
        "kind": "ngram",
        "name": "pruned",
        "config": {"order": 3, "prune": [0, 0, 1]},
        "tokenizer": {"lowercase": True},
    },
    {"kind": "lstm", "name": "lstm", "config": LSTM | {"epochs": 2}},
    {"kind": "gru", "name": "half", "config": LSTM | {"epochs": 1, "storage": "float16", "tied": False}},
    {"kind": "rnn", "name": "letters-rnn", "config": LSTM | {"epochs": 0.2}, "tokenizer": {"kind": "character"}},
]
INTERRUPTED = {"kind": "lstm", "name": "interrupted", "config": LSTM | {"epochs": 60}}
QUESTIONS: dict[str, dict[str, Any]] = {
    "next": {"context": "Emma had been", "top_k": 5},
    "probability": {"text": "She was the youngest of the two daughters.\nAn unheard-of sentence, 1816!"},
    "perplexity": {"text": "Emma was handsome and rich.\n\nMr. Knightley doesn't agree.\n"},
    "generate": {"prompt": "The house", "temperature": 0, "max_tokens": 12},
}
"""Requests by route, as they are put to each model."""
SETTINGS = {
    "NEXTWORD_JOB_NICENESS": "0",
    "NEXTWORD_JOB_SAVE_SECONDS": "1",
    "NEXTWORD_JOB_THREADS": "1",
    "NEXTWORD_LOG_LEVEL": "warning",
    "NEXTWORD_PRECISION": "float32",
}


@click.command()
@click.argument("checkout", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("later", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("archive", type=click.Path(dir_okay=False, path_type=Path))
def main(checkout: Path, later: Path, archive: Path) -> None:
    """Run the service of CHECKOUT and pack what it leaves into ARCHIVE, with a backup of it by LATER."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        answers = fill(checkout.resolve(), root)
        text = json.dumps(answers, indent=1).replace(f"{socket.gethostname()}:", "old:")
        (root / "answers.json").write_text(text)
        make_anonymous(root / "data" / "nextword.db")
        (root / "data" / "verified.json").unlink(missing_ok=True)  # paths of this machine
        back_up(later.resolve(), root)
        with tarfile.open(archive, "w:xz") as packed:
            for path in sorted(root.rglob("*")):
                packed.add(path, str(path.relative_to(root)), recursive=False, filter=_plain)
    click.echo(f"{archive}: {archive.stat().st_size} bytes")


def fill(checkout: Path, root: Path) -> dict[str, Any]:
    """Have the old service do everything; return what it answered."""
    with service(checkout, root) as client:
        text = upload(client, TEXT.read_bytes()[:TEXT_BYTES], "emma.txt")
        heldout = upload(client, TEXT.read_bytes()[TEXT_BYTES : TEXT_BYTES + 1000], "heldout.txt")
        files = {"training_file": text, "validation_file": heldout, "licence": "public domain"}
        finished = [finish(client, training | files) for training in TRAININGS]
        models = [job["model"] for job in finished]
        client.put("/v1/aliases/production", json={"model": "kn@1"}).raise_for_status()
        finished.append(finish(client, {"kind": "evaluate", "model": "lstm@1", "validation_file": heldout}))
        running = ask(client, INTERRUPTED | files)
        wait_for(lambda: list((root / "data/jobs" / running["id"]).glob("*/training.safetensors")))
        measured = client.get(f"/v1/jobs/{running['id']}/metrics").json()["data"]
        waiting = [
            ask(client, TRAININGS[0] | files),
            ask(client, {"kind": "evaluate", "model": "production", "validation_file": heldout}),
        ]
        cancelled = client.post(f"/v1/jobs/{ask(client, INTERRUPTED | files)['id']}/cancel").json()
        return {
            "answers": {model: {route: put(client, model, route) for route in QUESTIONS} for model in models},
            "files": client.get("/v1/files").json()["data"],
            "jobs": [client.get(f"/v1/jobs/{job['id']}").json() for job in finished],
            "events": {job["id"]: client.get(f"/v1/jobs/{job['id']}/events").json()["data"] for job in finished},
            "interrupted": running["id"],
            "measured_steps": [metric["step"] for metric in measured],
            "waiting": [job["id"] for job in waiting],
            "cancelled": cancelled["id"],
        }


def back_up(checkout: Path, root: Path) -> None:
    """Write `backup.tar` by the version of a checkout, of a copy of the data with its tables."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(root, copy)
        with service(checkout, copy, "--no-worker", module="app.cli.main"):
            pass
        folders = {"NEXTWORD_CHECKPOINTS": str(copy / "checkpoints"), "NEXTWORD_DATA": str(copy / "data")}
        command = [sys.executable, "-m", "app.cli.main", "backup", str(root / "backup.tar")]
        environment = os.environ | folders | {"PYTHONPATH": str(checkout)}
        subprocess.run(command, cwd=checkout, env=environment, check=True)


@contextmanager
def service(checkout: Path, root: Path, *options: str, module: str = "app.cli") -> Iterator[httpx.Client]:
    """Run the service of a checkout; at the end all of it is killed at once, as by a power cut."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folders = ["--checkpoints", str(root / "checkpoints"), "--data", str(root / "data")]
    command = [sys.executable, "-m", module, "serve", "--port", str(port), *folders, *options]
    settings = {"PYTHONPATH": str(checkout)} | SETTINGS
    with (
        subprocess.Popen(command, cwd=checkout, env=os.environ | settings, start_new_session=True) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        try:
            wait_for(lambda: is_ready(client))
            yield client
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def is_ready(client: httpx.Client) -> bool:
    """Tell whether the service answers."""
    try:
        return client.get("/v1/aliases").is_success
    except httpx.TransportError:
        return False


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until a condition holds, five minutes at most."""
    deadline = time.monotonic() + 300
    while not condition():
        if time.monotonic() > deadline:
            raise click.ClickException("the old service does not get on")
        time.sleep(0.05)


def upload(client: httpx.Client, content: bytes, name: str) -> str:
    """Upload a file; return its id."""
    return str(client.post("/v1/files", files={"file": (name, content)}).raise_for_status().json()["id"])


def ask(client: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    """Ask for a job."""
    answer = client.post("/v1/jobs", json=body)
    if answer.is_error:
        raise click.ClickException(answer.text)
    job: dict[str, Any] = answer.json()
    return job


def finish(client: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    """Ask for a job and wait for its end."""
    job = ask(client, body)
    wait_for(lambda: client.get(f"/v1/jobs/{job['id']}").json()["status"] in ("succeeded", "failed"))
    return job


def put(client: httpx.Client, model: str, route: str) -> dict[str, Any]:
    """Put the question of a route to a model, as soon as it is loaded."""
    path = f"/v1/models/{model}"
    wait_for(lambda: client.get(path).is_success)
    answer: dict[str, Any] = client.post(f"{path}/{route}", json=QUESTIONS[route]).raise_for_status().json()
    return answer


def make_anonymous(path: Path) -> None:
    """Take the name of this machine out of a database, and make it small."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for table, column in (("jobs", "worker"), ("job_events", "data")):
            database.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, 'old:')", (f"{socket.gethostname()}:",)
            )
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for suffix in ("-wal", "-shm"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Return a file or directory without its owner; None for links, which lead to where this service lay."""
    if member.issym():
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    main()
