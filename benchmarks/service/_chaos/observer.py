"""Observer: readiness and metrics must tell the truth while nothing is disturbed."""

from __future__ import annotations

import time

from benchmarks.service._chaos.caller import Caller
from tests.helpers.composition import ROOT

SHIPPED = {f"{card.parts[-3]}@{card.parts[-2]}" for card in (ROOT / "checkpoints").glob("*/*/card.json")}


def take_turn(caller: Caller) -> None:
    """Look at health, metrics and list of models."""
    ready = caller.call("GET", "/health/ready", 503)
    caller.call("GET", "/health/live")
    if ready is not None and not caller.ledger.is_disturbed():
        content = ready.json()
        truth = ready.status_code == 200 and content["status"] == "ready" and set(content["models"]) >= SHIPPED
        caller.ledger.check("readiness tells the truth", truth, ready.text)
    metrics = caller.call("GET", "/metrics")
    if metrics is not None:
        whole = "nextword_requests_total" in metrics.text
        caller.ledger.check("metrics are told", whole, metrics.text[:500])
    listed = caller.call("GET", "/v1/models")
    if listed is not None and not caller.ledger.is_disturbed():
        served = {model["id"] for model in listed.json()["data"]}
        caller.ledger.check("all shipped models are served", served >= SHIPPED, str(SHIPPED - served))
    time.sleep(0.5)
