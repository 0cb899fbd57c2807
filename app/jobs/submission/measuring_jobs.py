"""Preparation of jobs that measure models and make none."""

from __future__ import annotations

from typing import Any

from app.jobs.estimates.resource_estimate import estimate_evaluation
from app.jobs.estimates.selection_estimate import estimate_selection
from app.jobs.job import NewJob
from app.jobs.submission.labelled_files import check_if_small, check_nbest_if_small
from app.jobs.submission.new_job import new_job
from app.jobs.submission.records_files import check_encoding_of_records, check_records_job, model_fields
from app.jobs.submission.references import References
from app.schemas.jobs.requests import EvaluateJob
from app.schemas.jobs.selection_jobs import RecordsRequest
from app.schemas.trades.calibrate import CalibrateJob
from app.schemas.trades.tune import TuneJob
from models.composite.base import check_dynamic
from models.data.encoding_names import UTF_8
from models.errors import InvalidInput
from models.evaluation.gibberish_scores import TEXTS_SCORED


class MeasuringJobs:
    """Preparation of jobs that make no model. Methods raise as `JobSubmission.prepare` does."""

    def __init__(self, references: References) -> None:
        self._references = references

    def prepare(self, request: EvaluateJob | CalibrateJob | TuneJob | RecordsRequest) -> NewJob:
        """Return the job to queue."""
        if isinstance(request, EvaluateJob):
            return self._prepare_evaluation(request)
        if isinstance(request, CalibrateJob):
            return self._prepare_calibration(request)
        if isinstance(request, TuneJob):
            return self._prepare_tuning(request)
        return self._prepare_records(request)

    def _prepare_evaluation(self, request: EvaluateJob) -> NewJob:
        served = self._references.model("model", request.model)
        if not served.checkpoint.model.capabilities:
            raise InvalidInput("model", f"{served.id} learned from reversed text: measure the models made of it")
        size = self._references.size("validation_file", request.validation_file)
        file_format = request.file_format(served.checkpoint.model.capabilities)
        if file_format is not None:
            check_if_small(self._references.files, "validation_file", [request.validation_file], file_format)
        dynamic = request.dynamic_config()
        if dynamic is not None:
            check_dynamic(served.checkpoint.language_model, request.resolve_unit(served.checkpoint.tokenizer.config))
        estimate = estimate_evaluation(served.checkpoint.card.parameters, size, dynamic)
        self._references.limits.check(estimate)
        return new_job(request, estimate, model=served.id)

    def _prepare_calibration(self, request: CalibrateJob) -> NewJob:
        served = self._references.model("model", request.model)
        parameters = served.checkpoint.language_model.parameter_count
        size = self._references.size("validation_file", request.validation_file)
        estimate = estimate_evaluation(parameters, TEXTS_SCORED * size)
        self._references.limits.check(estimate)
        return new_job(request, estimate, model=served.id)

    def _prepare_tuning(self, request: TuneJob) -> NewJob:
        names = {"model": request.model} | {f"models.{i}": name for i, name in enumerate(request.models)}
        first, *others = (self._references.language_model(field, name) for field, name in names.items())
        parameters = sum(served.checkpoint.language_model.parameter_count for served in (first, *others))
        size = self._references.size("validation_file", request.validation_file)
        check_nbest_if_small(
            self._references.files, "validation_file", request.validation_file, request.encoding or UTF_8
        )
        estimate = estimate_evaluation(parameters, (2 + len(others)) * size)  # the search takes about one pass
        self._references.limits.check(estimate)
        return new_job(request, estimate, model=first.id, models=[served.id for served in others])

    def _prepare_records(self, request: RecordsRequest) -> NewJob:
        served = {field: self._references.model(field, name) for field, name in model_fields(request).items()}
        check_records_job(request, served)
        size = 0
        for field, file_id in {"files.0": request.files[0], **request.more_files}.items():
            file = self._references.file(field, file_id)
            size += file.content_bytes
            check_encoding_of_records(field, file)
        estimate = estimate_selection([model.checkpoint.model for model in served.values()], size)
        self._references.limits.check(estimate)
        resolved: dict[str, Any] = {name: served[name].id for name in ("model", "against") if name in served}
        if request.routes:
            resolved["routes"] = {label: served[f"routes.{label}"].id for label in request.routes}
        return new_job(request, estimate, **resolved)
