"""`nextword tag`: a tag for each token of texts."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.commands.tasks.texts import read_texts, text_arguments
from app.cli.shared_options import json_option, load_model, loading_options, model_argument, to_json
from app.core.process_tuning import without_gc
from app.schemas.tasks.tag import tag_content
from models.utils.progress import run_to_completion

if TYPE_CHECKING:
    from models.checkpoint.load import Checkpoint
    from models.tasks.tagging.tagged_text import TaggedText


@click.command()
@model_argument
@text_arguments
@click.option("--spans", is_flag=True, help="Show what BIO tags mark instead: its type, probability and characters.")
@loading_options
@json_option
def command(
    model: str, texts: Sequence[str], file: Path | None, encoding: str, spans: bool, as_json: bool, **loading: Any
) -> None:
    """Tag each TEXT, or each line that is read.

    Prints a line for each token, with its tag and the tag's probability, separated by tabs, and an empty line after
    each text.
    """
    ref, checkpoint = load_model(model, **loading)
    for batch in read_texts(texts, file, encoding):
        for text in run_to_completion(_tag(checkpoint, batch)):
            if as_json:
                click.echo(to_json({"model": ref.id, "text": text.text} | tag_content(text)))
            else:
                click.echo("".join(_format(text, spans=spans)))


def _tag(checkpoint: Checkpoint, texts: Sequence[str]) -> Generator[object, None, list[TaggedText]]:
    """Tag texts. Raises UnsupportedByModel for a model that is no tagger."""
    with without_gc():
        from models.tasks.tagging.predict import tag_texts
        from models.tasks.tagging.tagger import Tagger

    if not isinstance(checkpoint.model, Tagger):
        raise checkpoint.unsupported_error("tag")
    return (yield from tag_texts(checkpoint.model, checkpoint.tokenizer, texts))


def _format(text: TaggedText, *, spans: bool) -> Iterator[str]:
    """Yield a line for each token, or for each span."""
    if spans:
        for span in text.spans:
            yield f"{span.type}\t{span.probability:.6f}\t{span.text}\n"
        return
    for token in text.tokens:
        yield f"{token.text}\t{token.tag}\t{token.probability:.6f}\n"
