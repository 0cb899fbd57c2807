"""The work of a job: build a recipe, compose a model or measure one, reporting progress on the way.

`run_job` takes a RunSpec and returns how the work ended. A finished model is left in the staging directory; publishing
it is the worker's, which holds the lease.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from app.schemas.base import JobBody
from app.schemas.jobs.import_job import TOKENIZER_FIELD, ImportJob
from app.schemas.jobs.requests import CompositionJob, EvaluateJob, parse_job_request
from app.schemas.jobs.selection_jobs import RecordsJob, RecordsRequest
from app.schemas.jobs.training_jobs import TrainingRequest
from app.schemas.tasks.job_requests import NetworkJob, TaskJob
from app.schemas.trades.calibrate import CalibrateJob
from app.schemas.trades.tune import TuneJob, tuning_content
from app.worker.input_links import link_inputs
from app.worker.reporter import METRICS_FILE, Reporter, SendMessage
from app.worker.run_protocol import Done, Message, RunSpec, Stopped
from app.worker.select_records import select_records
from models.checkpoint.card import Provenance
from models.checkpoint.load import load
from models.checkpoint.repository import resolve
from models.checkpoint.save import save
from models.composite.dynamic_evaluation import make_dynamic
from models.data.corpus import Corpus
from models.data.encoding_names import UTF_8
from models.data.labelled.nbest import read_nbest
from models.errors import StateMismatch, UnusableState
from models.evaluation.evaluator import evaluate
from models.evaluation.gibberish_thresholds import calibrate
from models.evaluation.metrics import evaluation_figures
from models.evaluation.rescoring.nbest_scores import Scorer
from models.evaluation.rescoring.tuning import tune
from models.evaluation.typing_figures import measure_typing, take_words
from models.language_model import LanguageModel
from models.neural.training.config import STATE_FILE
from models.recipes.build import BuiltModel, build
from models.recipes.build_task import BuiltTask, build_task, evaluate_task
from models.recipes.compose import ComposedModel, compose
from models.recipes.import_model import ImportedModel, import_model
from models.threads import set_thread_count
from models.utils.progress import Progress, run_to_completion, with_progress

Result = TypeVar("Result")
ShouldStop = Callable[[], bool]
Report = Callable[[Progress], None]
Work: TypeAlias = Generator[Progress, None, Result]
logger = logging.getLogger(__name__)


class _StopRequested(Exception):
    """The work stopped on request, after saving its state."""


def run_job(spec: RunSpec, send: SendMessage, stop: ShouldStop) -> Message:
    """Do the work, sending reports, until it is done or `stop()` returns true.

    Raises InvalidInput, TrainingFailed, CheckpointError, OSError and MemoryError as the work does.
    """
    set_thread_count(spec.threads)
    request = parse_job_request(spec.request)
    try:
        work = next(work for kind, work in _WORK if isinstance(request, kind))
        return work(spec, request, send, stop)
    except _StopRequested:
        return Stopped()


def _train(spec: RunSpec, request: TrainingRequest, send: SendMessage, stop: ShouldStop) -> Message:
    workdir, library = Path(spec.workdir), Path(spec.checkpoints).resolve()
    inputs = link_inputs(spec, workdir / "inputs")
    recipe = request.recipe(inputs["training"], inputs.get("validation"), inputs.get(TOKENIZER_FIELD))
    if recipe.extends is not None:
        recipe = replace(recipe, extends=resolve(library, str(recipe.extends)).path)
    reporter = Reporter(send, workdir / METRICS_FILE)
    built = _drive_on(lambda: build(recipe, workdir, save_seconds=spec.save_seconds), spec, reporter.report, stop)
    reporter.finish()
    provenance = _provenance(spec, built)
    staging, extra_files = Path(spec.staging), built.extra_files
    staged = save(staging, recipe.name, built.model, built.tokenizer, provenance, extra_files=extra_files)
    return Done(str(staged.path))


def _train_task(spec: RunSpec, request: TaskJob, send: SendMessage, stop: ShouldStop) -> Message:
    workdir, library, origin = Path(spec.workdir), Path(spec.checkpoints).resolve(), None
    files = _paths_by_id(request, link_inputs(spec, workdir / "inputs"))
    if isinstance(request, NetworkJob) and request.initialize_from is not None:
        origin = resolve(library, request.initialize_from).path
    recipe = request.recipe(files.__getitem__, origin)
    reporter = Reporter(send, workdir / METRICS_FILE)
    built = _drive_on(lambda: build_task(recipe, workdir, save_seconds=spec.save_seconds), spec, reporter.report, stop)
    reporter.finish()
    provenance = _provenance(spec, built)
    return Done(str(save(Path(spec.staging), recipe.name, built.model, built.tokenizer, provenance).path))


def _paths_by_id(request: TaskJob, links: dict[str, Path]) -> dict[str, Path]:
    """Return the links by the files' ids, as the request has them."""
    ids = {"training": request.training_files[0], **request.more_files}
    if request.validation_file is not None:
        ids["validation"] = request.validation_file
    return {file_id: links[field] for field, file_id in ids.items()}


def _import(spec: RunSpec, request: ImportJob, send: SendMessage, stop: ShouldStop) -> Message:
    inputs = link_inputs(spec, Path(spec.workdir) / "inputs")
    recipe = request.recipe(inputs["training"], inputs.get(TOKENIZER_FIELD))
    imported = _drive(import_model(recipe), Reporter(send).report, stop)
    provenance = _provenance(spec, imported)
    return Done(str(save(Path(spec.staging), recipe.name, imported.model, imported.tokenizer, provenance).path))


def _compose(spec: RunSpec, request: CompositionJob, send: SendMessage, stop: ShouldStop) -> Message:
    library = Path(spec.checkpoints).resolve()
    composition = request.composition(link_inputs(spec, Path(spec.workdir) / "inputs").get("validation"))
    composite = _drive(compose(composition, library), Reporter(send).report, stop)
    provenance = _provenance(spec, composite)
    model, tokenizer, members = composite.model, composite.tokenizer, composite.members
    staging = Path(spec.staging)
    staged = save(staging, composition.name, model, tokenizer, provenance, members=members, library=library)
    return Done(str(staged.path))


def _evaluate(spec: RunSpec, request: EvaluateJob, send: SendMessage, stop: ShouldStop) -> Message:
    checkpoint = load(resolve(Path(spec.checkpoints).resolve(), request.model).path)
    file_format = request.file_format(checkpoint.model.capabilities)
    path = link_inputs(spec, Path(spec.workdir) / "inputs")["validation"]
    if not isinstance(checkpoint.model, LanguageModel):
        encoding, empty_lines = request.encoding or UTF_8, request.empty_lines
        work = evaluate_task(checkpoint.model, checkpoint.tokenizer, [path], file_format, empty_lines, encoding)
        return Done(None, {"model": request.model} | _drive(work, Reporter(send).report, stop))
    unit = request.resolve_unit(checkpoint.tokenizer.config)
    dynamic = request.dynamic_config()
    model = checkpoint.language_model if dynamic is None else make_dynamic(checkpoint.language_model, dynamic, unit)
    text = Corpus.open(
        path,
        config=checkpoint.tokenizer.config,
        empty_lines=request.empty_lines,
        encoding=request.encoding or UTF_8,
    )
    chunks, typed = text.chunks(), {}
    if request.typing is not None:
        lines, chunks = take_words(chunks, request.typing)
        typing = measure_typing(checkpoint.predictor, checkpoint.tokenizer, lines, request.typing)
        typed = _drive(with_progress(typing), Reporter(send).report, stop).figures()
    ends = {"bos": request.bos is not False, "eos": request.eos is not False}
    scoring = evaluate(model, checkpoint.tokenizer, chunks, unit, request.empty_lines, **ends)
    evaluation = _drive(with_progress(scoring), Reporter(send).report, stop)
    notes: dict[str, Any] = {"notes": text.notes} if text.notes else {}
    notes |= {} if checkpoint.card.normalized else {"normalized": False}
    return Done(None, {"model": request.model, "unit": unit} | evaluation_figures(evaluation) | typed | notes)


def _calibrate(spec: RunSpec, request: CalibrateJob, send: SendMessage, stop: ShouldStop) -> Message:
    checkpoint = load(resolve(Path(spec.checkpoints).resolve(), request.model).path)
    path = link_inputs(spec, Path(spec.workdir) / "inputs")["validation"]
    text = Corpus.open(path, config=checkpoint.tokenizer.config, encoding=request.encoding or UTF_8)
    prompts = [line for line in "".join(text.chunks()).split("\n") if line.strip()]
    model, tokenizer = checkpoint.language_model, checkpoint.tokenizer
    work = with_progress(calibrate(model, tokenizer, prompts, request.rates, request.window), "calibrating")
    thresholds = [asdict(found) for found in _drive(work, Reporter(send).report, stop)]
    figures = {"prompt_count": len(prompts), "window": request.window, "thresholds": thresholds}
    return Done(None, {"model": request.model} | figures)


def _tune(spec: RunSpec, request: TuneJob, send: SendMessage, stop: ShouldStop) -> Message:
    library, names = Path(spec.checkpoints).resolve(), [request.model, *request.models]
    checkpoints = [load(resolve(library, name).path) for name in names]
    lists = read_nbest(link_inputs(spec, Path(spec.workdir) / "inputs")["validation"], request.encoding or UTF_8)
    scorers = [Scorer(checkpoint.language_model, checkpoint.tokenizer) for checkpoint in checkpoints]
    tuning = _drive(tune(lists, scorers, request.unit, request.zero_logprob), Reporter(send).report, stop)
    return Done(None, tuning_content(names, tuning, request.zero_logprob))


def _select(spec: RunSpec, request: RecordsRequest, send: SendMessage, stop: ShouldStop) -> Message:
    return _drive(select_records(spec, request), Reporter(send).report, stop)


_WORK: tuple[tuple[type[JobBody], Callable[[RunSpec, Any, SendMessage, ShouldStop], Message]], ...] = (
    (EvaluateJob, _evaluate),
    (CalibrateJob, _calibrate),
    (TuneJob, _tune),
    (RecordsJob, _select),
    (ImportJob, _import),
    (CompositionJob, _compose),
    (TaskJob, _train_task),
    (JobBody, _train),
)
"""Work of each kind of job; the first that fits is done."""


def _provenance(spec: RunSpec, result: BuiltModel | BuiltTask | ComposedModel | ImportedModel) -> Provenance:
    """Return what the card of a job's model tells of its making."""
    return replace(result.provenance(f"POST /v1/jobs {json.dumps(spec.request)}"), job=spec.job_id)


def _drive_on(begin: Callable[[], Work[Result]], spec: RunSpec, report: Report, stop: ShouldStop) -> Result:
    """Run work that goes on from a state in the working directory; begin anew where that cannot be used.

    It is of an earlier attempt at this job: an older version of the program may have saved it, or a disk damaged it.
    """
    try:
        return _drive(begin(), report, stop)
    except (StateMismatch, UnusableState) as error:
        logger.warning("job %s begins anew: %s", spec.job_id, error)
        (Path(spec.workdir) / STATE_FILE).unlink()
        return _drive(begin(), report, stop)


def _drive(work: Work[Result], report: Report, stop: ShouldStop) -> Result:
    """Run the work to its end and return its result. Told to stop, close it, which saves its state."""

    def report_or_stop(progress: Progress) -> None:
        report(progress)
        if stop():
            raise _StopRequested

    with closing(work):
        return run_to_completion(work, report_or_stop)
