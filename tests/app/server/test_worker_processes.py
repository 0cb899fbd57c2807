"""Several servers on one port: any may die, all stop in order, and each follows what is published and named."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from app.core.settings import Settings
from app.server.worker_processes import settings_per_process
from models.language_model import LanguageModel
from tests.helpers.fleet import children, is_running
from tests.helpers.serving import get, ngram, post, process, publish, wait_for


def answers(url: str, model: str) -> bool:
    """Whether twenty connections in a row, whoever takes them, have the model."""
    body = {"context": "the", "top_k": 1}
    return all(post(f"{url}/v1/models/{model}/next", json=body).status_code == 200 for _ in range(20))


def steady(url: str, model: str) -> bool:
    """The same, while servers may be dying."""
    try:
        return answers(url, model)
    except httpx.TransportError:
        return False


@contextmanager
def several(folder: Path, model: LanguageModel) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Two servers of the model `words`, and their address."""
    publish(folder / "models", "words", model)
    options = ("--workers", "2")
    with process(folder / "models", folder / "data", *options, NEXTWORD_RELOAD_SECONDS="0.1") as (service, url):
        wait_for(lambda: steady(url, "words"))
        yield service, url


def test_server_processes_are_one_service(tmp_path: Path) -> None:
    with several(tmp_path, ngram()) as (service, url):
        wait_for(lambda: len(children(service.pid)) == 2)
        begun = set(children(service.pid))
        os.kill(min(begun), signal.SIGKILL)
        wait_for(lambda: len(set(children(service.pid)) - begun) == 1 and steady(url, "words"))

        publish(tmp_path / "models", "words", ngram(order=2))  # version 2
        wait_for(lambda: answers(url, "words@2"))
        alias = {"model": "words@1"}
        wait_for(lambda: httpx.put(f"{url}/v1/aliases/best", json=alias, timeout=60).status_code == 200)
        wait_for(lambda: answers(url, "best"))
        assert get(f"{url}/health/ready").json()["models"] == ["words@1", "words@2"]

        last = children(service.pid)
        assert last
        service.send_signal(signal.SIGTERM)
        assert service.wait(60) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in last)


def test_server_processes_end_at_once_at_a_second_signal(tmp_path: Path) -> None:
    with several(tmp_path, ngram()) as (service, _):
        last = children(service.pid)
        assert last
        for server in last:
            os.kill(server, signal.SIGSTOP)  # as one that has much to finish
        service.send_signal(signal.SIGTERM)
        time.sleep(0.5)  # a signal that comes while another waits to be seen is lost
        service.send_signal(signal.SIGTERM)
        assert service.wait(20) == -signal.SIGTERM
    wait_for(lambda: not any(is_running(pid) for pid in last))


def test_settings_per_process_share_out_threads(tmp_path: Path) -> None:
    many = Settings(workers=512 // 2, data=tmp_path)
    assert settings_per_process(many).threads == 1
    assert settings_per_process(Settings(workers=2, threads=3)).threads == 3
    passed = settings_per_process(many).environment()
    assert passed["NEXTWORD_WORKERS"] == "1"
    assert passed["NEXTWORD_DATA"] == str(tmp_path)
    assert "NEXTWORD_DATABASE_URL" not in passed
