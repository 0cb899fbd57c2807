"""Check of what a job of records asks for, with the models and files at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from app.engine.registry.snapshot import ServedModel
from app.schemas.jobs.selection_jobs import RecordsJob
from app.storage.files.file_store import StoredFile
from models.errors import InvalidInput
from models.selection.build_measure import build_measure
from models.selection.config import SelectionConfig

_CONFIG_FIELDS = frozenset(field.name for field in fields(SelectionConfig))


def model_fields(request: RecordsJob) -> dict[str, str]:
    """Return the names of a request's models, by field."""
    against = {} if request.against is None else {"against": request.against}
    return {"model": request.model, **against} | {f"routes.{label}": name for label, name in request.routes.items()}


def check_records_job(request: RecordsJob, served: Mapping[str, ServedModel]) -> None:
    """Raise InvalidInput for a configuration that the models, by field, do not go with."""
    by_name = {name: served[field] for field, name in model_fields(request).items()}
    config, models = request.selection(), request.models
    try:
        build_measure(models, config, lambda name: by_name[name].checkpoint)
    except InvalidInput as error:
        raise error.of_field(f"config.{error.field}") if error.field in _CONFIG_FIELDS else error from None


def check_encoding_of_records(field: str, file: StoredFile) -> None:
    """Raise InvalidInput for a file that was uploaded as another encoding than UTF-8."""
    if file.encoding is not None:
        raise InvalidInput(field, f"must be UTF-8, and {file.id} was uploaded as {file.encoding}")
