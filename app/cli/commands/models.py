"""`nextword models`: list published models from their cards alone, without loading one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from app.cli.figures import short_figures
from app.cli.shared_options import checkpoints_option, json_option, to_json
from models.checkpoint.card import CARD_FILE, Card
from models.checkpoint.repository import CheckpointRef, list_checkpoints
from models.errors import CheckpointDamaged

_COLUMNS = "{:<32} {:<20} {:<9} {:>10} {:>12} {:>9}  {}"


@click.command()
@checkpoints_option
@json_option
def command(checkpoints: Path, as_json: bool) -> None:
    """List the published models, one a line."""
    models = [_card_summary(ref) for ref in list_checkpoints(checkpoints)]
    if as_json:
        click.echo(to_json({"object": "list", "data": models, "has_more": False}))
        return
    if not models:
        click.echo(f"no published models in {checkpoints.resolve()}", err=True)
        return
    click.echo(_COLUMNS.format("MODEL", "KIND", "TOKENS", "VOCABULARY", "PARAMETERS", "MB", "HELD-OUT TEXT"))
    for model in models:
        click.echo(_table_row(model))


def _card_summary(ref: CheckpointRef) -> dict[str, Any]:
    """Summarize a card; a damaged one by its problem."""
    try:
        card = Card.read(ref.path / CARD_FILE)
    except CheckpointDamaged as error:
        return {"id": ref.id, "object": "model", "problem": str(error)}
    return {
        "id": ref.id,
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
    facts = [model[name] for name in ("id", "kind", "unit", "vocabulary_size", "parameters")]
    return _COLUMNS.format(*facts, f"{model['bytes'] / 1e6:.1f}", short_figures(model["metrics"].get("validation", {})))
