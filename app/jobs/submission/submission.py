"""Submission of a job: a validated request becomes the `NewJob` that is put into the queue.

`JobSubmission.prepare` looks up the files and models that the request refers to, estimates its resources and refuses
what exceeds the limits. Nothing is written. Names of models are resolved to versions now, since they may refer to
other versions by the time the job runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.core.settings import Settings
from app.engine.registry.model_registry import ModelRegistry
from app.jobs.job import NewJob
from app.jobs.submission.measuring_jobs import MeasuringJobs
from app.jobs.submission.model_jobs import ModelJobs
from app.jobs.submission.new_job import WITHOUT_MODEL, request_as_sent
from app.jobs.submission.references import References
from app.jobs.submission.text_encodings import find_encoding
from app.schemas.jobs.requests import JobRequest
from app.storage.aliases import AliasStore
from app.storage.files.file_store import FileStore
from models.checkpoint.repository import was_deleted
from models.errors import InvalidInput


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
            StoreUnavailable: a file of another machine cannot be read.
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
        references = References(self.files, self.aliases, self.registry, self.settings)
        if isinstance(request, WITHOUT_MODEL):
            return MeasuringJobs(references).prepare(request)
        return ModelJobs(references).prepare(request)
