"""States that an attempt saves, in the object store of all machines."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from app.core.exceptions import StoreUnavailable
from app.storage.replication.objects import Objects
from app.storage.replication.shared_states import SharedStates
from app.worker.run_protocol import BLOCKS_FOLDER, METRICS_FILE
from app.worker.saved import state_sharing
from app.worker.saved.workspaces import Workspaces
from models.neural.training.config import STATE_FILE
from models.selection.config import MANIFEST
from tests.helpers.serving import wait_for


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_sharing, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(state_sharing, "RETRY_SECONDS", 0.02)


@pytest.fixture
def states(tmp_path: Path) -> SharedStates:
    return SharedStates(Objects(f"file://{tmp_path}/store"))


@pytest.fixture
def machines(tmp_path: Path, states: SharedStates) -> list[Workspaces]:
    return [Workspaces(tmp_path / name / "data", tmp_path / name / "models", states) for name in ("one", "two")]


def save(spaces: Workspaces, lease: int, state: str, metrics: str | None) -> None:
    folder = spaces.workdir("job", lease)
    if metrics is not None:
        (folder / METRICS_FILE).write_text(metrics)
    (folder / "new").write_text(state)
    (folder / "new").replace(folder / STATE_FILE)


def found(spaces: Workspaces, lease: int) -> dict[str, str]:
    return {path.name: path.read_text() for path in spaces.workdir("job", lease).iterdir()}


def test_state_of_one_machine_is_adopted_at_another(machines: list[Workspaces], states: SharedStates) -> None:
    one, two = machines
    one.prepare("job", 1)
    with one.sharing("job", 1):
        save(one, 1, "state 1", None)
        wait_for(lambda: states.leases("job") == [1])
        save(one, 1, "state 2", "metrics 2")
        wait_for(lambda: states.fetch("job", 1, METRICS_FILE, one.workdir("job", 1) / "seen"))
        time.sleep(0.05)
    two.prepare("job", 2)
    assert found(two, 2) == {STATE_FILE: "state 2", METRICS_FILE: "metrics 2"}


def test_state_of_the_newest_attempt_is_adopted_wherever_it_lies(machines: list[Workspaces]) -> None:
    one, two = machines
    for spaces, lease in ((one, 1), (two, 2), (one, 3)):
        spaces.prepare("job", lease)
        save(spaces, lease, f"state {lease}", f"metrics {lease}")
        with spaces.sharing("job", lease) as share_last_state:
            share_last_state()
    two.prepare("job", 4)
    assert found(two, 4) == {STATE_FILE: "state 3", METRICS_FILE: "metrics 3"}
    save(one, 1, "a lost attempt goes on", "")
    two.prepare("job", 5)
    assert found(two, 5) == found(two, 4)


def test_clear_removes_states_everywhere(machines: list[Workspaces], states: SharedStates) -> None:
    one, two = machines
    one.prepare("job", 1)
    save(one, 1, "state", "metrics")
    with one.sharing("job", 1) as share_last_state:
        share_last_state()
    assert two.job_ids() == {"job"}
    two.clear("job")
    assert (two.job_ids(), states.job_ids()) == (set(), set())


def test_changed_at_is_that_of_the_newest_file_here_or_in_the_store(machines: list[Workspaces]) -> None:
    one, two = machines
    assert one.changed_at("job") == 0
    one.prepare("job", 1)
    save(one, 1, "state", "metrics")
    with one.sharing("job", 1) as share_last_state:
        share_last_state()
    assert 0 <= time.time() - two.changed_at("job") < 60
    for path in one.workdir("job", 1).parent.rglob("*"):
        os.utime(path, (1, 1))
    assert one.changed_at("job") == two.changed_at("job")
    two.prepare("job", 2)
    save(two, 2, "state 2", "metrics 2")
    assert two.changed_at("job") > one.changed_at("job")


def test_sharing_tries_again_where_the_store_does_not_answer(
    machines: list[Workspaces], states: SharedStates, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise StoreUnavailable("it is away")

    one, two = machines
    one.prepare("job", 1)
    with monkeypatch.context() as away:
        away.setattr(states, "put", refuse)
        with one.sharing("job", 1):
            save(one, 1, "state", "metrics")
            wait_for(lambda: "it is away" in caplog.text)
            away.undo()
            wait_for(lambda: states.leases("job") == [1])
    two.prepare("job", 2)
    assert found(two, 2) == {STATE_FILE: "state", METRICS_FILE: "metrics"}


def test_blocks_of_records_are_taken_over_at_another_machine(machines: list[Workspaces], states: SharedStates) -> None:
    one, two = machines
    one.prepare("job", 1)
    blocks = one.workdir("job", 1) / BLOCKS_FOLDER
    blocks.mkdir()
    with one.sharing("job", 1) as share_last_state:
        for number in range(2):
            (blocks / f"{number}.jsonl").write_text(f"block {number}")
            (blocks / ".half").write_text("half a block")
            with (blocks / MANIFEST).open("a") as manifest:
                manifest.write(f"{number}\n")
            wait_for(lambda number=number: f"{number}.jsonl" in states.names("job", 1, BLOCKS_FOLDER))
        share_last_state()
    two.prepare("job", 2)
    adopted = two.workdir("job", 2) / BLOCKS_FOLDER
    contents = {path.name: path.read_text() for path in adopted.iterdir()}
    assert contents == {"0.jsonl": "block 0", "1.jsonl": "block 1", MANIFEST: "0\n1\n"}
