"""A request for a job on its way into the queue: its files found, its model resolved, its size guessed.

Knows what a request refers to and what a job may take. It knows no HTTP, and writes nothing.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from app import sizing
from app.job_errors import NameTaken, NotThere
from app.job_requests import EvaluateJob, NgramJob, RecurrentJob
from app.jobs import NewJob
from app.quota import cpu_quota, memory_quota
from app.registry import Registry
from app.settings import Settings
from app.stores import Stores
from models.errors import CheckpointNotFound, InvalidInput


def as_asked(asked: NgramJob | RecurrentJob | EvaluateJob) -> dict[str, Any]:
    """A request word for word: defaults that were not written are not in it."""
    return asked.model_dump(mode="json", exclude_unset=True)


def new_job(
    asked: NgramJob | RecurrentJob | EvaluateJob, stores: Stores, registry: Registry, settings: Settings
) -> NewJob:
    """The job to queue. Raises InvalidInput (TooExpensive for what is absurd), NameTaken, and DatabaseUnavailable."""
    request = as_asked(asked)
    if isinstance(asked, EvaluateJob):
        return _evaluation(asked, request, stores, registry, settings)
    validation = None if asked.validation_file is None else Path("validation")
    recipe = asked.recipe(Path("training"), validation)
    if asked.name in stores.aliases.snapshot:
        raise NameTaken(f"{asked.name!r} is an alias, so no model can have that name")
    size = _bytes(stores, "training_file", asked.training_file)
    if asked.validation_file is not None:
        _bytes(stores, "validation_file", asked.validation_file)
    estimate = sizing.training(recipe, size, settings.job_threads or cpu_quota())
    _limits(settings).check(estimate)
    training, held_out = asked.training_file, asked.validation_file
    return NewJob(asked.kind, request, asdict(estimate), asked.name, training, held_out)


def _evaluation(
    asked: EvaluateJob, request: dict[str, Any], stores: Stores, registry: Registry, settings: Settings
) -> NewJob:
    try:
        served = registry.get(stores.aliases.resolve(asked.model))
    except CheckpointNotFound as error:
        raise InvalidInput("model", str(error)) from None
    size = sum(facts.size for facts in served.checkpoint.card.files.values())
    estimate = sizing.evaluation(size, _bytes(stores, "validation_file", asked.validation_file))
    _limits(settings).check(estimate)
    # What a name means may change while the job waits: it measures what the name means now.
    now = {**request, "model": served.id}
    return NewJob(asked.kind, now, asdict(estimate), validation_file=asked.validation_file, asked=request)


def _bytes(stores: Stores, field: str, file_id: str) -> int:
    try:
        return stores.files.get(file_id).bytes
    except NotThere as error:
        raise InvalidInput(field, f"{error}; upload it with POST /v1/files") from None


def _limits(settings: Settings) -> sizing.Limits:
    memory = settings.max_job_memory_bytes or memory_quota() * 4 // 5
    return sizing.Limits(settings.max_job_parameters, memory, settings.max_job_seconds)
