"""Work of the jobs that make no model: evaluation, calibration of thresholds, tuning of weights."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.schemas.jobs.requests import EvaluateJob
from app.schemas.trades.calibrate import CalibrateJob
from app.schemas.trades.tune import TuneJob, tuning_content
from app.worker.child.driving import ShouldStop, drive
from app.worker.child.input_links import link_inputs
from app.worker.child.reporter import Reporter, SendMessage
from app.worker.run_protocol import Done, Message, RunSpec
from models.checkpoint.load import load
from models.checkpoint.repository import resolve
from models.composite.dynamic_evaluation import make_dynamic
from models.data.corpus import Corpus
from models.data.encoding_names import UTF_8
from models.data.labelled.nbest import read_nbest
from models.evaluation.evaluator import evaluate
from models.evaluation.gibberish_thresholds import calibrate
from models.evaluation.metrics import evaluation_figures
from models.evaluation.rescoring.nbest_scores import Scorer
from models.evaluation.rescoring.tuning import tune
from models.evaluation.typing_figures import measure_typing, take_words
from models.language_model import LanguageModel
from models.recipes.build_task import evaluate_task
from models.utils.progress import with_progress


def evaluate_model(spec: RunSpec, request: EvaluateJob, send: SendMessage, stop: ShouldStop) -> Message:
    """Measure a model on a text, or on labelled examples."""
    checkpoint = load(resolve(Path(spec.checkpoints).resolve(), request.model).path)
    file_format = request.file_format(checkpoint.model.capabilities)
    path = link_inputs(spec, Path(spec.workdir) / "inputs")["validation"]
    if not isinstance(checkpoint.model, LanguageModel):
        encoding, empty_lines = request.encoding or UTF_8, request.empty_lines
        work = evaluate_task(checkpoint.model, checkpoint.tokenizer, [path], file_format, empty_lines, encoding)
        return Done(None, {"model": request.model} | drive(work, Reporter(send).report, stop))
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
        typed = drive(with_progress(typing), Reporter(send).report, stop).figures()
    ends = {"bos": request.bos is not False, "eos": request.eos is not False}
    scoring = evaluate(model, checkpoint.tokenizer, chunks, unit, request.empty_lines, **ends)
    evaluation = drive(with_progress(scoring), Reporter(send).report, stop)
    notes: dict[str, Any] = {"notes": text.notes} if text.notes else {}
    notes |= {} if checkpoint.card.normalized else {"normalized": False}
    return Done(None, {"model": request.model, "unit": unit} | evaluation_figures(evaluation) | typed | notes)


def calibrate_model(spec: RunSpec, request: CalibrateJob, send: SendMessage, stop: ShouldStop) -> Message:
    """Find the thresholds at which a model tells nonsense from text."""
    checkpoint = load(resolve(Path(spec.checkpoints).resolve(), request.model).path)
    path = link_inputs(spec, Path(spec.workdir) / "inputs")["validation"]
    text = Corpus.open(path, config=checkpoint.tokenizer.config, encoding=request.encoding or UTF_8)
    prompts = [line for line in "".join(text.chunks()).split("\n") if line.strip()]
    model, tokenizer = checkpoint.language_model, checkpoint.tokenizer
    work = with_progress(calibrate(model, tokenizer, prompts, request.rates, request.window), "calibrating")
    thresholds = [asdict(found) for found in drive(work, Reporter(send).report, stop)]
    figures = {"prompt_count": len(prompts), "window": request.window, "thresholds": thresholds}
    return Done(None, {"model": request.model} | figures)


def tune_weights(spec: RunSpec, request: TuneJob, send: SendMessage, stop: ShouldStop) -> Message:
    """Find the weights of models by which n-best lists are rescored."""
    library, names = Path(spec.checkpoints).resolve(), [request.model, *request.models]
    checkpoints = [load(resolve(library, name).path) for name in names]
    lists = read_nbest(link_inputs(spec, Path(spec.workdir) / "inputs")["validation"], request.encoding or UTF_8)
    scorers = [Scorer(checkpoint.language_model, checkpoint.tokenizer) for checkpoint in checkpoints]
    tuning = drive(tune(lists, scorers, request.unit, request.zero_logprob), Reporter(send).report, stop)
    return Done(None, tuning_content(names, tuning, request.zero_logprob))
