"""`nextword embed`: vectors of texts and of their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from app.cli.commands.tasks.texts import read_texts, text_arguments
from app.cli.shared_options import json_option, load_model, loading_options, model_argument, to_json
from app.core.process_tuning import without_gc
from models.tasks.embedding.config import EmbeddingPooling
from models.utils.progress import run_to_completion

if TYPE_CHECKING:
    from models.model import Floats
    from models.tasks.embedding.predict import Embedding
    from models.tokenization.token_names import TokenNames


@click.command()
@model_argument
@text_arguments
@click.option(
    "--pooling",
    type=click.Choice(get_args(EmbeddingPooling)),
    default="mean",
    help="How the vectors of a text's tokens become one. [default: mean]",
)
@click.option("--per-token", is_flag=True, help="Show the vector of each token instead, the text's end </s> included.")
@loading_options
@json_option
def command(
    model: str,
    texts: Sequence[str],
    file: Path | None,
    encoding: str,
    pooling: EmbeddingPooling,
    per_token: bool,
    as_json: bool,
    **loading: Any,
) -> None:
    """Embed each TEXT, or each line that is read.

    Prints the text and the numbers of its vector, separated by tabs; with --per-token a line for each token, and an
    empty line after each text.
    """
    with without_gc():
        from models.tasks.embedding.predict import embed

    ref, checkpoint = load_model(model, **loading)
    if "embed" not in checkpoint.model.capabilities:
        raise checkpoint.unsupported_error("embed")
    names = checkpoint.tokenizer.names
    for batch in read_texts(texts, file, encoding):
        work = embed(checkpoint.model, checkpoint.tokenizer, batch, pooling, per_token=per_token)
        for text, embedding in zip(batch, run_to_completion(work), strict=True):
            if as_json:
                click.echo(to_json({"model": ref.id, "text": text} | _content(embedding, names)))
            else:
                rows = [(text, embedding.vector)] if not per_token else _token_rows(embedding, names)
                click.echo("\n".join(_line(*row) for row in rows) + ("\n" if per_token else ""))


def _content(embedding: Embedding, names: TokenNames) -> dict[str, Any]:
    """Return the JSON content of a text's vectors."""
    content: dict[str, Any] = {"embedding": embedding.vector.tolist()}
    if embedding.token_vectors is not None:
        content["tokens"] = [{"token": form, "embedding": row.tolist()} for form, row in _token_rows(embedding, names)]
    return content


def _token_rows(embedding: Embedding, names: TokenNames) -> list[tuple[str, Floats]]:
    """Return each token with its vector."""
    assert embedding.token_vectors is not None, "asked for"
    return list(zip(embedding.text.shown(names), embedding.token_vectors, strict=True))


def _line(text: str, vector: Floats) -> str:
    """Return a text and the numbers of its vector, separated by tabs."""
    return "\t".join([text, *(f"{number:.6f}" for number in vector.tolist())])
