"""Work of the jobs that make a model: it is built, imported or composed, and staged to be published."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from app.schemas.jobs.import_job import TOKENIZER_FIELD, ImportJob
from app.schemas.jobs.requests import CompositionJob
from app.schemas.jobs.training_jobs import TrainingRequest
from app.schemas.tasks.job_requests import NetworkJob, TaskJob
from app.worker.child.driving import ShouldStop, drive, drive_on
from app.worker.child.input_links import link_inputs
from app.worker.child.reporter import Reporter, SendMessage
from app.worker.run_protocol import METRICS_FILE, Done, Message, RunSpec
from models.checkpoint.card import Provenance
from models.checkpoint.repository import resolve
from models.checkpoint.save import save
from models.recipes.build import BuiltModel, build
from models.recipes.build_task import BuiltTask, build_task
from models.recipes.compose import ComposedModel, compose
from models.recipes.import_model import ImportedModel, import_model


def train(spec: RunSpec, request: TrainingRequest, send: SendMessage, stop: ShouldStop) -> Message:
    """Train a language model."""
    workdir, library = Path(spec.workdir), Path(spec.checkpoints).resolve()
    inputs = link_inputs(spec, workdir / "inputs")
    recipe = request.recipe(inputs["training"], inputs.get("validation"), inputs.get(TOKENIZER_FIELD))
    if recipe.extends is not None:
        recipe = replace(recipe, extends=resolve(library, str(recipe.extends)).path)
    reporter = Reporter(send, workdir / METRICS_FILE)
    built = drive_on(lambda: build(recipe, workdir, save_seconds=spec.save_seconds), spec, reporter.report, stop)
    reporter.finish()
    provenance = _provenance(spec, built)
    staging, extra_files = Path(spec.staging), built.extra_files
    staged = save(staging, recipe.name, built.model, built.tokenizer, provenance, extra_files=extra_files)
    return Done(str(staged.path))


def train_task(spec: RunSpec, request: TaskJob, send: SendMessage, stop: ShouldStop) -> Message:
    """Train a model of a task."""
    workdir, library, origin = Path(spec.workdir), Path(spec.checkpoints).resolve(), None
    files = _paths_by_id(request, link_inputs(spec, workdir / "inputs"))
    if isinstance(request, NetworkJob) and request.initialize_from is not None:
        origin = resolve(library, request.initialize_from).path
    recipe = request.recipe(files.__getitem__, origin)
    reporter = Reporter(send, workdir / METRICS_FILE)
    built = drive_on(lambda: build_task(recipe, workdir, save_seconds=spec.save_seconds), spec, reporter.report, stop)
    reporter.finish()
    provenance = _provenance(spec, built)
    return Done(str(save(Path(spec.staging), recipe.name, built.model, built.tokenizer, provenance).path))


def import_file(spec: RunSpec, request: ImportJob, send: SendMessage, stop: ShouldStop) -> Message:
    """Make a model of the file of another program."""
    inputs = link_inputs(spec, Path(spec.workdir) / "inputs")
    recipe = request.recipe(inputs["training"], inputs.get(TOKENIZER_FIELD))
    imported = drive(import_model(recipe), Reporter(send).report, stop)
    provenance = _provenance(spec, imported)
    return Done(str(save(Path(spec.staging), recipe.name, imported.model, imported.tokenizer, provenance).path))


def compose_model(spec: RunSpec, request: CompositionJob, send: SendMessage, stop: ShouldStop) -> Message:
    """Compose a model of published ones."""
    library = Path(spec.checkpoints).resolve()
    composition = request.composition(link_inputs(spec, Path(spec.workdir) / "inputs").get("validation"))
    composite = drive(compose(composition, library), Reporter(send).report, stop)
    provenance = _provenance(spec, composite)
    model, tokenizer, members = composite.model, composite.tokenizer, composite.members
    staging = Path(spec.staging)
    staged = save(staging, composition.name, model, tokenizer, provenance, members=members, library=library)
    return Done(str(staged.path))


def _paths_by_id(request: TaskJob, links: dict[str, Path]) -> dict[str, Path]:
    """Return the links by the files' ids, as the request has them."""
    ids = {"training": request.training_files[0], **request.more_files}
    if request.validation_file is not None:
        ids["validation"] = request.validation_file
    return {file_id: links[field] for field, file_id in ids.items()}


def _provenance(spec: RunSpec, result: BuiltModel | BuiltTask | ComposedModel | ImportedModel) -> Provenance:
    """Return what the card of a job's model tells of its making."""
    return replace(result.provenance(f"POST /v1/jobs {json.dumps(spec.request)}"), job=spec.job_id)
