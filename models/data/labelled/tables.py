"""Readers of labelled texts: tables (CSV, TSV), JSON lines, and lines of plain text.

Each returns the examples in order, or raises InvalidText with the first line that is wrong. Blank lines are skipped.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from models.data.encoding_names import UTF_8
from models.data.labelled.config import LabelledFormat
from models.data.labelled.examples import LabelledText
from models.data.labelled.lines import check_text, fault, numbered_lines
from models.tokenization.raw_text import WHITESPACE


def read_table(path: Path, options: LabelledFormat) -> list[LabelledText]:
    """Read a CSV or TSV file, as `options.format` says. Quotes have no meaning in a TSV file."""
    rows = _rows(path, options)
    columns, header_line = list(options.columns), 0
    if not columns:
        header_line, columns = next(rows, (1, []))
    for name in (options.text_column, options.label_column):
        if columns.count(name) != 1:
            message = f"must name the column {name!r} exactly once; it names {', '.join(columns) or 'none'}"
            raise fault(path, header_line, message)
    text_index, label_index = columns.index(options.text_column), columns.index(options.label_column)
    examples = []
    for line, row in rows:
        if len(row) != len(columns):
            raise fault(path, line, f"must have {len(columns)} columns ({', '.join(columns)}), not {len(row)}")
        text = check_text(path, line, options.text_column, row[text_index])
        examples.append(LabelledText(text, _cell_labels(path, line, row[label_index], options), line))
    return examples


def _rows(path: Path, options: LabelledFormat) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, with the line in which each begins."""
    lines = [f"{line}\n" for _, line in numbered_lines(path, options.encoding)]
    if options.format == "tsv":
        reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True)
    else:
        reader = csv.reader(lines, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise fault(path, line, f"must be a row of {options.format or 'csv'}: {error}") from None
        if row is None:
            return
        if row:
            yield line, row


def _cell_labels(path: Path, line: int, cell: str, options: LabelledFormat) -> tuple[str, ...]:
    if not options.multi_label:
        return (check_text(path, line, options.label_column, cell).strip(WHITESPACE),)
    labels = cell.split(options.label_separator) if cell.strip(WHITESPACE) else []
    return _check_labels(path, line, options.label_column, labels)


def _check_labels(path: Path, line: int, name: str, labels: Sequence[object]) -> tuple[str, ...]:
    stripped = tuple(check_text(path, line, name, label).strip(WHITESPACE) for label in labels)
    if len(set(stripped)) < len(stripped):
        raise fault(path, line, f"{name} must not hold a label twice; it holds {', '.join(stripped)}")
    return stripped


def read_jsonl(path: Path, options: LabelledFormat) -> list[LabelledText]:
    """Read a JSON object a line. A label is a text or a whole number; several labels are a list."""
    examples = []
    for line, content in numbered_lines(path, options.encoding):
        if not content.strip(WHITESPACE):
            continue
        try:
            row = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise fault(path, line, f"must be JSON: {error}") from None
        if not isinstance(row, dict) or not {options.text_column, options.label_column} <= row.keys():
            message = f"must be an object with {options.text_column!r} and {options.label_column!r}"
            raise fault(path, line, message)
        text = check_text(path, line, options.text_column, row[options.text_column])
        examples.append(LabelledText(text, _json_labels(path, line, row[options.label_column], options), line))
    return examples


def _json_labels(path: Path, line: int, value: object, options: LabelledFormat) -> tuple[str, ...]:
    if isinstance(value, list) != options.multi_label:
        message = "must be a list of labels" if options.multi_label else "must be one label; a list needs multi_label"
        raise fault(path, line, f"{options.label_column} {message}, not {value!r:.100}")
    labels = value if isinstance(value, list) else [value]
    texts = [str(label) if type(label) is int else label for label in labels]
    return _check_labels(path, line, options.label_column, texts)


def read_lines_with_label(path: Path, label: str, encoding: str = UTF_8) -> list[LabelledText]:
    """Read a file with a text a line, all of them of one label."""
    lines = numbered_lines(path, encoding)
    return [LabelledText(text.strip(WHITESPACE), (label,), line) for line, text in lines if text.strip(WHITESPACE)]


def read_label_lines(path: Path, options: LabelledFormat) -> list[LabelledText]:
    """Read lines of a label, a blank and a text; of each label as much as `options.coarse` says."""
    examples = []
    for line, content in numbered_lines(path, options.encoding):
        label, _, text = content.strip(WHITESPACE).partition(" ")
        if not label:
            continue
        if options.coarse:
            label = check_text(path, line, "the label before the colon", label.partition(":")[0])
        text = check_text(path, line, "the text after the label", text).strip(WHITESPACE)
        examples.append(LabelledText(text, (label,), line))
    return examples
