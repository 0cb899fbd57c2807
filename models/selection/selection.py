"""Selection of the records of files: `select` scores them in blocks, and writes those that are kept.

Blocks are kept in a folder as they are done, so that a selection that was killed goes on where it was; see
`block_folder`. Once all figures are known the records are read again from there, judged and written.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from models.errors import InvalidInput
from models.selection.block_folder import MAX_TOLD_ERRORS, BlockEntry, BlockFolder, compress, join_lines
from models.selection.config import RecordFormat, SelectionConfig
from models.selection.measures import Figures, Measure
from models.selection.outputs import open_outputs, output_paths
from models.selection.records import ParsedRecords, error_line, parse_lines, scored_line
from models.selection.rules import DROPPED, Rule, fit_rule, make_rule
from models.selection.sources import Block, read_blocks, record_format
from models.utils.arrays import Float64Array, Int32Array
from models.utils.json_columns import format_objects
from models.utils.parallel import parallel_imap
from models.utils.progress import Progress, run_to_completion
from models.utils.regular_files import open_regular

BLOCK_BYTES = 1 << 23
"""Bytes of text in a block of a model that scores millions of tokens a second: about a second of work."""
SLOW_BLOCK_BYTES = 1 << 18
"""Bytes of text in a block of other models."""
_HEAD_BYTES = 1 << 16
"""Bytes of each file that tell it from another of the same size."""


@dataclass(frozen=True)
class SelectionResult:
    """Counts of a selection."""

    record_count: int
    error_count: int
    """Bad records: no JSON, without text, or with nothing to score."""
    unrouted_count: int
    """Records whose label no model is for."""
    kept: dict[str, int]
    """Records that were written, by bucket, or as `kept`."""
    token_count: int
    """Tokens that were scored, by all models together."""
    limits: dict[str, Any]
    """Figures between which records are kept, or at which middle and tail begin, by label."""
    errors: Sequence[tuple[str, int, str]]
    """Name of the file, number of the line and reason, of the first bad records."""
    files: dict[str, Path]
    """Where they were written, by bucket."""
    content_bytes: dict[Path, int]
    """Bytes of the lines of each file, before compression."""

    def content(self) -> dict[str, Any]:
        """Return the counts as JSON content, without the files."""
        values = {name: value for name, value in vars(self).items() if name not in ("files", "errors", "content_bytes")}
        errors = [{"file": file, "line": line, "message": message} for file, line, message in self.errors]
        return values | {"errors": errors}


@dataclass(frozen=True)
class _ScoredBlock:
    entry: BlockEntry
    lines: bytes
    values: Float64Array
    groups: Int32Array
    position: int


def select(
    paths: Sequence[Path],
    measure: Measure,
    config: SelectionConfig,
    output: Path,
    work: Path,
    identity: Any = None,
) -> Generator[Progress, None, SelectionResult]:
    """Score the records of files, and write those that are kept to `output`.

    `output` is compressed as its ending says. `work` is a folder for the blocks that are done, which may be there from
    a selection that was killed; `identity` is JSON content that tells the models from others. Yields progress, in bytes
    of the files.

    Raises InvalidInput for a file that cannot be read, and a folder of another selection; InvalidText for damaged
    compressed data.
    """
    files = output_paths(output, config.kept_buckets)
    header = {"config": asdict(config), "models": identity, "files": list(map(_describe, paths))}
    folder = BlockFolder(work, header)
    fixed = make_rule(config)
    yield from _score_all(paths, measure, config, fixed, folder)
    rule = fixed or _fit(config, folder, measure)
    targets = [files.get(name, next(iter(files.values()))) for name in rule.names]
    kept, sizes = yield from _write(folder, rule, measure, config, targets)
    limits = rule.content() if config.has_rule else {}
    return _result(folder, {name: count for name, count in kept.items() if name in files}, limits, files, sizes)


def _score_all(
    paths: Sequence[Path], measure: Measure, config: SelectionConfig, rule: Rule | None, folder: BlockFolder
) -> Generator[Progress, None, None]:
    """Score the blocks that are not done yet."""
    total, position, tokens, began = sum(path.stat().st_size for path in paths), 0, 0, time.monotonic()
    kinds = {path.name: record_format(path, config.format) for path in paths}
    block_bytes = BLOCK_BYTES if measure.is_parallel else SLOW_BLOCK_BYTES
    blocks = (b for b in read_blocks(paths, config.format, block_bytes) if b.number not in folder.entries)
    score = partial(_score_block, measure, config, rule, kinds)
    for step in _run(score, blocks, parallel=measure.is_parallel):
        if isinstance(step, int):
            tokens += step
        else:
            folder.add(step.entry, step.lines, step.values, step.groups)
            tokens += step.entry.token_count if measure.is_parallel else 0
            position = step.position
        rate = tokens / max(time.monotonic() - began, 1e-9)
        yield Progress("scoring", position, total, tokens_per_second=rate)


_Steps: TypeAlias = Generator[int, None, _ScoredBlock]


def _run(score: Callable[[Block], _Steps], blocks: Iterator[Block], *, parallel: bool) -> Iterator[int | _ScoredBlock]:
    """Yield scored blocks in order, and the tokens of the chunks in between where no thread works ahead."""
    if parallel:
        yield from parallel_imap(lambda block: run_to_completion(score(block)), blocks)
        return
    for block in blocks:
        yield (yield from score(block))


def _score_block(
    measure: Measure, config: SelectionConfig, rule: Rule | None, kinds: Mapping[str, RecordFormat], block: Block
) -> _Steps:
    """Return the lines of a block that may be kept, with their scores, and their figures."""
    kind = kinds[block.file]
    records = parse_lines(block.lines, block.first_line, kind, config.text_field)
    figures = yield from measure.measure(records.texts)
    errors = {**figures.errors, **records.errors}
    figures.values[list(errors)] = np.nan
    rows = np.arange(len(records.lines))
    if config.has_rule:
        is_kept = ~np.isnan(figures.values)
        if rule is not None:
            is_kept &= rule.decide(figures.values, figures.groups, measure.labels) != DROPPED
        rows = np.flatnonzero(is_kept)
    lines, sha256 = compress(_lines(records, figures, errors, config, kind, rows.tolist()))
    entry = BlockEntry(
        number=block.number,
        record_count=len(records.lines),
        error_count=len(errors),
        unrouted_count=int(np.isnan(figures.values).sum()) - len(errors),
        token_count=figures.token_count,
        kept_count=len(rows),
        sha256=sha256,
        errors=[(block.file, records.numbers[i], errors[i]) for i in sorted(errors)[:MAX_TOLD_ERRORS]],
    )
    return _ScoredBlock(entry, lines, figures.values[rows], figures.groups[rows], block.position)


def _lines(
    records: ParsedRecords,
    figures: Figures,
    errors: Mapping[int, str],
    config: SelectionConfig,
    kind: RecordFormat,
    rows: Sequence[int],
) -> Iterator[bytes]:
    """Yield the lines of some records as they are written."""
    scores = format_objects(figures.columns) if config.scores else []
    for i in rows:
        line, text = records.lines[i], records.texts[i]
        if not config.scores:
            yield line
        elif i in errors:
            yield error_line(line, kind, text, records.numbers[i], errors[i])
        else:
            yield scored_line(line, kind, text, scores[i])


def _fit(config: SelectionConfig, folder: BlockFolder, measure: Measure) -> Rule:
    """Return the rule of percentiles, now that all figures are known."""
    parts = [folder.read_figures(entry.number) for entry in folder.in_order()]
    values = np.concatenate([np.zeros(0), *(values for values, _ in parts)])
    groups = np.concatenate([np.zeros(0, np.int32), *(groups for _, groups in parts)])
    return fit_rule(config, values, groups, measure.labels)


def _write(
    folder: BlockFolder, rule: Rule, measure: Measure, config: SelectionConfig, targets: Sequence[Path]
) -> Generator[Progress, None, tuple[dict[str, int], dict[Path, int]]]:
    """Write the lines that are kept; return their number by bucket, and their bytes by file."""
    counts, sizes = dict.fromkeys(rule.names, 0), dict.fromkeys(targets, 0)
    tells_bucket = bool(rule.buckets) and config.scores
    with open_outputs(targets) as outputs:
        for done, entry in enumerate(folder.in_order(), 1):
            places = rule.decide(*folder.read_figures(entry.number), measure.labels)
            places = places if config.has_rule else np.zeros_like(places)
            lines = folder.read_lines(entry.number)
            if tells_bucket:
                named = zip(lines, places.tolist(), strict=True)
                lines = [_with_bucket(line, rule.names[place]) for line, place in named]
            for place, name in enumerate(rule.names):
                counts[name] += int(np.count_nonzero(places == place))
            for path, file in outputs.items():
                is_here = np.isin(places, [place for place, target in enumerate(targets) if target == path])
                data = join_lines([lines[row] for row in np.flatnonzero(is_here).tolist()])
                file.write(data)
                sizes[path] += len(data)
            yield Progress("writing", done, len(folder.entries))
    return counts, sizes


def _with_bucket(line: bytes, name: str) -> bytes:
    """Return a scored line, which ends in the braces of its scores and its own, with its bucket."""
    return b'%b,"bucket":"%b"}}' % (line[:-2], name.encode())


def _result(
    folder: BlockFolder,
    kept: dict[str, int],
    limits: dict[str, Any],
    files: dict[str, Path],
    sizes: dict[Path, int],
) -> SelectionResult:
    entries = list(folder.in_order())
    return SelectionResult(
        record_count=sum(entry.record_count for entry in entries),
        error_count=sum(entry.error_count for entry in entries),
        unrouted_count=sum(entry.unrouted_count for entry in entries),
        kept=kept,
        token_count=sum(entry.token_count for entry in entries),
        limits=limits,
        errors=[error for entry in entries for error in entry.errors][:MAX_TOLD_ERRORS],
        files=files,
        content_bytes=sizes,
    )


def _describe(path: Path) -> dict[str, Any]:
    """Return what tells a file from another, wherever it lies: its name, size and the hash of its head."""
    try:
        with open_regular(path) as file:
            head = hashlib.sha256(file.read(_HEAD_BYTES)).hexdigest()
    except OSError as error:
        raise InvalidInput("file", f"must be readable: {error}") from None
    return {"name": path.name, "bytes": path.stat().st_size, "head": head}
