"""Memory of jobs at once: one always runs, more of them as far as the estimates go."""

from __future__ import annotations

import threading
from pathlib import Path

from app.jobs.job import Job, NewJob
from app.jobs.leases import Lease, LeaseStore
from app.jobs.store import JobStore
from app.storage.database import Database
from app.worker.config import WorkerConfig
from app.worker.job_memory import Fits, JobMemory
from app.worker.run_protocol import Done, Message
from tests.app.worker.test_worker import Run, Scene


def test_claim_takes_one_job_of_any_size_and_others_that_fit_beside(database: Database) -> None:
    jobs, leases, memory = JobStore(database), LeaseStore(database), JobMemory(100)

    def claim(fits: Fits) -> tuple[Job, Lease] | None:
        return leases.claim("w", 60, fits)

    for size in (150, 60, 40, 1, 60):
        jobs.create(NewJob("evaluate", {}, {"memory_bytes": size}))
    large, _ = memory.claim(claim) or (None, None)
    assert large is not None
    assert memory.claim(claim) is None  # 150 alone are more than 100
    memory.release(large)
    taken = [memory.claim(claim) for _ in range(3)]
    assert [None if found is None else found[0].estimate["memory_bytes"] for found in taken] == [60, 40, None]
    assert taken[0] is not None
    memory.release(taken[0][0])
    small = memory.claim(claim)
    assert small is not None
    assert small[0].estimate == {"memory_bytes": 1}
    assert memory.claim(claim) is None  # 40 + 1 + 60


def test_worker_runs_as_many_jobs_at_once_as_it_has_slots(tmp_path: Path, database: Database) -> None:
    scene = Scene(database, tmp_path, config=WorkerConfig(heartbeat_seconds=0.05, idle_seconds=0.01, slots=3))
    together, ids = threading.Barrier(3), [scene.queue("evaluate").id for _ in range(3)]

    def meets(run: Run) -> list[Message]:
        together.wait(30)  # which only ends when three are at work
        return [Done(None, {})]

    scene.acts = [meets]
    thread = threading.Thread(target=scene.worker.run)
    thread.start()
    try:
        while any(scene.jobs.get(job_id).status != "succeeded" for job_id in ids):
            assert not together.broken
    finally:
        scene.worker.stop()
        thread.join()
    assert scene.closed
