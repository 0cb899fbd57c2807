"""The work of a job: build a recipe, compose a model or evaluate one, reporting progress on the way.

`run_job` takes a RunSpec and returns how the work ended. A finished model is left in the staging directory; publishing
it is the worker's, which holds the lease.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from app.schemas.job_requests import CompositionJob, EvaluateJob, TrainingRequest, parse_job_request
from app.worker.run_protocol import Done, InputFile, Measured, Message, Reported, Resumed, RunSpec, Stopped
from app.worker.workspaces import METRICS_FILE
from models.checkpoint.load import load
from models.checkpoint.repository import resolve
from models.checkpoint.save import save
from models.composite.dynamic_evaluation import make_dynamic
from models.evaluation.evaluator import evaluate
from models.evaluation.metrics import evaluation_figures
from models.recipes.build import build
from models.recipes.compose import compose
from models.threads import set_thread_count
from models.utils.files import write_atomically
from models.utils.progress import Progress, run_to_completion, with_progress

Result = TypeVar("Result")
SendMessage = Callable[[Message], None]
ShouldStop = Callable[[], bool]
REPORT_SECONDS = 0.2
"""Least time between two progress reports."""
_READ_BYTES = 1 << 16


class _StopRequested(Exception):
    """The work stopped on request, after saving its state."""


def run_job(spec: RunSpec, send: SendMessage, stop: ShouldStop) -> Message:
    """Do the work, sending reports, until it is done or `stop()` returns true.

    Raises InvalidInput, TrainingFailed, CheckpointError, OSError and MemoryError as the work does.
    """
    set_thread_count(spec.threads)
    request = parse_job_request(spec.request)
    try:
        if isinstance(request, EvaluateJob):
            return _evaluate(spec, request, send, stop)
        if isinstance(request, CompositionJob):
            return _compose(spec, request, send, stop)
        return _train(spec, request, send, stop)
    except _StopRequested:
        return Stopped()


def _train(spec: RunSpec, request: TrainingRequest, send: SendMessage, stop: ShouldStop) -> Message:
    workdir, library = Path(spec.workdir), Path(spec.checkpoints).resolve()
    recipe = request.recipe(*_link_inputs(spec, workdir / "inputs"))
    if recipe.extends is not None:
        recipe = replace(recipe, extends=resolve(library, str(recipe.extends)).path)
    work = build(recipe, workdir, save_seconds=spec.save_seconds)
    reporter = _Reporter(send, workdir / METRICS_FILE)
    built = _drive(work, reporter.report, stop)
    reporter.finish()
    provenance = replace(built.provenance(f"POST /v1/jobs {json.dumps(spec.request)}"), job=spec.job_id)
    staging, extra_files = Path(spec.staging), built.extra_files
    staged = save(staging, recipe.name, built.model, built.tokenizer, provenance, extra_files=extra_files)
    return Done(str(staged.path))


def _compose(spec: RunSpec, request: CompositionJob, send: SendMessage, stop: ShouldStop) -> Message:
    library = Path(spec.checkpoints).resolve()
    _enter_directory(Path(spec.workdir) / "inputs")
    validation = _link_input(spec.validation, spec.validation.name) if spec.validation else None
    composition = request.composition(validation)
    composite = _drive(compose(composition, library), _Reporter(send).report, stop)
    provenance = replace(composite.provenance(f"POST /v1/jobs {json.dumps(spec.request)}"), job=spec.job_id)
    model, tokenizer, members = composite.model, composite.tokenizer, composite.members
    staging = Path(spec.staging)
    staged = save(staging, composition.name, model, tokenizer, provenance, members=members, library=library)
    return Done(str(staged.path))


def _evaluate(spec: RunSpec, request: EvaluateJob, send: SendMessage, stop: ShouldStop) -> Message:
    checkpoint = load(resolve(Path(spec.checkpoints), request.model).path)
    unit = request.resolve_unit(checkpoint.tokenizer.config)
    dynamic = request.dynamic_config()
    model = checkpoint.language_model if dynamic is None else make_dynamic(checkpoint.language_model, dynamic, unit)
    assert spec.validation is not None
    with Path(spec.validation.path).open("rb") as file:
        chunks = iter(lambda: file.read(_READ_BYTES), b"")
        work = evaluate(model, checkpoint.tokenizer, chunks, unit, request.empty_lines)
        evaluation = _drive(with_progress(work), _Reporter(send).report, stop)
    return Done(None, {"model": request.model, "unit": unit} | evaluation_figures(evaluation))


def _link_inputs(spec: RunSpec, directory: Path) -> tuple[Path, Path | None]:
    """Link the input files, under their uploaders' names, into a directory and make it the current one.

    Cards then hold these names rather than paths of this machine.
    """
    _enter_directory(directory)
    assert spec.training is not None
    training = _link_input(spec.training, spec.training.name)
    if spec.validation is None:
        return training, None
    prefix = "validation-" if spec.validation.name == spec.training.name else ""
    return training, _link_input(spec.validation, prefix + spec.validation.name)


def _enter_directory(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    os.chdir(directory)


def _link_input(source: InputFile, name: str) -> Path:
    link = Path(name)
    link.unlink(missing_ok=True)
    link.symlink_to(Path(source.path).resolve())
    return link


def _drive(work: Generator[Progress, None, Result], report: Callable[[Progress], None], stop: ShouldStop) -> Result:
    """Run the work to its end and return its result. Told to stop, close it, which saves its state."""

    def report_or_stop(progress: Progress) -> None:
        report(progress)
        if stop():
            raise _StopRequested

    with closing(work):
        return run_to_completion(work, report_or_stop)


class _Reporter:
    """Sender of reports: progress now and then, metrics of a training completely.

    Metrics are appended to a file before the training goes on, so a saved state is never ahead of them.
    """

    def __init__(self, send: SendMessage, file: Path | None = None) -> None:
        self._send = send
        self._file = file
        self._last = -math.inf
        self._phase = ""
        self._resumed = False

    def report(self, progress: Progress) -> None:
        """Report progress and metrics."""
        if progress.phase == "training" and self._file is not None:
            self._measure(self._file, progress.step, {name: _finite_or_none(v) for name, v in progress.metrics.items()})
        if progress.phase != self._phase or time.monotonic() - self._last >= REPORT_SECONDS:
            self._phase, self._last = progress.phase, time.monotonic()
            self._send(Reported(_progress_fields(progress)))

    def finish(self) -> None:
        """Send the metrics of an earlier attempt that trained to the end, if this one measured nothing."""
        if self._file is not None and not self._resumed:
            for step, values in _read_metrics(self._file):
                self._send(Measured(step, values))

    def _measure(self, file: Path, step: int, values: dict[str, float | None]) -> None:
        if not self._resumed:
            self._resumed = True
            self._resume(file, step)
        with file.open("a") as lines:
            lines.write(json.dumps([step, values]) + "\n")
        self._send(Measured(step, values))

    def _resume(self, file: Path, step: int) -> None:
        """Keep the metrics of an earlier attempt before `step`, the first measured now; drop later ones."""
        self._send(Resumed(step - 1))
        earlier = [(number, values) for number, values in _read_metrics(file) if number < step]
        with write_atomically(file) as temporary:
            temporary.write_text("".join(json.dumps([number, values]) + "\n" for number, values in earlier))
        for number, values in earlier:
            self._send(Measured(number, values))


def _read_metrics(file: Path) -> list[tuple[int, dict[str, float | None]]]:
    """Read the metrics in the file; a last line without an end is ignored."""
    if not file.exists():
        return []
    lines = file.read_text().split("\n")[:-1]
    return [(step, values) for step, values in map(json.loads, lines)]


def _progress_fields(progress: Progress) -> dict[str, Any]:
    values = {field.name: getattr(progress, field.name) for field in fields(Progress)}
    metrics = {name: _finite_or_none(value) for name, value in progress.metrics.items()}
    return {**values, "fraction": progress.fraction, "metrics": metrics}


def _finite_or_none(value: float) -> float | None:
    """Return None for a number that JSON cannot hold."""
    return value if math.isfinite(value) else None
