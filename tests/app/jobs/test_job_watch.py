"""Followers of jobs share one look at the database, and each is told everything once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import delete

from app.core.exceptions import DatabaseUnavailable, NotFound
from app.jobs import job_watch
from app.jobs.event_stream import StreamedEvent, stream_job
from app.jobs.events import append_event
from app.jobs.job import NewJob
from app.jobs.job_sightings import KEPT_EVENTS, look_at_jobs
from app.jobs.job_watch import JobWatch
from app.jobs.leases import LeaseStore
from app.jobs.store import JobStore
from app.storage.database import Database
from app.storage.tables import JOBS, Status


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_watch, "POLL_SECONDS", 0.01)


def new_job(jobs: JobStore) -> str:
    return jobs.create(NewJob("evaluate", {}, {})).id


def append(database: Database, job_id: str, times: int = 1) -> None:
    with database.write() as connection:
        for _ in range(times):
            append_event(connection, job_id, "started", {})


async def collect(watch: JobWatch, job_id: str, after: int = 0) -> list[StreamedEvent]:
    return [event async for event in stream_job(watch, job_id, after) if event is not None]


def numbers(events: list[StreamedEvent]) -> list[int]:
    return [event.number for event in events if event.number]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 60))  # type: ignore[arg-type]


def test_followers_are_told_every_event_once_whenever_they_come(database: Database) -> None:
    """Events come singly and in bursts, more than are kept; followers come at any time, after any event."""
    jobs, choice = JobStore(database), random.Random(7)
    ids = [new_job(jobs) for _ in range(3)]

    async def work() -> None:
        watch, following = JobWatch(jobs, lambda: False), []
        for _ in range(12):
            job_id = choice.choice(ids)
            count = len(await asyncio.to_thread(jobs.events, job_id))
            after = choice.randint(0, count)
            following.append((job_id, after, asyncio.create_task(collect(watch, job_id, after))))
            burst = choice.choice([0, 1, 1, 3, KEPT_EVENTS + 7])
            await asyncio.to_thread(append, database, choice.choice(ids), burst)
            await asyncio.sleep(choice.choice([0, 0.01, 0.03]))
        for job_id in ids:
            await asyncio.to_thread(jobs.cancel, job_id)
        for job_id, after, task in following:
            events = await task
            last = (await asyncio.to_thread(jobs.events, job_id, events[-1].number - 1))[0]  # type: ignore[operator]
            assert last.event == events[-1].name == "cancelled"
            assert numbers(events) == list(range(after + 1, last.number + 1))

    run(work)


def test_idle_followers_cost_one_look_each_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = JobStore(database)
    job_id, looks, reads = new_job(jobs), [0], [0]
    read = jobs.job_and_events

    def count_look(*arguments: object) -> object:
        looks[0] += 1
        return look_at_jobs(*arguments)  # type: ignore[arg-type]

    def count_read(job: str, after: int) -> object:
        reads[0] += 1
        return read(job, after)

    monkeypatch.setattr(job_watch, "look_at_jobs", count_look)
    monkeypatch.setattr(jobs, "job_and_events", count_read)

    async def work() -> None:
        watch = JobWatch(jobs, lambda: False)
        tasks = [asyncio.create_task(collect(watch, job_id)) for _ in range(20)]
        await until(lambda: reads[0] >= 20)
        after_joining = looks[0]
        await until(lambda: looks[0] >= after_joining + 3)  # one of those may have begun before they joined
        already, begun = reads[0], looks[0]
        await until(lambda: looks[0] >= begun + 10)
        assert reads[0] == already
        await asyncio.to_thread(jobs.cancel, job_id)
        assert [numbers(events) for events in await asyncio.gather(*tasks)] == [[1, 2]] * 20
        assert reads[0] == already
        await until(lambda: watch._looking is not None and watch._looking.done())  # nobody follows, nobody looks

    run(work)


def test_followers_outlast_an_unavailable_database(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = JobStore(database)
    job_id, failures = new_job(jobs), [0]

    def gone(*_: object) -> None:
        failures[0] += 1
        raise DatabaseUnavailable("gone")

    async def work() -> None:
        watch = JobWatch(jobs, lambda: False)
        early = asyncio.create_task(collect(watch, job_id))
        await asyncio.sleep(0.1)
        with monkeypatch.context() as patch:
            patch.setattr(job_watch, "look_at_jobs", gone)
            patch.setattr(jobs, "job_and_events", gone)
            late = asyncio.create_task(collect(watch, job_id, after=1))
            await until(lambda: failures[0] > 5)
            await asyncio.to_thread(append, database, job_id)
            await asyncio.to_thread(jobs.cancel, job_id)
        assert (numbers(await early), numbers(await late)) == ([1, 2, 3], [2, 3])

    run(work)


def test_followers_of_a_deleted_job_are_told(database: Database) -> None:
    jobs = JobStore(database)
    job_id = new_job(jobs)

    def forget() -> None:
        with database.write() as connection:
            connection.execute(delete(JOBS).where(JOBS.c.id == job_id))

    async def work() -> None:
        task = asyncio.create_task(collect(JobWatch(jobs, lambda: False), job_id))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(forget)
        with pytest.raises(NotFound, match=job_id):
            await task

    run(work)


def test_followers_end_with_the_server(database: Database) -> None:
    jobs, stopping = JobStore(database), [False]
    job_id = new_job(jobs)

    async def work() -> None:
        task = asyncio.create_task(collect(JobWatch(jobs, lambda: stopping[0]), job_id))
        await asyncio.sleep(0.1)
        stopping[0] = True
        assert numbers(await task) == [1]

    run(work)


def test_follower_that_leaves_is_forgotten(database: Database) -> None:
    jobs = JobStore(database)
    job_id = new_job(jobs)

    async def work() -> None:
        watch = JobWatch(jobs, lambda: False)
        tasks = [asyncio.create_task(collect(watch, job_id)) for _ in range(2)]
        await asyncio.sleep(0.05)
        tasks[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        await asyncio.to_thread(jobs.cancel, job_id)
        assert numbers(await tasks[1]) == [1, 2]
        assert not watch._followed

    run(work)


def test_followers_are_told_of_progress_and_of_what_the_job_waits_for(database: Database) -> None:
    jobs, leases = JobStore(database), LeaseStore(database)
    job_id = new_job(jobs)

    async def work() -> None:
        events: list[StreamedEvent] = []

        async def follow() -> None:
            async for event in stream_job(JobWatch(jobs, lambda: False), job_id, 0):
                events.extend([event] if event is not None else [])

        task = asyncio.create_task(follow())
        claimed = await asyncio.to_thread(leases.claim, "worker-1", 60)
        assert claimed is not None
        for step, awaited in ((1, "progress"), (2, "waiting")):
            await asyncio.to_thread(leases.renew, claimed[1], 60, {"step": step, "processor_share": 0.5 / step**2})
            await until(lambda name=awaited: name in [event.name for event in events])  # type: ignore[misc]
        await asyncio.to_thread(leases.succeed, claimed[1], {})
        await task
        assert [event.name for event in events] == ["queued", "started", "progress", "progress", "waiting", "succeeded"]
        assert [event.data["step"] for event in events if event.name == "progress"] == [1, 2]
        assert "12%" in events[-2].data["message"]

    run(work)


def test_look_at_jobs_tells_the_same_as_the_store(database: Database) -> None:
    jobs = JobStore(database)
    ids = [new_job(jobs) for _ in range(4)]
    jobs.cancel(ids[1])
    seen = look_at_jobs(database, dict.fromkeys([*ids, "job-none"]))
    assert set(seen) == set(ids)
    for job_id in ids:
        job = jobs.get(job_id)
        assert (seen[job_id].status, seen[job_id].created_at, seen[job_id].events) == (job.status, job.created_at, ())
        assert seen[job_id].event_count == len(jobs.events(job_id))
    append(database, ids[0])
    again = look_at_jobs(database, seen)
    assert [event.number for event in again[ids[0]].events] == [2]
    assert again[ids[1]].is_like(seen[ids[1]])
    assert again[ids[1]].status is Status.CANCELLED
