"""`nextword score`: log-probabilities of lines as they come, so that it can stand in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from app.cli.shared_options import (
    checkpoints_option,
    json_option,
    load_model,
    model_argument,
    precision_option,
    threads_option,
    to_json,
)
from app.schemas.base import logprob_fields
from models.errors import InvalidText
from models.inference.scoring import TextScore, score_texts
from models.utils.progress import run_to_completion

_READ_BYTES = 1 << 16
"""Bytes; what a pipe holds."""


@click.command()
@model_argument
@checkpoints_option
@precision_option
@threads_option
@json_option
def command(model: str, checkpoints: Path, precision: str, threads: int, as_json: bool) -> None:
    """Score lines from standard input, one result a line, in order and without waiting for the end.

    Prints the log-probability in nats (the line's end included), the number of tokens, how many of them the
    vocabulary lacks, and the line, separated by tabs.
    """
    entry, checkpoint = load_model(checkpoints, model, threads, precision)
    for lines in read_line_batches(sys.stdin.buffer):
        scores = run_to_completion(score_texts(checkpoint.model, checkpoint.tokenizer, lines))
        click.echo("\n".join(_format_score(entry.id, found, as_json) for found in scores))


def read_line_batches(stream: Any) -> Iterator[list[str]]:
    """The lines that have arrived, as many together as there are, without waiting for more.

    Raises InvalidText, naming the line, for what is not UTF-8, after all lines before it.
    """
    held, number = b"", 1
    while piece := stream.read1(_READ_BYTES):
        *lines, held = (held + piece).split(b"\n")
        yield from _decode_lines(lines, number)
        number += len(lines)
    yield from _decode_lines([held] if held else [], number)


def _decode_lines(lines: list[bytes], number: int) -> Iterator[list[str]]:
    """The lines as one list, if there are any; the first is line `number`."""
    texts: list[str] = []
    for line in lines:
        try:
            texts.append(line.decode().removesuffix("\r"))
        except UnicodeDecodeError as error:
            if texts:
                yield texts
            at = number + len(texts)
            raise InvalidText("text", f"line {at} is not UTF-8 (byte {error.start} of it, from 0)") from None
    if texts:
        yield texts


def _format_score(model: str, found: TextScore, as_json: bool) -> str:
    if not as_json:
        return f"{found.logprob:.6f}\t{found.token_count}\t{found.oov_count}\t{found.text}"
    counts = {"token_count": found.token_count, "oov_count": found.oov_count}
    return to_json({"model": model, "text": found.text, **logprob_fields(found.logprob), **counts})
