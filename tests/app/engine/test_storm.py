"""After any mix of requests, hang-ups and deadlines, nothing runs and every place is free."""

from pathlib import Path

from tests.helpers.serving import idle, post, serving, wait_for
from tests.helpers.storm import ANSWERS, failures, storm


def test_engine_has_nothing_left_after_a_storm(checkpoints: Path) -> None:
    with serving(checkpoints, max_running=4, max_waiting=4, max_tokens=10_000) as server:
        before = post(f"{server.url}/v1/models/lstm/generate", json={"seed": 1}).json()
        statuses = [status for status, _ in storm(server.url, range(100), clients=16)]
        assert set(statuses) <= ANSWERS | {0}, statuses
        assert 200 in statuses
        wait_for(lambda: idle(server.url))
        assert post(f"{server.url}/v1/models/lstm/generate", json={"seed": 1}).json()["choices"] == before["choices"]
        assert not failures(server.url)
