"""`nextword answer`: answers to questions about a text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from app.cli.shared_options import json_option, load_model, loading_options, model_argument, to_json
from app.cli.text_input import encoding_option, open_text
from app.core.process_tuning import without_gc
from app.schemas.tasks.answer import answer_content
from models.data.line_reader import LineReader
from models.errors import InvalidInput
from models.utils.progress import run_to_completion


@click.command()
@model_argument
@click.argument("questions", nargs=-1, required=True, metavar="QUESTION...")
@click.option("--context", help="The text that is asked about.")
@click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    help="Read the text there; - is standard input. [default: standard input, without --context]",
)
@encoding_option
@click.option("--top-k", type=click.IntRange(1), default=3, help="How many answers to each question. [default: 3]")
@loading_options
@json_option
def command(
    model: str,
    questions: Sequence[str],
    context: str | None,
    file: Path | None,
    encoding: str,
    top_k: int,
    as_json: bool,
    **loading: Any,
) -> None:
    """Answer each QUESTION about a text.

    Prints the most probable answers, best first: a line each with its probability and the answer, and an empty line
    after each question. A dash says that the text does not answer it.
    """
    with without_gc():
        from models.tasks.question_answering.answerer import QuestionAnswerer
        from models.tasks.question_answering.predict import answer

    ref, checkpoint = load_model(model, **loading)
    if not isinstance(checkpoint.model, QuestionAnswerer):
        raise checkpoint.unsupported_error("answer")
    text = _read_context(context, file, encoding)
    work = answer(checkpoint.model, checkpoint.tokenizer, [(text, question) for question in questions], top_k)
    for question, result in zip(questions, run_to_completion(work), strict=True):
        if as_json:
            click.echo(to_json({"model": ref.id, "question": question} | answer_content(result)))
            continue
        rows = [(scored.probability, scored.text) for scored in result.answers]
        rows += [] if result.no_answer is None else [(result.no_answer, "-")]
        click.echo("".join(f"{p:.6f}\t{text}\n" for p, text in sorted(rows, key=lambda row: -row[0])))


def _read_context(context: str | None, file: Path | None, encoding: str) -> str:
    """Return the text that is asked about. Raises InvalidInput for two, InvalidText for other encodings."""
    if context is not None and file is not None:
        raise InvalidInput("file", "is for a text that --context does not give")
    if context is not None:
        return context
    with open_text(file) as stream:
        reader = LineReader(strip=False, field="file", encoding=encoding)
        return reader.feed(stream.read()) + reader.finish()
