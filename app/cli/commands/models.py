"""`nextword models`: what is published, read from the cards alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from app.cli.shared_options import checkpoints_option, json_option, to_json
from models.checkpoint.card import CARD_FILE, Card
from models.checkpoint.repository import CheckpointRef, list_checkpoints
from models.errors import CheckpointDamaged

_COLUMNS = "{:<32} {:<12} {:<9} {:>10} {:>12} {:>9}  {}"


@click.command()
@checkpoints_option
@json_option
def command(checkpoints: Path, as_json: bool) -> None:
    """List the published models, one a line."""
    found = [_card_summary(entry) for entry in list_checkpoints(checkpoints)]
    if as_json:
        click.echo(to_json({"object": "list", "data": found, "has_more": False}))
        return
    if found:
        click.echo(_COLUMNS.format("MODEL", "KIND", "TOKENS", "VOCABULARY", "PARAMETERS", "MB", "PERPLEXITY"))
    for model in found:
        click.echo(_table_row(model))


def _card_summary(entry: CheckpointRef) -> dict[str, Any]:
    """What the card says; of a damaged one, what is wrong with it."""
    try:
        card = Card.read(entry.path / CARD_FILE)
    except CheckpointDamaged as error:
        return {"id": entry.id, "object": "model", "problem": str(error)}
    return {
        "id": entry.id,
        "object": "model",
        "kind": card.kind,
        "unit": card.tokenizer.get("kind"),
        "vocabulary_size": card.vocabulary_size,
        "parameters": card.parameters,
        "bytes": sum(facts.size for facts in card.files.values()),
        "licence": card.provenance.licence,
        "metrics": card.provenance.metrics,
    }


def _table_row(model: dict[str, Any]) -> str:
    if "problem" in model:
        return f"{model['id']:<32} {model['problem']}"
    return _COLUMNS.format(
        model["id"],
        model["kind"],
        model["unit"],
        model["vocabulary_size"],
        model["parameters"],
        f"{model['bytes'] / 1e6:.1f}",
        _perplexities(model["metrics"]),
    )


def _perplexities(metrics: dict[str, Any]) -> str:
    """On the text held out when it was made, by unit."""
    measured = metrics.get("validation", {})
    return ", ".join(f"{found.get('perplexity') or float('inf'):.2f} {unit}" for unit, found in measured.items())
