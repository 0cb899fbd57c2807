"""What a job's work is: a recipe built and left ready to be published, or a model measured on a text.

Knows requests, recipes and how their progress becomes reports. It does not know what process it runs in, that others
may do the same work at the same time, or how a model is published.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from app.schemas.job_requests import CompositionJob, EvaluateJob, TrainingRequest, parse_job_request
from app.worker.run_protocol import Done, InputFile, Measured, Message, Reported, Resumed, RunSpec, Stopped
from app.worker.workspaces import METRICS_FILE
from models.checkpoint import save as checkpoint
from models.checkpoint.load import load
from models.checkpoint.repository import resolve
from models.composite.dynamic_evaluation import make_dynamic
from models.evaluation.evaluator import evaluate
from models.evaluation.report import evaluation_figures
from models.recipes.build import build
from models.recipes.compose import compose
from models.utils.files import write_atomically
from models.utils.progress import Progress, run_to_completion, with_progress

Result = TypeVar("Result")
SendMessage = Callable[[Message], None]
ShouldStop = Callable[[], bool]

REPORT_SECONDS = 0.2
"""Progress is reported no more often."""
_READ_BYTES = 1 << 16


class _StopRequested(Exception):
    """The work was asked to stop, and has saved its state."""


def run_job(order: RunSpec, send: SendMessage, stop: ShouldStop) -> Message:
    """Do the work, reporting as it goes, until it is done or `stop()` says so.

    Raises what the work raises: InvalidInput, TrainingFailed, CheckpointError, OSError, MemoryError.
    """
    torch.set_num_threads(order.threads)
    request = parse_job_request(order.request)
    try:
        if isinstance(request, EvaluateJob):
            return _evaluate(order, request, send, stop)
        if isinstance(request, CompositionJob):
            return _compose(order, request, send, stop)
        return _train(order, request, send, stop)
    except _StopRequested:
        return Stopped()


def _train(order: RunSpec, request: TrainingRequest, send: SendMessage, stop: ShouldStop) -> Message:
    workdir, library = Path(order.workdir), Path(order.checkpoints).resolve()
    recipe = request.recipe(*_link_inputs(order, workdir / "inputs"))
    if recipe.extends is not None:
        recipe = replace(recipe, extends=resolve(library, str(recipe.extends)).path)
    work = build(recipe, workdir, save_seconds=order.save_seconds)
    reporter = _Reporter(send, workdir / METRICS_FILE)
    built = _drive(work, reporter.report, stop)
    reporter.finish()
    provenance = replace(built.provenance(f"POST /v1/jobs {json.dumps(order.request)}"), job=order.job_id)
    staged = checkpoint.save(
        Path(order.staging), recipe.name, built.model, built.tokenizer, provenance, extra_files=built.extra_files
    )
    return Done(str(staged.path))


def _compose(order: RunSpec, request: CompositionJob, send: SendMessage, stop: ShouldStop) -> Message:
    library = Path(order.checkpoints).resolve()
    _enter_directory(Path(order.workdir) / "inputs")
    validation = _link_input(order.validation, order.validation.name) if order.validation else None
    composition = request.composition(validation)
    made = _drive(compose(composition, library), _Reporter(send).report, stop)
    provenance = replace(made.provenance(f"POST /v1/jobs {json.dumps(order.request)}"), job=order.job_id)
    staging = Path(order.staging)
    staged = checkpoint.save(
        staging, composition.name, made.model, made.tokenizer, provenance, members=made.members, library=library
    )
    return Done(str(staged.path))


def _evaluate(order: RunSpec, request: EvaluateJob, send: SendMessage, stop: ShouldStop) -> Message:
    opened = load(resolve(Path(order.checkpoints), request.model).path)
    unit = request.resolve_unit(opened.tokenizer.config)
    how = request.dynamic_config()
    model = opened.model if how is None else make_dynamic(opened.model, how, unit)
    assert order.validation is not None
    with Path(order.validation.path).open("rb") as file:
        pieces = iter(lambda: file.read(_READ_BYTES), b"")
        work = evaluate(model, opened.tokenizer, pieces, unit, request.empty_lines)
        found = _drive(with_progress(work), _Reporter(send).report, stop)
    return Done(None, {"model": request.model, "unit": unit} | evaluation_figures(found))


def _link_inputs(order: RunSpec, directory: Path) -> tuple[Path, Path | None]:
    """The files under the names that their uploader gave them, in a directory that is then the current one.

    A card so tells of names, not of where this machine keeps what.
    """
    _enter_directory(directory)
    assert order.training is not None
    training = _link_input(order.training, order.training.name)
    if order.validation is None:
        return training, None
    clash = order.validation.name == order.training.name
    return training, _link_input(
        order.validation, f"validation-{order.validation.name}" if clash else order.validation.name
    )


def _enter_directory(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    os.chdir(directory)


def _link_input(source: InputFile, name: str) -> Path:
    link = Path(name)
    link.unlink(missing_ok=True)
    link.symlink_to(Path(source.path).resolve())
    return link


def _drive(work: Generator[Progress, None, Result], report: Callable[[Progress], None], stop: ShouldStop) -> Result:
    """Run `work` to its end and return its result; asked to stop, close it, upon which it saves its state."""

    def report_or_stop(progress: Progress) -> None:
        report(progress)
        if stop():
            work.close()
            raise _StopRequested

    return run_to_completion(work, report_or_stop)


class _Reporter:
    """Turns progress into reports: how far the work is, now and then; what a training measures, all of it.

    The metrics are in a file before the work goes on: a state that it saves is never ahead of them.
    """

    def __init__(self, send: SendMessage, file: Path | None = None) -> None:
        self._send = send
        self._file = file
        self._last = -math.inf
        self._phase = ""
        self._resumed = False

    def report(self, progress: Progress) -> None:
        """Pass on what there is to tell."""
        if progress.phase == "training" and self._file is not None:
            self._measure(self._file, progress.step, {name: _finite_or_none(v) for name, v in progress.metrics.items()})
        if progress.phase != self._phase or time.monotonic() - self._last >= REPORT_SECONDS:
            self._phase, self._last = progress.phase, time.monotonic()
            self._send(Reported(_progress_fields(progress)))

    def finish(self) -> None:
        """All is measured. If this attempt measured nothing, an earlier one trained to the end: tell what it had."""
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
        """`step` is the first to be measured: those before it, by an earlier attempt, stand; others are forgotten."""
        self._send(Resumed(step - 1))
        kept = [(at, values) for at, values in _read_metrics(file) if at < step]
        with write_atomically(file) as temporary:
            temporary.write_text("".join(json.dumps([at, values]) + "\n" for at, values in kept))
        for at, values in kept:
            self._send(Measured(at, values))


def _read_metrics(file: Path) -> list[tuple[int, dict[str, float | None]]]:
    """The metrics in the file; a last line that was cut off is none."""
    if not file.exists():
        return []
    lines = file.read_text().split("\n")[:-1]
    return [(step, values) for step, values in map(json.loads, lines)]


def _progress_fields(progress: Progress) -> dict[str, Any]:
    told: Mapping[str, Any] = {field.name: getattr(progress, field.name) for field in fields(Progress)}
    metrics = {name: _finite_or_none(value) for name, value in progress.metrics.items()}
    return {**told, "fraction": progress.fraction, "metrics": metrics}


def _finite_or_none(value: float) -> float | None:
    """What is not a finite number is not JSON."""
    return value if math.isfinite(value) else None
