"""`nextword score`: log-probabilities of lines as they arrive, for use in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BufferedReader
from typing import TYPE_CHECKING, Any, cast

import click

from app.cli.shared_options import json_option, load_model, loading_options, model_argument, to_json
from app.core.process_tuning import without_gc
from app.schemas.base import logprob_fields
from models.errors import InvalidText
from models.utils.progress import run_to_completion

if TYPE_CHECKING:
    from models.inference.scoring import TextScore
    from models.tokenization.tokenizer import Tokenizer

_READ_BYTES = 1 << 16
"""Bytes per read: the capacity of a pipe."""


@click.command()
@model_argument
@click.option("--bos/--no-bos", default=True, show_default=True, help="Begin each line after </s>.")
@click.option("--eos/--no-eos", default=True, show_default=True, help="Score the end of each line too.")
@loading_options
@json_option
def command(model: str, bos: bool, eos: bool, as_json: bool, **loading: Any) -> None:
    """Score lines from standard input, one result a line, in order and without waiting for the end.

    Prints the log-probability in nats, the number of tokens, how many of them the vocabulary lacks, and the line,
    separated by tabs. With --json there is `spelling_logprob` as well, log P of the spellings of unknown words:
    texts of unknown words compare with others by the sum of both.
    """
    with without_gc():
        from models.inference.scoring import score_texts

    ref, checkpoint = load_model(model, **loading)
    for lines in read_line_batches(cast(BufferedReader, sys.stdin.buffer)):
        work = score_texts(checkpoint.language_model, checkpoint.tokenizer, lines, bos=bos, eos=eos)
        scores = run_to_completion(work)
        click.echo("\n".join(_format_score(ref.id, score, checkpoint.tokenizer, as_json) for score in scores))


def read_line_batches(stream: BufferedReader) -> Iterator[list[str]]:
    """Yield lists of the lines that have arrived, without waiting for more.

    Raises InvalidText, naming a line that is not UTF-8, after all lines before it.
    """
    partial, number = b"", 1
    while chunk := stream.read1(_READ_BYTES):
        *lines, partial = (partial + chunk).split(b"\n")
        yield from _decode_lines(lines, number)
        number += len(lines)
    yield from _decode_lines([partial] if partial else [], number)


def _decode_lines(lines: list[bytes], number: int) -> Iterator[list[str]]:
    """Yield the decoded lines as one list, if there are any; the first is line `number`."""
    texts: list[str] = []
    for line in lines:
        try:
            texts.append(line.decode().removesuffix("\r"))
        except UnicodeDecodeError as error:
            if texts:
                yield texts
            bad_line = number + len(texts)
            raise InvalidText("text", f"line {bad_line} is not UTF-8 (byte {error.start} of it, from 0)") from None
    if texts:
        yield texts


def _format_score(model: str, score: TextScore, tokenizer: Tokenizer, as_json: bool) -> str:
    if not as_json:
        return f"{score.logprob:.6f}\t{score.token_count}\t{score.oov_count}\t{score.text}"
    counts = {"token_count": score.token_count, "oov_count": score.oov_count}
    if score.undefined is not None and score.undefined.any():
        counts["undefined_contexts"] = int(score.undefined.sum())
    spelling = {"spelling_logprob": score.spelling_logprob(tokenizer)}
    return to_json({"model": model, "text": score.text, **logprob_fields(score.logprob), **spelling, **counts})
