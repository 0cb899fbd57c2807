"""Submission of n-gram jobs: an estimate learnt from the text, and memory that there is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from app.core.exceptions import TooExpensive
from app.core.settings import Settings
from app.engine.registry.model_registry import ModelRegistry
from app.jobs.job import NewJob
from app.jobs.submission.submission import JobSubmission
from app.schemas.jobs.requests import parse_job_request
from app.stores import Stores

LIMIT = 280 << 20
"""Bytes of memory, a little more than a process has that has read nothing."""


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    opened = Stores.open(Settings(data=tmp_path / "data"))
    opened.refresh()
    yield opened
    opened.database.close()


def prepare(stores: Stores, lines: int, **body: Any) -> NewJob:
    numbers = random.Random(1)
    words = [f"w{n}" for n in range(5000)]
    text = "".join(" ".join(numbers.choices(words, k=12)) + "\n" for _ in range(lines))
    with stores.files.begin_upload() as upload:
        upload.write(text.encode())
        file = stores.files.store_upload(upload, "text.txt", "training")
    settings = Settings(max_job_memory_bytes=LIMIT, job_threads=1)
    submission = JobSubmission(stores.files, stores.aliases, cast("ModelRegistry", None), settings)
    return submission.prepare(parse_job_request({"name": "demo", "kind": "ngram", "training_file": file.id, **body}))


def test_prepare_counts_on_disk_what_does_not_fit_into_memory(stores: Stores) -> None:
    small, large = prepare(stores, 500), prepare(stores, 10_000)
    assert "memory" not in small.request
    assert small.sent_request is None
    assert large.request["memory"] == str(LIMIT)
    assert large.estimate["memory_bytes"] == LIMIT
    assert large.sent_request is not None
    assert "memory" not in large.sent_request


def test_prepare_keeps_the_memory_that_was_asked_for(stores: Stores) -> None:
    job = prepare(stores, 10_000, memory="275M")
    assert job.request["memory"] == "275M"
    assert job.estimate["memory_bytes"] == 275 << 20
    with pytest.raises(TooExpensive, match=f"bytes of memory, and at most {LIMIT:,} are allowed"):
        prepare(stores, 10_000, memory="50G")


def test_prepare_estimates_parameters_by_the_text(stores: Stores) -> None:
    # 120,000 words of 5,000 kinds at random and 10,000 ends: nearly all bigrams and all trigrams differ.
    job = prepare(stores, 10_000, config={"order": 3})
    assert job.estimate["parameters"] == pytest.approx(2 * 5002 + 2 * 125_000 + 130_000, rel=0.1)
