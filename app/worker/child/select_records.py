"""Work of the jobs `score` and `select`: records scored in blocks, and files of those kept.

Blocks lie in the working directory, from which another attempt takes them over; see `workspaces`.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

from app.schemas.jobs.selection_jobs import RecordsRequest
from app.worker.child.input_links import link_inputs
from app.worker.run_protocol import BLOCKS_FOLDER, Done, OutputFile, RunSpec
from models.checkpoint.card import FileDigest
from models.checkpoint.load import load
from models.checkpoint.repository import resolve
from models.selection.build_measure import build_measure
from models.selection.config import SelectionConfig
from models.selection.outputs import PLACEHOLDER
from models.selection.selection import SelectionResult, select
from models.selection.sources import plain_name
from models.utils.progress import Progress


def select_records(spec: RunSpec, request: RecordsRequest) -> Generator[Progress, None, Done]:
    """Score records and write those that are kept; return where they are, with the counts."""
    workdir, library = Path(spec.workdir).resolve(), Path(spec.checkpoints).resolve()
    inputs = link_inputs(spec, workdir / "inputs")
    paths = [inputs["training"], *(inputs[field] for field in request.more_files)]
    config = request.selection()
    measure = build_measure(request.models, config, lambda name: load(resolve(library, name).path))
    output = workdir / "output" / output_name(request, config, paths[0])
    output.parent.mkdir(exist_ok=True)
    result = yield from select(paths, measure, config, output, workdir / BLOCKS_FOLDER, spec.request)
    content: dict[str, Any] = {"model": request.model} | result.content()
    return Done(None, content, [_output_file(name, path, result) for name, path in result.files.items()])


def _output_file(bucket: str, path: Path, result: SelectionResult) -> OutputFile:
    digest = FileDigest.of(path)
    return OutputFile(str(path), path.name, bucket, digest.sha256, digest.size, result.content_bytes[path])


def output_name(request: RecordsRequest, config: SelectionConfig, first: Path) -> str:
    """Return the name of the file that is written, with a placeholder where there are several."""
    part = PLACEHOLDER if config.has_buckets else "scored" if request.kind == "score" else "kept"
    is_text = first.suffix == ".txt" and not config.scores
    ending = "" if request.compression == "none" else f".{request.compression}"
    return f"{Path(plain_name(first)).stem}.{part}.{'txt' if is_text else 'jsonl'}{ending}"
