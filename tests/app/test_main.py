"""The server as a process: it starts with nothing, becomes ready, and ends well when it is told to."""

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.helpers.serving import get, loading, post, process, publish, recurrent, serving, stream, wait_for


def test_server_without_models_serves_and_says_so(tmp_path: Path) -> None:
    with serving(tmp_path / "none") as server:
        assert get(f"{server.url}/v1/models").json()["data"] == []
        answer = post(f"{server.url}/v1/models/words/next", json={})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


def test_server_says_that_a_model_is_still_being_loaded(tmp_path: Path, monkeypatch) -> None:
    publish(tmp_path / "models", "lstm", recurrent())
    with loading(tmp_path / "models", monkeypatch) as (server, go):
        wait_for(lambda: get(f"{server.url}/health/ready").json()["loading"] == ["lstm@1"])
        assert get(f"{server.url}/health/ready").status_code == 503
        assert get(f"{server.url}/health/live").status_code == 200
        answer = post(f"{server.url}/v1/models/lstm/next", json={})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_loading")
        assert answer.headers["retry-after"] == "1"
        go.set()
        wait_for(lambda: get(f"{server.url}/health/ready").status_code == 200)
        assert post(f"{server.url}/v1/models/lstm/next", json={}).status_code == 200


def test_server_finishes_running_requests_at_sigterm(tmp_path: Path) -> None:
    publish(tmp_path / "models", "lstm", recurrent())
    with process(tmp_path / "models", tmp_path / "data", NEXTWORD_STOP_SECONDS="60") as (server, url):
        wait_for(lambda: get(f"{url}/health/ready").status_code == 200)
        # Seconds of work: what is asked below has to be asked meanwhile.
        body = {"max_tokens": 20_000, "ignore_end": True, "stream": True}
        with stream("POST", f"{url}/v1/models/lstm/generate", json=body) as answer:
            lines = answer.iter_lines()
            next(lines)
            server.send_signal(signal.SIGTERM)
            wait_for(lambda: get(f"{url}/health/ready").json()["status"] == "stopping")
            assert get(f"{url}/health/ready").status_code == 503
            refused = post(f"{url}/v1/models/lstm/next", json={})
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "stopping")
            assert refused.headers["retry-after"] == "60"
            events = [line.removeprefix("data: ") for line in lines if line]
        assert events[-1] == "[DONE]"
        assert json.loads(events[-2])["usage"]["completion_tokens"] == 20_000
        assert server.wait(60) == 0


def test_server_that_drains_is_not_ready_and_still_answers(tmp_path: Path) -> None:
    publish(tmp_path / "models", "lstm", recurrent())
    with process(tmp_path / "models", tmp_path / "data", NEXTWORD_DRAIN_SECONDS="3") as (server, url):
        wait_for(lambda: get(f"{url}/health/ready").status_code == 200)
        server.send_signal(signal.SIGTERM)
        wait_for(lambda: get(f"{url}/health/ready").json()["status"] == "stopping")
        assert get(f"{url}/health/ready").status_code == 503
        assert post(f"{url}/v1/models/lstm/next", json={}).status_code == 200
        assert server.wait(60) == 0


ENDLESS = {"max_tokens": 10**6, "ignore_end": True, "stream": True}


def test_server_tells_requests_that_do_not_finish_in_time(tmp_path: Path) -> None:
    publish(tmp_path / "models", "lstm", recurrent())
    with process(tmp_path / "models", tmp_path / "data", NEXTWORD_STOP_SECONDS="1") as (server, url):
        wait_for(lambda: get(f"{url}/health/ready").status_code == 200)
        with ThreadPoolExecutor() as pool:
            whole = pool.submit(post, f"{url}/v1/models/lstm/generate", json={**ENDLESS, "stream": False})
            with stream("POST", f"{url}/v1/models/lstm/generate", json=ENDLESS) as answer:
                lines = answer.iter_lines()
                next(lines)
                server.send_signal(signal.SIGINT)
                events = [line.removeprefix("data: ") for line in lines if line]
            assert json.loads(events[-1])["error"]["code"] == "stopping"
            assert (whole.result().status_code, whole.result().json()["error"]["code"]) == (503, "stopping")
        assert server.wait(60) == 0


def test_server_ends_at_once_at_a_second_signal(tmp_path: Path) -> None:
    publish(tmp_path / "models", "lstm", recurrent())
    with process(tmp_path / "models", tmp_path / "data", NEXTWORD_STOP_SECONDS="3600") as (server, url):
        wait_for(lambda: get(f"{url}/health/ready").status_code == 200)
        with stream("POST", f"{url}/v1/models/lstm/generate", json=ENDLESS) as answer:
            lines = answer.iter_lines()
            next(lines)
            server.send_signal(signal.SIGTERM)
            wait_for(lambda: get(f"{url}/health/ready").json()["status"] == "stopping")
            server.send_signal(signal.SIGTERM)
            assert server.wait(60) == -signal.SIGTERM


def test_server_with_the_shipped_models_loads_neither_torch_nor_numba_nor_scipy(tmp_path: Path) -> None:
    """Machine code comes from its files; the first of the two processes makes those that are missing."""
    code = """
import sys
from pathlib import Path
from app.core.settings import Settings
from app.engine.warm_up import warm_up
from app.main import create_app
from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.checkpoint.load import load
from models.checkpoint.repository import list_checkpoints

create_app(Settings(data=Path(sys.argv[1])))
for shipped in list_checkpoints(Path("checkpoints")):
    warm_up(load(shipped.path, families=FAMILIES_BY_PRECISION["int8"]))
print(sorted({"torch", "numba", "llvmlite", "scipy", "sklearn", "onnx"} & sys.modules.keys()))
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "[]\n"
