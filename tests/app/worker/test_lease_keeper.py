"""Leases that are kept while an attempt waits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.exceptions import DatabaseUnavailable, LeaseLost
from app.jobs.job import NewJob
from app.jobs.leases import Lease, LeaseStore
from app.jobs.store import JobStore
from app.storage.database import Database
from app.worker import lease_keeper
from app.worker.config import WorkerConfig
from app.worker.lease_keeper import LeaseKeeper
from tests.helpers.serving import wait_for

CONFIG = WorkerConfig(heartbeat_seconds=0)


@pytest.fixture
def jobs(database: Database, monkeypatch: pytest.MonkeyPatch) -> JobStore:
    monkeypatch.setattr(lease_keeper, "MIN_PAUSE_SECONDS", 0.01)
    return JobStore(database)


@pytest.fixture
def lease(jobs: JobStore) -> Lease:
    jobs.create(NewJob("evaluate", {}, {}))
    _, lease = LeaseStore(jobs.database).claim("here", 1) or pytest.fail("nothing to claim")
    return lease


def test_keeper_renews_a_lease_through_an_outage(jobs: JobStore, lease: Lease, monkeypatch: pytest.MonkeyPatch) -> None:
    leases, failures = LeaseStore(jobs.database), iter((DatabaseUnavailable("gone"), ValueError("bad")))
    renew = leases.renew

    def flaky(lease: Lease, seconds: float) -> object:
        if (failure := next(failures, None)) is not None:
            raise failure
        return renew(lease, seconds)

    monkeypatch.setattr(leases, "renew", flaky)
    before = jobs.get(lease.job_id).lease_expires_at or 0
    with LeaseKeeper(leases, lease, CONFIG) as keeper:
        wait_for(lambda: (jobs.get(lease.job_id).lease_expires_at or 0) > before + 10)
        keeper.check()
    assert not keeper.is_cancelling


def test_keeper_tells_that_the_job_is_cancelled(jobs: JobStore, lease: Lease) -> None:
    with LeaseKeeper(LeaseStore(jobs.database), lease, CONFIG) as keeper:
        jobs.cancel(lease.job_id)
        wait_for(lambda: keeper.is_cancelling)


def test_keeper_tells_that_the_lease_is_lost(jobs: JobStore, lease: Lease) -> None:
    with LeaseKeeper(LeaseStore(jobs.database), replace(lease, fencing_token=0), CONFIG) as keeper:
        keeper._thread.join(60)
        with pytest.raises(LeaseLost):
            keeper.check()
