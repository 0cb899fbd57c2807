"""Models of the load that come and go: published, asked, withdrawn, deleted and damaged in every way."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.service._chaos.caller import Caller
from benchmarks.service._chaos.cluster import Cluster
from benchmarks.service._chaos.jobs import Undisturbed

QUESTION = {"context": "word1 word2", "top_k": 5}
SERVED_SECONDS = 60.0
"""Longest until a published model is served, or a withdrawn one is not, where nothing else is disturbed."""
WEIGHTS, CARD = "weights.safetensors", "card.json"


def flip_bits(folder: Path) -> None:
    """Change bytes of the weights in place."""
    with (folder / WEIGHTS).open("r+b") as file:
        file.seek(-64, os.SEEK_END)
        file.write(os.urandom(64))


def truncate(folder: Path) -> None:
    """Cut the weights short in place."""
    os.truncate(folder / WEIGHTS, (folder / WEIGHTS).stat().st_size // 2)


def garble_card(folder: Path) -> None:
    """Write nonsense in place of the card."""
    (folder / CARD).write_text('{"format": 1, "kind"')


def remove_weights(folder: Path) -> None:
    """Remove the weights."""
    (folder / WEIGHTS).unlink()


def put_pipe(folder: Path) -> None:
    """Put a pipe, which ends no reader, in place of the weights."""
    (folder / WEIGHTS).unlink()
    os.mkfifo(folder / WEIGHTS)


def put_link(folder: Path) -> None:
    """Put a link to nowhere beside the files."""
    (folder / ".#card.json").symlink_to("nobody@nowhere")


DAMAGES: dict[str, Callable[[Path], None]] = {
    "checkpoint: bits flipped": flip_bits,
    "checkpoint: weights cut short": truncate,
    "checkpoint: card garbled": garble_card,
    "checkpoint: weights removed": remove_weights,
    "checkpoint: weights become a pipe": put_pipe,
    "checkpoint: dangling link beside it": put_link,
}


class Models:
    """Copies of the models of undisturbed jobs that come and go as versions of one name."""

    def __init__(self, cluster: Cluster, caller: Caller, undisturbed: dict[str, Undisturbed]) -> None:
        """Record what the models answer."""
        self._cluster = cluster
        self._versions = itertools.count(1)
        self._donors = {made.model: self._first_answer(caller, made.model) for made in undisturbed.values()}

    def _first_answer(self, caller: Caller, model: str) -> dict[str, Any]:
        """Return the answer of a model that was published just now, as soon as it is loaded."""
        early = ("model_loading", "model_not_found")
        return _numbers(caller.insist("POST", f"/v1/models/{model}/next", json=QUESTION, excuses=early).json())

    def take_turn(self, caller: Caller) -> None:
        """Publish a version, ask it, let something happen to it, ask it again, and see it gone."""
        donor, version = random.choice(list(self._donors)), next(self._versions)
        model, folder = f"roamer@{version}", self._cluster.checkpoints / "roamer" / str(version)
        if not self._publish(donor, folder):
            time.sleep(0.5)  # the disk is full
            return
        caller.ledger.inject("checkpoint: published")
        self._ask_for(caller, model, donor, seconds=random.uniform(0, 2))
        if random.random() < 0.3:
            self._until_served(caller, model, donor)
        if random.random() < 0.6:
            damage = random.choice(list(DAMAGES))
            caller.ledger.inject(damage)
            caller.ledger.newest = damage
            DAMAGES[damage](folder)
            self._ask_for(caller, model, donor, seconds=2)
        self._withdraw(caller, model, folder)
        self._until_gone(caller, model, donor)

    def _publish(self, donor: str, folder: Path) -> bool:
        """Copy the donor beside its place and rename it, as publishing does; False where there is no room."""
        staged = self._cluster.checkpoints / f".{folder.name}-staged"
        folder.parent.mkdir(exist_ok=True)
        try:
            shutil.copytree(self._cluster.checkpoints / donor.replace("@", "/"), staged)
        except (OSError, shutil.Error):
            shutil.rmtree(staged, ignore_errors=True)
            return False
        staged.rename(folder)
        return True

    def _ask(self, caller: Caller, model: str, donor: str) -> int | None:
        """Ask the model once; returns the status, None where the connection broke."""
        answer = caller.call(
            "POST", f"/v1/models/{model}/next", 404, json=QUESTION, excuses=("model_unusable", "model_loading")
        )
        if answer is not None and answer.is_success:
            same = _numbers(answer.json()) == self._donors[donor]
            caller.ledger.check("models that come and go answer rightly", same, f"{model}: {answer.text}")
        return None if answer is None else answer.status_code

    def _ask_for(self, caller: Caller, model: str, donor: str, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._ask(caller, model, donor)
            time.sleep(0.1)

    def _withdraw(self, caller: Caller, model: str, folder: Path) -> None:
        if random.random() < 0.5:
            caller.ledger.inject("checkpoint: folder removed")
            shutil.rmtree(folder)
            return
        caller.ledger.inject("checkpoint: deleted over HTTP")
        caller.insist("DELETE", f"/v1/models/{model}", 404)
        shutil.rmtree(folder, ignore_errors=True)

    def _until_served(self, caller: Caller, model: str, donor: str) -> None:
        self._until(caller, model, donor, 200, "every published model is served")

    def _until_gone(self, caller: Caller, model: str, donor: str) -> None:
        self._until(caller, model, donor, 404, "every withdrawn model is gone")

    def _until(self, caller: Caller, model: str, donor: str, status: int, promise: str) -> None:
        """Ask until the status is as wanted; the time in which other things are disturbed does not count."""
        spent, last = 0.0, None
        while spent < SERVED_SECONDS:
            begun = time.monotonic()
            if (last := self._ask(caller, model, donor)) == status:
                caller.ledger.hold(promise)
                return
            time.sleep(0.1)
            spent += 0 if caller.ledger.is_disturbed() else time.monotonic() - begun
        caller.ledger.breach(promise, f"{model} answers {last}")


def _numbers(content: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without the model's name."""
    return {name: value for name, value in content.items() if name != "model"}
