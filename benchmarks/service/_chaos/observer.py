"""Observer: readiness and metrics must tell the truth while nothing is disturbed."""

from __future__ import annotations

import time

from benchmarks.service._chaos.caller import Caller
from benchmarks.service._chaos.ledger import Ledger
from models.checkpoint.repository import list_checkpoints
from tests.helpers.composition import ROOT
from tests.helpers.serving import samples

SHIPPED = {ref.id for ref in list_checkpoints(ROOT / "checkpoints")}
RESTARTS = ("service killed", "service stopped and begun")
"""Faults after which the service counts anew; killed server processes leave their counts to the others."""


class Observer:
    """Observer of one service."""

    def __init__(self) -> None:
        self._counted = 0.0
        self._restarts = 0

    def take_turn(self, caller: Caller) -> None:
        """Look at health, metrics and list of models."""
        ledger = caller.ledger
        ready = caller.call("GET", "/health/ready", 503)
        caller.call("GET", "/health/live")
        if ready is not None and not ledger.is_disturbed():
            content = ready.json()
            truth = ready.status_code == 200 and content["status"] == "ready" and set(content["models"]) >= SHIPPED
            ledger.check("readiness tells the truth", truth, ready.text)
        self._look_at_metrics(caller)
        listed = caller.call("GET", "/v1/models")
        if listed is not None and not ledger.is_disturbed():
            served = {model["id"] for model in listed.json()["data"]}
            ledger.check("all shipped models are served", served >= SHIPPED, str(SHIPPED - served))
        time.sleep(0.5)

    def _look_at_metrics(self, caller: Caller) -> None:
        """Check that counts never fall, unless the whole service was begun again."""
        ledger, restarts = caller.ledger, self._count_restarts(caller.ledger)
        answer = caller.call("GET", "/metrics")
        if answer is None or self._count_restarts(ledger) != restarts or ledger.is_disturbed(["process"]):
            return
        numbers = samples(answer.content)
        counted = sum(value for name, value in numbers.items() if name.startswith("nextword_requests_total"))
        if restarts == self._restarts:
            ledger.check("counts of metrics never fall", counted >= self._counted, f"{counted} after {self._counted}")
        self._counted, self._restarts = counted, restarts

    @staticmethod
    def _count_restarts(ledger: Ledger) -> int:
        return sum(ledger.faults[name] for name in RESTARTS)
