"""`nextword classify`: labels of texts, and which words carried them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.commands.tasks.texts import read_texts, text_arguments
from app.cli.shared_options import json_option, load_model, loading_options, model_argument, to_json
from app.core.process_tuning import without_gc
from app.schemas.tasks.classify import classify_contents
from models.utils.progress import run_to_completion

if TYPE_CHECKING:
    from models.checkpoint.load import Checkpoint


@click.command()
@model_argument
@text_arguments
@click.option("--explain", is_flag=True, help="Show what each word did for the label: nats without it, in turn.")
@loading_options
@json_option
def command(
    model: str, texts: Sequence[str], file: Path | None, encoding: str, explain: bool, as_json: bool, **loading: Any
) -> None:
    """Classify each TEXT, or each line that is read.

    Prints the most probable label, its probability and the text, separated by tabs.
    """
    ref, checkpoint = load_model(model, **loading)
    for batch in read_texts(texts, file, encoding):
        results = run_to_completion(_classify(checkpoint, batch, explain=explain))
        for text, result in zip(batch, results, strict=True):
            content = {"model": ref.id, "text": text} | result
            click.echo(to_json(content) if as_json else "\n".join(_format(content)))


def _classify(
    checkpoint: Checkpoint, texts: Sequence[str], *, explain: bool
) -> Generator[object, None, list[dict[str, Any]]]:
    """Return the JSON content for each text. Raises UnsupportedByModel for a model that is no classifier."""
    with without_gc():
        from models.tasks.classification.classifier import TextClassifier
        from models.tasks.classification.occlusion import explain_best_labels
        from models.tasks.classification.predict import classify

    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    if not isinstance(model, TextClassifier):
        raise checkpoint.unsupported_error("classify")
    logprobs = yield from classify(model, tokenizer, texts)
    words = (yield from explain_best_labels(model, tokenizer, texts, logprobs)) if explain else None
    return classify_contents(model.labels, logprobs, words, multi_label=model.multi_label)


def _format(content: dict[str, Any]) -> list[str]:
    """Return lines for people: label, probability and text, and below it the effect of each word."""
    best = content["probabilities"][0]
    words = [f"  {word['effect']:+.4f}\t{word['text']}" for word in content.get("explain", ())]
    return [f"{best['label']}\t{best['probability']:.6f}\t{content['text']}", *words]
