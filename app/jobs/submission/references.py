"""Files and models that requests for jobs refer to: `References`."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.exceptions import NotFound
from app.core.settings import Settings
from app.engine.registry.model_registry import ModelRegistry
from app.engine.registry.snapshot import ServedModel
from app.jobs.estimates.resources import ResourceLimits
from app.storage.aliases import AliasStore
from app.storage.files.file_store import FileStore, StoredFile
from models.errors import CheckpointNotFound, InvalidInput, UnsupportedByModel


@dataclass(frozen=True)
class References:
    """Files and models that requests refer to, and the limits of the settings."""

    files: FileStore
    aliases: AliasStore
    registry: ModelRegistry
    settings: Settings

    def file(self, field: str, file_id: str) -> StoredFile:
        """Return an uploaded file. Raises InvalidInput, which names the field, where there is none."""
        try:
            return self.files.get(file_id)
        except NotFound as error:
            raise InvalidInput(field, f"{error}; upload it with POST /v1/files") from None

    def size(self, field: str, file_id: str | None) -> int:
        """Return the size of what a file holds, decompressed; 0 where none is given."""
        return 0 if file_id is None else self.file(field, file_id).content_bytes

    def model(self, field: str, model: str) -> ServedModel:
        """Return a published model by name, version or alias. Raises InvalidInput, which names the field."""
        try:
            return self.aliases.find(model, self.registry.get)
        except CheckpointNotFound as error:
            raise InvalidInput(field, str(error)) from None

    def language_model(self, field: str, model: str) -> ServedModel:
        """Return a published language model. Raises InvalidInput or UnsupportedByModel, which name the field."""
        served = self.model(field, model)
        try:
            _ = served.checkpoint.language_model
        except UnsupportedByModel as error:
            raise error.of_field(field) from None
        return served

    @property
    def limits(self) -> ResourceLimits:
        """Most parameters, memory and time that a job may be expected to need."""
        settings = self.settings
        return ResourceLimits(settings.max_job_parameters, settings.job_memory_bytes, settings.max_job_seconds)
