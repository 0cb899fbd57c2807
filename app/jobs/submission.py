"""A request for a job on its way into the queue: its files found, its model resolved, its size guessed.

Knows what a request refers to and what a job may take. It knows no HTTP, and writes nothing.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.core.container_limits import memory_quota, spare_cores
from app.core.exceptions import NameTaken, NotFound
from app.core.settings import Settings
from app.engine.model_registry import ModelRegistry, ServedModel
from app.jobs import resource_estimate
from app.jobs.store import NewJob
from app.schemas.job_requests import CompositionJob, EvaluateJob, JobRequest, NgramJob
from app.stores import Stores
from models.checkpoint.counts_file import COUNTS_FILE
from models.checkpoint.members import shared_tokenizer
from models.composite.config import MixtureConfig
from models.composite.dynamic_evaluation import check_dynamic
from models.errors import CheckpointNotFound, InvalidInput
from models.recipes.compose import make_composite


def request_as_sent(asked: JobRequest) -> dict[str, Any]:
    """A request word for word: defaults that were not written are not in it."""
    return asked.model_dump(mode="json", exclude_unset=True)


def prepare_job(asked: JobRequest, stores: Stores, registry: ModelRegistry, settings: Settings) -> NewJob:
    """The job to queue. Raises InvalidInput (TooExpensive for what is absurd), NameTaken, and DatabaseUnavailable."""
    request = request_as_sent(asked)
    if isinstance(asked, EvaluateJob):
        return _evaluation_job(asked, request, stores, registry, settings)
    if asked.name in stores.aliases.snapshot:
        raise NameTaken(f"{asked.name!r} is an alias, so no model can have that name")
    if isinstance(asked, CompositionJob):
        return _composition_job(asked, request, stores, registry, settings)
    validation = None if asked.validation_file is None else Path("validation")
    recipe = asked.recipe(Path("training"), validation)
    size = _file_bytes(stores, "training_file", asked.training_file)
    if asked.validation_file is not None:
        _file_bytes(stores, "validation_file", asked.validation_file)
    estimate = resource_estimate.estimate_training(recipe, size, settings.job_threads or spare_cores())
    _limits(settings).check(estimate)
    training, held_out = asked.training_file, asked.validation_file
    if not isinstance(asked, NgramJob) or asked.extends is None:
        return NewJob(asked.kind, request, asdict(estimate), asked.name, training, held_out)
    base = _resolve_model("extends", asked.extends, stores, registry)
    if COUNTS_FILE not in base.checkpoint.card.files:
        raise InvalidInput("extends", f"must be a model published with its counts; {base.id} was not")
    now = {**request, "extends": base.id}
    return NewJob(asked.kind, now, asdict(estimate), asked.name, training, held_out, asked=request)


def _composition_job(
    asked: CompositionJob, request: dict[str, Any], stores: Stores, registry: ModelRegistry, settings: Settings
) -> NewJob:
    validation = None if asked.validation_file is None else Path("validation")
    config = asked.composition(validation).model
    members = [_resolve_model(f"members.{i}", name, stores, registry) for i, name in enumerate(asked.members)]
    shared_tokenizer((member.id, member.checkpoint.tokenizer) for member in members)
    if config == MixtureConfig():  # whatever weights will suit the text, a mixture of these must be possible
        config = MixtureConfig((1 / len(members),) * len(members))
    parameters = make_composite(config, [member.checkpoint.model for member in members]).parameter_count
    size = 0 if asked.validation_file is None else _file_bytes(stores, "validation_file", asked.validation_file)
    estimate = resource_estimate.estimate_composition(parameters, size)
    _limits(settings).check(estimate)
    # What a name means may change while the job waits: it is made of what the names mean now.
    now = {**request, "members": [member.id for member in members]}
    return NewJob(asked.kind, now, asdict(estimate), asked.name, validation_file=asked.validation_file, asked=request)


def _evaluation_job(
    asked: EvaluateJob, request: dict[str, Any], stores: Stores, registry: ModelRegistry, settings: Settings
) -> NewJob:
    served = _resolve_model("model", asked.model, stores, registry)
    size = _file_bytes(stores, "validation_file", asked.validation_file)
    how = asked.dynamic_config()
    if how is not None:
        check_dynamic(served.checkpoint.model, asked.resolve_unit(served.checkpoint.tokenizer.config))
    estimate = resource_estimate.estimate_evaluation(served.checkpoint.card.parameters, size, how)
    _limits(settings).check(estimate)
    # What a name means may change while the job waits: it measures what the name means now.
    now = {**request, "model": served.id}
    return NewJob(asked.kind, now, asdict(estimate), validation_file=asked.validation_file, asked=request)


def _resolve_model(field: str, model: str, stores: Stores, registry: ModelRegistry) -> ServedModel:
    try:
        return registry.get(stores.aliases.resolve(model))
    except CheckpointNotFound as error:
        raise InvalidInput(field, str(error)) from None


def _file_bytes(stores: Stores, field: str, file_id: str) -> int:
    try:
        return stores.files.get(file_id).bytes
    except NotFound as error:
        raise InvalidInput(field, f"{error}; upload it with POST /v1/files") from None


def _limits(settings: Settings) -> resource_estimate.ResourceLimits:
    memory = settings.max_job_memory_bytes or memory_quota() * 4 // 5
    return resource_estimate.ResourceLimits(settings.max_job_parameters, memory, settings.max_job_seconds)
