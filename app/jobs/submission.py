"""Submission of a job: a validated request becomes the `NewJob` that is put into the queue.

`JobSubmission.prepare` looks up the files and models that the request refers to, estimates its resources and refuses
what exceeds the limits. Nothing is written. Names of models are resolved to versions now, since they may refer to
other versions by the time the job runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from app.core.container_limits import spare_cores
from app.core.exceptions import NameTaken, NotFound
from app.core.settings import Settings
from app.engine.registry.model_registry import ModelRegistry
from app.engine.registry.snapshot import ServedModel
from app.jobs.estimates.resource_estimate import (
    estimate_composition,
    estimate_evaluation,
    estimate_import,
    estimate_training,
)
from app.jobs.estimates.resources import ResourceEstimate, ResourceLimits
from app.jobs.estimates.selection_estimate import estimate_selection
from app.jobs.estimates.task_estimate import estimate_task
from app.jobs.estimates.text_sample import sample_examples, sample_size
from app.jobs.estimates.text_size import TextSize, guess_examples, guess_size
from app.jobs.job import NewJob
from app.jobs.labelled_files import check_if_small, check_nbest_if_small, check_small_files
from app.jobs.records_files import check_encoding_of_records, check_records_job, model_fields
from app.jobs.text_encodings import find_encoding
from app.jobs.tokenizer_files import file_vocabulary_size
from app.schemas.jobs.import_job import ImportJob
from app.schemas.jobs.requests import CompositionJob, EvaluateJob, JobRequest
from app.schemas.jobs.selection_jobs import RecordsJob, RecordsRequest
from app.schemas.jobs.training_jobs import NgramJob, TrainingRequest
from app.schemas.tasks.job_kinds import TaskRequest
from app.schemas.tasks.job_requests import NetworkJob, TaskJob
from app.schemas.trades.calibrate import CalibrateJob
from app.schemas.trades.tune import TuneJob
from app.storage.aliases import AliasStore
from app.storage.file_store import FileStore, StoredFile
from models.checkpoint.counts_file import COUNTS_FILE
from models.checkpoint.load import shared_tokenizer
from models.checkpoint.repository import was_deleted
from models.composite.base import check_dynamic
from models.composite.config import MixtureConfig
from models.data.encoding_names import UTF_8
from models.errors import CheckpointNotFound, InvalidInput, UnsupportedByModel
from models.evaluation.gibberish_scores import TEXTS_SCORED
from models.ngram.formats.model_file import check_model_file
from models.recipes.compose import make_composite
from models.recipes.initial_weights import model_weights
from models.recipes.recipe import Recipe
from models.recipes.task_recipe import TaskRecipe

_WITHOUT_MODEL = EvaluateJob | CalibrateJob | TuneJob | RecordsJob
"""Requests that make no model, and so name none."""


def request_as_sent(request: JobRequest) -> dict[str, Any]:
    """Return a request as JSON-ready data with the fields that the client sent; defaults are left out."""
    return request.model_dump(mode="json", exclude_unset=True)


@dataclass(frozen=True)
class JobSubmission:
    """Preparation of jobs with what a request can refer to, and the limits of the settings."""

    files: FileStore
    aliases: AliasStore
    registry: ModelRegistry
    settings: Settings

    def prepare(self, request: JobRequest) -> NewJob:
        """Return the job to queue.

        Raises:
            InvalidInput: a field is not accepted, or refers to something that does not exist.
            TooExpensive: the job would exceed the limits.
            NameTaken: the name of the model is an alias.
            DatabaseUnavailable: files or aliases cannot be looked up.
        """
        encoding = find_encoding(self.files, request)
        if encoding is None:
            return self._prepare(request)
        job = self._prepare(request.model_copy(update={"encoding": encoding}))
        return replace(job, sent_request=request_as_sent(request))

    def check_models(self, job: NewJob) -> None:
        """Raise InvalidInput where a model that a prepared job needs was deleted meanwhile."""
        for model in job.models:
            if was_deleted(self.settings.checkpoints, model):
                raise InvalidInput("model", f"{model} was deleted meanwhile")

    def _prepare(self, request: JobRequest) -> NewJob:
        """Return the job of a request that says the encoding of its files."""
        if isinstance(request, _WITHOUT_MODEL):
            return self._prepare_measuring(request)
        if request.name in self.aliases.read_snapshot():
            raise NameTaken(f"{request.name!r} is an alias, so no model can have that name")
        if isinstance(request, CompositionJob):
            return self._prepare_composition(request)
        if isinstance(request, ImportJob):
            return self._prepare_import(request)
        if isinstance(request, TaskJob):
            return self._prepare_task(request)
        return self._prepare_training(request)

    def _prepare_measuring(self, request: EvaluateJob | CalibrateJob | TuneJob | RecordsRequest) -> NewJob:
        """Return the job of a request that makes no model."""
        if isinstance(request, EvaluateJob):
            return self._prepare_evaluation(request)
        if isinstance(request, CalibrateJob):
            return self._prepare_calibration(request)
        if isinstance(request, TuneJob):
            return self._prepare_tuning(request)
        return self._prepare_records(request)

    def _prepare_training(self, request: TrainingRequest) -> NewJob:
        validation = None if request.validation_file is None else Path("validation")
        recipe = request.recipe(Path("training"), validation)
        training_file = self._file("training_file", request.training_file)
        self._file_bytes("validation_file", request.validation_file)
        vocabulary = None
        for field, file in request.more_files.items():
            self._file_bytes(field, file)
            vocabulary = file_vocabulary_size(self.files, file, recipe.tokenizer)
        text, threads = self._text_size(recipe, training_file, vocabulary), self.settings.job_threads
        estimate = estimate_training(recipe, text, threads or spare_cores())
        if isinstance(request, NgramJob) and self._needs_disk(request, estimate):
            on_disk = request.model_copy(update={"memory": str(self._limits.memory_bytes)})
            return replace(self._prepare_training(on_disk), sent_request=request_as_sent(request))
        self._limits.check(estimate)
        if isinstance(request, NgramJob) and request.extends is not None:
            return self._new_job(request, estimate, extends=self._model_with_counts(request.extends).id)
        return self._new_job(request, estimate)

    def _prepare_import(self, request: ImportJob) -> NewJob:
        recipe = request.recipe(Path("model"), Path("tokenizer") if request.more_files else None)
        size = self._file_bytes("file", request.file)
        for field, file_id in request.more_files.items():
            self._file_bytes(field, file_id)
            file_vocabulary_size(self.files, file_id, recipe.tokenizer)
        with self.files.open(request.file) as file:
            check_model_file(file, "file")
        estimate = estimate_import(size)
        self._limits.check(estimate)
        return self._new_job(request, estimate)

    def _prepare_task(self, request: TaskRequest) -> NewJob:
        origin, resolved = None, dict[str, str]()
        if isinstance(request, NetworkJob) and request.initialize_from is not None:
            origin = self._resolve_model("initialize_from", request.initialize_from)
            resolved = {"initialize_from": origin.id}
        recipe = request.recipe(Path, None if origin is None else origin.checkpoint.path)
        training_files = [self._file("training_file", file_id) for file_id in request.training_files]
        for field, file in {"validation_file": request.validation_file, **request.more_files}.items():
            self._file_bytes(field, file)
        text, threads = self._examples_size(recipe, training_files), self.settings.job_threads
        estimate = estimate_task(recipe, text, threads or spare_cores())
        self._limits.check(estimate)
        if origin is not None and recipe.encoder is not None:  # it must fit
            model_weights(recipe, recipe.encoder, origin.checkpoint)
        if recipe.format is not None:
            check_small_files(self.files, request, recipe.format)
        return self._new_job(request, estimate, **resolved)

    def _prepare_composition(self, request: CompositionJob) -> NewJob:
        config = request.composition(None if request.validation_file is None else Path("validation")).model
        members = [self._resolve_model(f"members.{i}", name) for i, name in enumerate(request.members)]
        shared_tokenizer((member.id, member.checkpoint.tokenizer) for member in members)
        if config == MixtureConfig():  # weights are fitted later, but the members must be mixable now
            config = MixtureConfig((1 / len(members),) * len(members))
        parameters = make_composite(config, [member.checkpoint.member_model for member in members]).parameter_count
        estimate = estimate_composition(parameters, self._file_bytes("validation_file", request.validation_file))
        self._limits.check(estimate)
        return self._new_job(request, estimate, members=[member.id for member in members])

    def _prepare_evaluation(self, request: EvaluateJob) -> NewJob:
        served = self._resolve_model("model", request.model)
        if not served.checkpoint.model.capabilities:
            raise InvalidInput("model", f"{served.id} learned from reversed text: measure the models made of it")
        size = self._file_bytes("validation_file", request.validation_file)
        file_format = request.file_format(served.checkpoint.model.capabilities)
        if file_format is not None:
            check_if_small(self.files, "validation_file", [request.validation_file], file_format)
        dynamic = request.dynamic_config()
        if dynamic is not None:
            check_dynamic(served.checkpoint.language_model, request.resolve_unit(served.checkpoint.tokenizer.config))
        estimate = estimate_evaluation(served.checkpoint.card.parameters, size, dynamic)
        self._limits.check(estimate)
        return self._new_job(request, estimate, model=served.id)

    def _prepare_calibration(self, request: CalibrateJob) -> NewJob:
        served = self._resolve_model("model", request.model)
        parameters = served.checkpoint.language_model.parameter_count
        size = self._file_bytes("validation_file", request.validation_file)
        estimate = estimate_evaluation(parameters, TEXTS_SCORED * size)
        self._limits.check(estimate)
        return self._new_job(request, estimate, model=served.id)

    def _prepare_tuning(self, request: TuneJob) -> NewJob:
        names = {"model": request.model} | {f"models.{i}": name for i, name in enumerate(request.models)}
        first, *others = (self._resolve_language_model(field, name) for field, name in names.items())
        parameters = sum(served.checkpoint.language_model.parameter_count for served in (first, *others))
        size = self._file_bytes("validation_file", request.validation_file)
        check_nbest_if_small(self.files, "validation_file", request.validation_file, request.encoding or UTF_8)
        estimate = estimate_evaluation(parameters, (2 + len(others)) * size)  # the search takes about one pass
        self._limits.check(estimate)
        return self._new_job(request, estimate, model=first.id, models=[served.id for served in others])

    def _prepare_records(self, request: RecordsRequest) -> NewJob:
        served = {field: self._resolve_model(field, name) for field, name in model_fields(request).items()}
        check_records_job(request, served)
        size = 0
        for field, file_id in {"files.0": request.files[0], **request.more_files}.items():
            file = self._file(field, file_id)
            size += file.content_bytes
            check_encoding_of_records(field, file)
        estimate = estimate_selection([model.checkpoint.model for model in served.values()], size)
        self._limits.check(estimate)
        resolved: dict[str, Any] = {name: served[name].id for name in ("model", "against") if name in served}
        if request.routes:
            resolved["routes"] = {label: served[f"routes.{label}"].id for label in request.routes}
        return self._new_job(request, estimate, **resolved)

    def _model_with_counts(self, model: str) -> ServedModel:
        served = self._resolve_model("extends", model)
        if COUNTS_FILE not in served.checkpoint.card.files:
            raise InvalidInput("extends", f"must be a model published with its counts; {served.id} was not")
        return served

    def _new_job(
        self, request: JobRequest, estimate: ResourceEstimate, **resolved: str | list[str] | dict[str, str]
    ) -> NewJob:
        """Build the job; `resolved` are fields whose names of models were replaced by versions."""
        sent = request_as_sent(request)
        return NewJob(
            kind=request.kind,
            request=sent | resolved,
            estimate=asdict(estimate),
            name=None if isinstance(request, _WITHOUT_MODEL) else request.name,
            training_file=next(iter(request.training_files), None),
            validation_file=request.validation_file,
            more_files=request.more_files,
            sent_request=sent if resolved else None,
        )

    def _resolve_model(self, field: str, model: str) -> ServedModel:
        try:
            return self.aliases.find(model, self.registry.get)
        except CheckpointNotFound as error:
            raise InvalidInput(field, str(error)) from None

    def _resolve_language_model(self, field: str, model: str) -> ServedModel:
        served = self._resolve_model(field, model)
        try:
            _ = served.checkpoint.language_model
        except UnsupportedByModel as error:
            raise error.of_field(field) from None
        return served

    def _needs_disk(self, request: NgramJob, estimate: ResourceEstimate) -> bool:
        """Return whether a count that was given no memory needs more than there is, so that it is given that."""
        return request.memory is None and estimate.memory_bytes > self._limits.memory_bytes

    def _text_size(self, recipe: Recipe, file: StoredFile, file_vocabulary: int | None) -> TextSize:
        """Return the size of a training text, from a sample where one can be read."""
        size = None
        if file_vocabulary is None:
            opened, seekable = partial(self.files.open, file.id), file.text_bytes is None
            size = sample_size(recipe, opened, file.content_bytes, seekable=seekable)
        return size or guess_size(recipe, file.content_bytes, file_vocabulary)

    def _examples_size(self, recipe: TaskRecipe, files: Sequence[StoredFile]) -> TextSize:
        """Return the size of a task's examples, from a sample where one can be read."""
        first, size = files[0], sum(file.content_bytes for file in files)
        sampled = sample_examples(recipe, partial(self.files.open, first.id), first.filename, size)
        return sampled or guess_examples(recipe, size)

    def _file_bytes(self, field: str, file_id: str | None) -> int:
        """Return the size of what a file holds, decompressed; 0 where none is given."""
        return 0 if file_id is None else self._file(field, file_id).content_bytes

    def _file(self, field: str, file_id: str) -> StoredFile:
        """Return an uploaded file. Raises InvalidInput, which names the field, where there is none."""
        try:
            return self.files.get(file_id)
        except NotFound as error:
            raise InvalidInput(field, f"{error}; upload it with POST /v1/files") from None

    @property
    def _limits(self) -> ResourceLimits:
        settings = self.settings
        return ResourceLimits(settings.max_job_parameters, settings.job_memory_bytes, settings.max_job_seconds)
