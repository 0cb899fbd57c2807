"""Guardian of the only server process: faults that it survives, and signals that it passes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np

from models.ngram.config import NgramConfig
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_tokens
from tests.helpers.fleet import children, is_running
from tests.helpers.serving import WORDS, get, ngram, post, process, publish, wait_for


def run(code: str) -> subprocess.CompletedProcess[str]:
    """A guardian of some code, which knows how often it was begun."""
    program = f"""
import os, signal, sys, time
from app.server import guardian
began = []
def serve():
    {code}
def on_fault(number):
    began.append(number)
    print("fault", number, flush=True)
guardian.keep_running(serve, on_fault)
print("served", flush=True)
"""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


def test_guardian_ends_as_what_it_guards_ends() -> None:
    assert run("sys.exit(3)").returncode == 3
    assert run("os.kill(os.getpid(), signal.SIGTERM)").returncode == -signal.SIGTERM


def test_guardian_begins_another_process_after_a_fault() -> None:
    done = run("began or os.kill(os.getpid(), signal.SIGBUS)")
    assert (done.returncode, done.stdout) == (0, f"fault {int(signal.SIGBUS)}\nserved\n")


def answers(url: str, model: str) -> int | None:
    """The status of an answer; None while nobody answers."""
    try:
        return post(f"{url}/v1/models/{model}/perplexity", json={"text": "the old dog saw a bird"}).status_code
    except httpx.TransportError:
        return None


def test_server_that_dies_of_a_truncated_file_is_restarted_without_that_model(tmp_path: Path) -> None:
    root = tmp_path / "models"
    publish(root, "sound", ngram(order=1))
    tokens = np.random.default_rng(1).integers(1, WORDS.vocabulary_size, 30_000).astype(np.int32)
    config = NgramConfig(order=4)
    model = NgramModel(config, estimate_from_tokens(config, tokens, WORDS.vocabulary_size))
    weights = publish(root, "cut", model).path / "weights.safetensors"
    assert weights.stat().st_size > 1 << 14
    settings = {"NEXTWORD_MAP_IN_PLACE": "1", "NEXTWORD_RELOAD_SECONDS": "3600"}
    with process(root, tmp_path / "data", **settings) as (server, url):
        wait_for(lambda: get(f"{url}/health/ready").status_code == 200)
        assert answers(url, "cut") == answers(url, "sound") == 200
        (first,) = children(server.pid)
        weights.chmod(0o644)
        os.truncate(weights, 100)
        assert answers(url, "cut") is None
        wait_for(lambda: answers(url, "sound") == 200)
        (second,) = children(server.pid)
        assert second != first
        assert answers(url, "cut") == 503
        (problem,) = get(f"{url}/v1/models").json()["problems"]
        assert problem["id"] == "cut@1"
        assert "truncated or altered" in problem["message"]
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0


def test_server_process_dies_with_its_guardian(tmp_path: Path) -> None:
    publish(tmp_path / "models", "sound", ngram(order=1))
    with process(tmp_path / "models", tmp_path / "data") as (server, url):
        wait_for(lambda: answers(url, "sound") == 200)
        (child,) = children(server.pid)
        server.kill()
        server.wait()
        wait_for(lambda: answers(url, "sound") is None)
        wait_for(lambda: not is_running(child))
