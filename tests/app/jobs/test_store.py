"""The queue of jobs: created once, versions reserved, listed, cancelled, followed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import insert

from app.core.exceptions import IdempotencyKeyReused, NotFound
from app.jobs.job import NewJob
from app.jobs.leases import LeaseStore
from app.jobs.store import JobStore
from app.storage.database import Database
from app.storage.tables import FILES, Status
from models.errors import InvalidInput


def ngram(name: str = "demo", **request: object) -> NewJob:
    return NewJob("ngram", {"name": name, **request}, {"parameters": 1}, name=name)


def evaluation() -> NewJob:
    return NewJob("evaluate", {"model": "demo@1"}, {})


def test_create_queues_a_job(database: Database) -> None:
    job = JobStore(database).create(ngram(order=3))
    assert (job.status, job.attempt, job.position) == (Status.QUEUED, 1, 1)
    assert (job.name, job.version, job.request) == ("demo", 1, {"name": "demo", "order": 3})
    assert JobStore(database).get(job.id) == job


def test_get_of_an_unknown_job_raises_not_found(database: Database) -> None:
    jobs = JobStore(database)
    for look in (jobs.get, jobs.cancel, jobs.events, jobs.metrics):
        with pytest.raises(NotFound, match="job-none"):
            look("job-none")


def test_create_numbers_versions_after_published_and_queued_ones(database: Database) -> None:
    jobs = JobStore(database)
    versions = [
        jobs.create(ngram(name), newest=newest).version for name, newest in [("a", 0), ("a", 0), ("a", 7), ("b", 2)]
    ]
    assert versions == [1, 2, 8, 3]


def test_create_without_a_name_takes_no_version(database: Database) -> None:
    jobs = JobStore(database)
    assert [jobs.create(evaluation()).version for _ in range(2)] == [None, None]


def test_create_concurrently_gives_distinct_versions(database: Database) -> None:
    jobs = JobStore(database)
    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(lambda _: jobs.create(ngram()), range(24)))
    assert sorted(job.version or 0 for job in created) == list(range(1, 25))


def test_create_with_a_repeated_key_returns_the_same_job(database: Database) -> None:
    jobs = JobStore(database)
    first = jobs.create(ngram(order=3), key="k1")
    assert jobs.create(ngram(order=3), key="k1") == first
    assert jobs.create(ngram(order=3), key="k2").id != first.id
    with pytest.raises(IdempotencyKeyReused, match="k1"):
        jobs.create(ngram(order=4), key="k1")


def test_create_concurrently_with_one_key_makes_one_job(database: Database) -> None:
    jobs = JobStore(database)
    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(lambda _: jobs.create(ngram(), key="k"), range(16)))
    assert len({job.id for job in created}) == 1


def test_create_names_a_missing_file(database: Database) -> None:
    job = NewJob("ngram", {}, {}, name="demo", training_file="file-none")
    with pytest.raises(InvalidInput, match="training_file: there is no file 'file-none'"):
        JobStore(database).create(job)


def test_create_names_the_field_of_another_missing_file(database: Database) -> None:
    job = NewJob("classifier", {}, {}, name="demo", more_files={"vectors_file": "file-none"})
    with pytest.raises(InvalidInput, match="vectors_file: there is no file 'file-none'"):
        JobStore(database).create(job)


def test_create_accepts_an_existing_file(database: Database) -> None:
    row = {"id": "file-1", "sha256": "0" * 64, "bytes": 1, "filename": "a", "purpose": "training", "created_at": 0.0}
    with database.write() as connection:
        connection.execute(insert(FILES), row)
    job = NewJob("ngram", {}, {}, name="demo", training_file="file-1", validation_file="file-1")
    assert JobStore(database).create(job).training_file == "file-1"


def test_page_runs_from_newest_to_oldest(database: Database) -> None:
    jobs = JobStore(database)
    ids = [jobs.create(ngram()).id for _ in range(5)][::-1]
    first, more = jobs.page(limit=2)
    second, still_more = jobs.page(after=first[-1].id, limit=3)
    assert [job.id for job in first + second] == ids
    assert (more, still_more) == (True, False)


def test_page_filters_by_status(database: Database) -> None:
    jobs = JobStore(database)
    queued, gone = jobs.create(ngram()), jobs.create(ngram())
    jobs.cancel(gone.id)
    assert [job.id for job in jobs.page(Status.QUEUED)[0]] == [queued.id]
    assert [job.id for job in jobs.page(Status.CANCELLED)[0]] == [gone.id]


def test_position_counts_jobs_ahead_in_the_queue(database: Database) -> None:
    jobs = JobStore(database)
    first, second, third = (jobs.create(ngram()) for _ in range(3))
    jobs.cancel(second.id)
    assert [jobs.get(job.id).position for job in (first, second, third)] == [1, None, 2]


def test_cancel_of_a_queued_job_is_immediate_and_repeatable(database: Database) -> None:
    jobs = JobStore(database)
    job = jobs.create(ngram())
    cancelled = jobs.cancel(job.id)
    assert cancelled.status is Status.CANCELLED
    assert jobs.cancel(job.id) == cancelled
    assert [event.event for event in jobs.events(job.id)] == ["queued", "cancelled"]


def test_cancel_of_a_running_job_asks_its_worker(database: Database) -> None:
    jobs, leases = JobStore(database), LeaseStore(database)
    job = jobs.create(ngram())
    claimed = leases.claim("w", 60)
    assert claimed is not None
    assert [jobs.cancel(job.id).status for _ in range(2)] == [Status.CANCELLING] * 2
    leases.confirm_cancelled(claimed[1])
    assert jobs.get(job.id).status is Status.CANCELLED


def test_cancel_of_a_publishing_job_changes_nothing(database: Database) -> None:
    jobs, leases = JobStore(database), LeaseStore(database)
    job = jobs.create(ngram())
    claimed = leases.claim("w", 60)
    assert claimed is not None
    assert leases.begin_publishing(claimed[1])
    assert jobs.cancel(job.id).status is Status.RUNNING
    leases.release(claimed[1])
    assert jobs.cancel(job.id).status is Status.QUEUED  # the model may be there: the next worker must look
    claimed = leases.claim("w", 60)
    assert claimed is not None
    leases.succeed(claimed[1], {"model": "demo@1"})
    assert jobs.cancel(job.id).status is Status.SUCCEEDED


def test_events_resume_after_a_number(database: Database) -> None:
    jobs, leases = JobStore(database), LeaseStore(database)
    job = jobs.create(ngram())
    claimed = leases.claim("worker-1", 60)
    assert claimed is not None
    leases.fail(claimed[1], "training_failed", "no text")
    events = jobs.events(job.id)
    assert [(event.number, event.event) for event in events] == [(1, "queued"), (2, "started"), (3, "failed")]
    assert events[0].data == {"model": "demo@1"}
    assert events[1].data == {"attempt": 1, "worker": "worker-1"}
    assert events[2].data == {"code": "training_failed", "message": "no text"}
    assert jobs.events(job.id, after=1, limit=1) == events[1:2]


def test_metrics_are_thinned_evenly_and_keep_the_newest(database: Database) -> None:
    jobs, leases = JobStore(database), LeaseStore(database)
    job = jobs.create(ngram())
    claimed = leases.claim("w", 60)
    assert claimed is not None
    leases.renew(claimed[1], 60, metrics={step: {"loss": float(step)} for step in range(1, 101)})
    assert jobs.metrics(job.id) == [(step, {"loss": float(step)}) for step in range(1, 101)]
    assert [step for step, _ in jobs.metrics(job.id, points=10)] == list(range(10, 101, 10))
    assert [step for step, _ in jobs.metrics(job.id, after=90, points=3)] == [92, 96, 100]


def test_counts_and_the_oldest_heartbeat_are_those_of_the_database(database: Database) -> None:
    jobs, leases = JobStore(database), LeaseStore(database)
    assert jobs.counts_and_oldest_heartbeat() == ({}, 0)
    for name in ("a", "b", "c"):
        jobs.create(ngram(name))
    leases.claim("worker", 30)
    counts, oldest = jobs.counts_and_oldest_heartbeat()
    assert counts == {Status.QUEUED: 2, Status.RUNNING: 1}
    assert 0 <= oldest < 30
