"""Metrics of a running service: models, jobs, texts and steps, as /metrics tells them."""

from __future__ import annotations

import httpx

from tests.helpers.serving import samples


def test_metrics_tell_the_state_of_the_service(client: httpx.Client) -> None:
    def read() -> dict[str, float]:
        return samples(client.get("/metrics").raise_for_status().content)

    client.post("/v1/models/lstm/generate", json={"prompt": "the cat", "max_tokens": 4, "ignore_end": True})
    before = read()
    assert before["nextword_models loaded"] == len(client.get("/v1/models").json()["data"])
    assert before["nextword_models broken"] == 0
    assert before["nextword_model_bytes lstm@1"] > 1000
    assert before["nextword_jobs running"] == before["nextword_oldest_heartbeat_seconds"] == 0
    body = {"prompt": "the cat", "max_tokens": 4, "ignore_end": True, "n": 2}
    client.post("/v1/models/lstm/generate", json=body).raise_for_status()
    after = read()
    gained = {name: after[name] - before[name] for name in after if name in before}
    assert gained["nextword_first_token_seconds_count"] == gained["nextword_token_seconds_count"] == 2
    assert gained["nextword_decode_steps_total"] == 4
    assert gained["nextword_tokens_total completion"] == 8
    assert gained["nextword_prefix_cache_hits_total"] >= 1
