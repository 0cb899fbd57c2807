"""Leases on jobs: claims, heartbeats, fencing, and a random walk on which no job gets lost."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, consumes, invariant, multiple, rule
from sqlalchemy import update

from app.core.exceptions import LeaseLost
from app.jobs.job import Job, NewJob
from app.jobs.leases import Lease, LeaseStore
from app.jobs.store import JobStore
from app.storage.database import Database, sqlite_url
from app.storage.migrations import migrate
from app.storage.tables import JOBS, Status

ENDED = -1.0
"""A lease of this many seconds has ended when it begins."""


def queue(database: Database) -> Job:
    return JobStore(database).create(NewJob("ngram", {}, {}, name="demo"))


def claim(database: Database, seconds: float = 60, worker: str = "w") -> tuple[Job, Lease]:
    claimed = LeaseStore(database).claim(worker, seconds)
    assert claimed is not None
    return claimed


def test_claim_takes_jobs_in_queue_order(database: Database) -> None:
    ids = [queue(database).id for _ in range(3)]
    assert [claim(database)[0].id for _ in range(3)] == ids
    assert LeaseStore(database).claim("w", 60) is None


def test_claim_sets_the_job_running(database: Database) -> None:
    queue(database)
    job, lease = claim(database, worker="host-1")
    assert (job.status, job.attempt, job.worker, job.position) == (Status.RUNNING, 1, "host-1", None)
    assert lease == Lease(job.id, 1)
    assert job.started_at is not None


def test_claim_by_concurrent_workers_never_shares_a_job(database: Database) -> None:
    ids = {queue(database).id for _ in range(20)}
    leases = LeaseStore(database)
    with ThreadPoolExecutor(8) as pool:
        claimed = [
            claimed_job[0].id for claimed_job in pool.map(lambda n: leases.claim(f"w{n}", 60), range(20)) if claimed_job
        ]
    assert len(claimed) == len(set(claimed))
    while claimed_job := leases.claim("w", 60):  # a claimer may have skipped a row that another was looking at
        claimed.append(claimed_job[0].id)
    assert sorted(claimed) == sorted(ids)


def test_claim_prefers_an_expired_lease_to_the_queue(database: Database) -> None:
    job = queue(database)
    claim(database, ENDED)
    queue(database)
    again, lease = claim(database)
    assert (again.id, again.attempt, lease.fencing_token) == (job.id, 2, 2)
    assert [event.event for event in JobStore(database).events(job.id)] == ["queued", "started", "lost", "started"]


@pytest.mark.parametrize(("seconds", "is_claimed"), [(3600, True), (50, False)])
def test_claim_takes_a_job_whose_heartbeat_lies_in_the_future(
    database: Database, seconds: float, is_claimed: bool
) -> None:
    job = queue(database)
    claim(database, seconds=60)  # then the clock is set back
    later = {"heartbeat_at": JOBS.c.heartbeat_at + seconds, "lease_expires_at": JOBS.c.lease_expires_at + seconds}
    with database.write() as connection:
        connection.execute(update(JOBS).values(**later))
    claimed = LeaseStore(database).claim("other", 60)
    assert (claimed is not None) == is_claimed
    assert claimed is None or (claimed[0].id, claimed[0].attempt) == (job.id, 2)


def test_lease_claimed_again_refuses_every_write(database: Database) -> None:
    queue(database)
    job, old = claim(database, ENDED)
    _, new = claim(database)
    leases = LeaseStore(database)
    for write in (
        lambda: leases.renew(old, 60, {"step": 1}, {1: {"loss": 1.0}}),
        lambda: leases.begin_publishing(old),
        lambda: leases.renumber(old, 5),
        lambda: leases.succeed(old, {}),
        lambda: leases.fail(old, "code", "message"),
        lambda: leases.confirm_cancelled(old),
        lambda: leases.release(old),
    ):
        with pytest.raises(LeaseLost, match=job.id):
            write()
    now = JobStore(database).get(job.id)
    assert (now.status, now.version, now.publishing, now.progress) == (Status.RUNNING, 1, False, None)
    assert JobStore(database).metrics(job.id) == []
    leases.succeed(new, {})


def test_renew_revives_an_expired_lease_nobody_claimed(database: Database) -> None:
    queue(database)
    job, lease = claim(database, ENDED)
    assert LeaseStore(database).renew(lease, 60) is Status.RUNNING
    assert LeaseStore(database).claim("other", 60) is None
    assert JobStore(database).get(job.id).attempt == 1


def test_renew_stores_progress_and_metrics(database: Database) -> None:
    queue(database)
    job, lease = claim(database)
    leases = LeaseStore(database)
    leases.renew(lease, 60, {"step": 2}, {1: {"loss": 3.0}, 2: {"loss": 2.5}})
    leases.renew(lease, 60, None, {2: {"loss": 2.4, "perplexity": None}})
    assert JobStore(database).get(job.id).progress == {"step": 2}
    assert JobStore(database).metrics(job.id) == [(1, {"loss": 3.0}), (2, {"loss": 2.4, "perplexity": None})]


def test_renew_with_rewind_deletes_later_metrics(database: Database) -> None:
    queue(database)
    job, lease = claim(database)
    leases = LeaseStore(database)
    leases.renew(lease, 60, None, {step: {} for step in range(5)})
    leases.renew(lease, 60, None, {2: {"loss": 1.0}, 3: {}}, rewind=1)
    assert JobStore(database).metrics(job.id) == [(0, {}), (1, {}), (2, {"loss": 1.0}), (3, {})]


def test_release_keeps_the_place_in_the_queue(database: Database) -> None:
    job = queue(database)
    queue(database)
    _, lease = claim(database)
    assert LeaseStore(database).release(lease) is Status.QUEUED
    assert JobStore(database).get(job.id).position == 1
    assert claim(database)[0].attempt == 1


def test_release_of_a_lost_process_counts_an_attempt(database: Database) -> None:
    job = queue(database)
    _, lease = claim(database)
    LeaseStore(database).release(lease, lost="killed by signal 9")
    assert claim(database)[0].attempt == 2
    assert JobStore(database).events(job.id)[2].data == {"reason": "killed by signal 9"}


def test_release_of_a_cancelling_job_cancels_it(database: Database) -> None:
    job = queue(database)
    _, lease = claim(database)
    JobStore(database).cancel(job.id)
    assert LeaseStore(database).release(lease, lost="whatever") is Status.CANCELLED


def test_claim_returns_a_cancelling_job_of_a_lost_worker(database: Database) -> None:
    job = queue(database)
    claim(database, ENDED)
    JobStore(database).cancel(job.id)
    assert claim(database)[0].status is Status.CANCELLING


def test_begin_publishing_is_refused_after_a_cancel(database: Database) -> None:
    job = queue(database)
    _, lease = claim(database)
    JobStore(database).cancel(job.id)
    assert not LeaseStore(database).begin_publishing(lease)
    assert not JobStore(database).get(job.id).publishing


def test_renumber_leaves_a_version_to_its_publisher(database: Database) -> None:
    queue(database)
    job, lease = claim(database)
    assert queue(database).version == 2
    assert LeaseStore(database).renumber(lease, 1) == 3
    assert LeaseStore(database).renumber(lease, 9) == 10
    assert JobStore(database).get(job.id).version == 10


class Walk(RuleBasedStateMachine):
    """Anything may happen at any time; a plain model of it says what must be true after."""

    held: Bundle[Lease] = Bundle("held")
    """Every lease ever given out, valid or not."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.database = Database(sqlite_url(Path(self.directory.name)))
        migrate(self.database)
        self.jobs, self.leases = JobStore(self.database), LeaseStore(self.database)
        self.statuses: dict[str, Status] = {}
        self.newest: dict[str, int] = {}
        self.published: set[str] = set()

    def teardown(self) -> None:
        self.database.close()
        self.directory.cleanup()

    def valid(self, lease: Lease) -> bool:
        running = self.statuses[lease.job_id] in (Status.RUNNING, Status.CANCELLING)
        return running and self.newest[lease.job_id] == lease.fencing_token

    @rule()
    def create(self) -> None:
        self.statuses[queue(self.database).id] = Status.QUEUED

    @rule(target=held, seconds=st.sampled_from([ENDED, 60.0]))
    def claim(self, seconds: float) -> Lease | MultipleResults[Lease]:
        claimed_job = self.leases.claim("w", seconds)
        if claimed_job is None:
            assert Status.QUEUED not in self.statuses.values()
            return multiple()
        job, lease = claimed_job
        if self.statuses[job.id] is Status.QUEUED:
            self.statuses[job.id] = Status.RUNNING
        assert lease.fencing_token == self.newest.get(job.id, 0) + 1
        self.newest[job.id] = lease.fencing_token
        return lease

    @rule(lease=held, seconds=st.sampled_from([ENDED, 60.0]))
    def renew(self, lease: Lease, seconds: float) -> None:
        if not self.valid(lease):
            with pytest.raises(LeaseLost):
                self.leases.renew(lease, seconds)
        else:
            assert self.leases.renew(lease, seconds) is self.statuses[lease.job_id]

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if self.statuses:
            job_id = data.draw(st.sampled_from(sorted(self.statuses)))
            after = {Status.QUEUED: Status.CANCELLED, Status.RUNNING: Status.CANCELLING}
            if job_id not in self.published:
                self.statuses[job_id] = after.get(self.statuses[job_id], self.statuses[job_id])
            self.jobs.cancel(job_id)

    @rule(lease=held)
    def publish(self, lease: Lease) -> None:
        if self.valid(lease):
            granted = self.leases.begin_publishing(lease)
            assert granted == (self.statuses[lease.job_id] is Status.RUNNING)
            self.published |= {lease.job_id} if granted else set()

    @rule(lease=consumes(held), outcome=st.sampled_from(["succeed", "fail", "release", "lost"]))
    def end(self, lease: Lease, outcome: str) -> None:
        writes: dict[str, Callable[[], object]] = {
            "succeed": lambda: self.leases.succeed(lease, {}),
            "fail": lambda: self.leases.fail(lease, "code", "message"),
            "release": lambda: self.leases.release(lease),
            "lost": lambda: self.leases.release(lease, lost="killed"),
        }
        if not self.valid(lease):
            with pytest.raises(LeaseLost):
                writes[outcome]()
            return
        writes[outcome]()
        given_back = Status.CANCELLED if self.statuses[lease.job_id] is Status.CANCELLING else Status.QUEUED
        final = {"succeed": Status.SUCCEEDED, "fail": Status.FAILED}
        self.statuses[lease.job_id] = final.get(outcome, given_back)

    @invariant()
    def the_store_agrees(self) -> None:
        page, _ = self.jobs.page(limit=1000)
        assert {job.id: job.status for job in page} == self.statuses

    @invariant()
    def events_have_no_gaps_and_end_once(self) -> None:
        final = {Status.SUCCEEDED, Status.FAILED, Status.CANCELLED}
        for job_id, status in self.statuses.items():
            events = self.jobs.events(job_id)
            assert [event.number for event in events] == list(range(1, len(events) + 1))
            assert sum(event.event in final for event in events) == (status in final)


TestWalk = Walk.TestCase
TestWalk.settings = settings(
    max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
