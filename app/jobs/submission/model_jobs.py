"""Preparation of jobs that make a model: training, import and composition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from app.core.container_limits import spare_cores
from app.core.exceptions import NameTaken
from app.engine.registry.snapshot import ServedModel
from app.jobs.estimates.resource_estimate import (
    estimate_composition,
    estimate_import,
    estimate_training,
)
from app.jobs.estimates.resources import ResourceEstimate
from app.jobs.estimates.task_estimate import estimate_task
from app.jobs.estimates.text_sample import sample_examples, sample_size
from app.jobs.estimates.text_size import TextSize, guess_examples, guess_size
from app.jobs.job import NewJob
from app.jobs.submission.labelled_files import check_small_files
from app.jobs.submission.new_job import new_job, request_as_sent
from app.jobs.submission.references import References
from app.jobs.submission.tokenizer_files import file_vocabulary_size
from app.schemas.jobs.import_job import ImportJob
from app.schemas.jobs.requests import CompositionJob
from app.schemas.jobs.training_jobs import NgramJob, TrainingRequest
from app.schemas.tasks.job_kinds import TaskRequest
from app.schemas.tasks.job_requests import NetworkJob, TaskJob
from app.storage.files.file_store import StoredFile
from models.checkpoint.counts_file import COUNTS_FILE
from models.checkpoint.load import shared_tokenizer
from models.composite.config import MixtureConfig
from models.errors import InvalidInput
from models.ngram.formats.model_file import check_model_file
from models.recipes.compose import make_composite
from models.recipes.initial_weights import model_weights
from models.recipes.recipe import Recipe
from models.recipes.task_recipe import TaskRecipe


class ModelJobs:
    """Preparation of jobs that make a model. Methods raise as `JobSubmission.prepare` does."""

    def __init__(self, references: References) -> None:
        self._references = references

    def prepare(self, request: CompositionJob | ImportJob | TaskRequest | TrainingRequest) -> NewJob:
        """Return the job to queue."""
        if request.name in self._references.aliases.read_snapshot():
            raise NameTaken(f"{request.name!r} is an alias, so no model can have that name")
        if isinstance(request, CompositionJob):
            return self._prepare_composition(request)
        if isinstance(request, ImportJob):
            return self._prepare_import(request)
        if isinstance(request, TaskJob):
            return self._prepare_task(request)
        return self._prepare_training(request)

    def _prepare_training(self, request: TrainingRequest) -> NewJob:
        validation = None if request.validation_file is None else Path("validation")
        recipe = request.recipe(Path("training"), validation)
        training_file = self._references.file("training_file", request.training_file)
        self._references.size("validation_file", request.validation_file)
        vocabulary = None
        for field, file in request.more_files.items():
            self._references.size(field, file)
            vocabulary = file_vocabulary_size(self._references.files, file, recipe.tokenizer)
        text, threads = self._text_size(recipe, training_file, vocabulary), self._references.settings.job_threads
        estimate = estimate_training(recipe, text, threads or spare_cores())
        if isinstance(request, NgramJob) and self._needs_disk(request, estimate):
            on_disk = request.model_copy(update={"memory": str(self._references.limits.memory_bytes)})
            return replace(self._prepare_training(on_disk), sent_request=request_as_sent(request))
        self._references.limits.check(estimate)
        if isinstance(request, NgramJob) and request.extends is not None:
            return new_job(request, estimate, extends=self._model_with_counts(request.extends).id)
        return new_job(request, estimate)

    def _prepare_import(self, request: ImportJob) -> NewJob:
        recipe = request.recipe(Path("model"), Path("tokenizer") if request.more_files else None)
        size = self._references.size("file", request.file)
        for field, file_id in request.more_files.items():
            self._references.size(field, file_id)
            file_vocabulary_size(self._references.files, file_id, recipe.tokenizer)
        with self._references.files.open(request.file) as file:
            check_model_file(file, "file")
        estimate = estimate_import(size)
        self._references.limits.check(estimate)
        return new_job(request, estimate)

    def _prepare_task(self, request: TaskRequest) -> NewJob:
        origin, resolved = None, dict[str, str]()
        if isinstance(request, NetworkJob) and request.initialize_from is not None:
            origin = self._references.model("initialize_from", request.initialize_from)
            resolved = {"initialize_from": origin.id}
        recipe = request.recipe(Path, None if origin is None else origin.checkpoint.path)
        training_files = [self._references.file("training_file", file_id) for file_id in request.training_files]
        for field, file in {"validation_file": request.validation_file, **request.more_files}.items():
            self._references.size(field, file)
        text, threads = self._examples_size(recipe, training_files), self._references.settings.job_threads
        estimate = estimate_task(recipe, text, threads or spare_cores())
        self._references.limits.check(estimate)
        if origin is not None and recipe.encoder is not None:  # it must fit
            model_weights(recipe, recipe.encoder, origin.checkpoint)
        if recipe.format is not None:
            check_small_files(self._references.files, request, recipe.format)
        return new_job(request, estimate, **resolved)

    def _prepare_composition(self, request: CompositionJob) -> NewJob:
        config = request.composition(None if request.validation_file is None else Path("validation")).model
        members = [self._references.model(f"members.{i}", name) for i, name in enumerate(request.members)]
        shared_tokenizer((member.id, member.checkpoint.tokenizer) for member in members)
        if config == MixtureConfig():  # weights are fitted later, but the members must be mixable now
            config = MixtureConfig((1 / len(members),) * len(members))
        parameters = make_composite(config, [member.checkpoint.member_model for member in members]).parameter_count
        estimate = estimate_composition(parameters, self._references.size("validation_file", request.validation_file))
        self._references.limits.check(estimate)
        return new_job(request, estimate, members=[member.id for member in members])

    def _model_with_counts(self, model: str) -> ServedModel:
        served = self._references.model("extends", model)
        if COUNTS_FILE not in served.checkpoint.card.files:
            raise InvalidInput("extends", f"must be a model published with its counts; {served.id} was not")
        return served

    def _needs_disk(self, request: NgramJob, estimate: ResourceEstimate) -> bool:
        """Return whether a count that was given no memory needs more than there is, so that it is given that."""
        return request.memory is None and estimate.memory_bytes > self._references.limits.memory_bytes

    def _text_size(self, recipe: Recipe, file: StoredFile, file_vocabulary: int | None) -> TextSize:
        """Return the size of a training text, from a sample where one can be read."""
        size = None
        if file_vocabulary is None:
            opened, seekable = partial(self._references.files.open, file.id), file.text_bytes is None
            size = sample_size(recipe, opened, file.content_bytes, seekable=seekable)
        return size or guess_size(recipe, file.content_bytes, file_vocabulary)

    def _examples_size(self, recipe: TaskRecipe, files: Sequence[StoredFile]) -> TextSize:
        """Return the size of a task's examples, from a sample where one can be read."""
        first, size = files[0], sum(file.content_bytes for file in files)
        sampled = sample_examples(recipe, partial(self._references.files.open, first.id), first.filename, size)
        return sampled or guess_examples(recipe, size)
