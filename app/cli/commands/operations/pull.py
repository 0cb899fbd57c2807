"""`nextword pull`: copy a published model from another service, verified, and continued after a break."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli.http_client import ServiceClient
from app.cli.progress_bar import ProgressBar
from app.cli.service_source import ServiceSource
from app.cli.shared_options import checkpoints_option, json_option, quiet_option, to_json
from app.core.settings import load_settings
from app.storage.replication.fetch import fetch_model
from models.utils.progress import Progress


@click.command()
@click.argument("url")
@click.argument("model")
@click.option("--api-key", help="API key with the scope infer. [default: NEXTWORD_API_KEY]")
@checkpoints_option
@quiet_option
@json_option
def command(url: str, model: str, api_key: str | None, checkpoints: Path, quiet: bool, as_json: bool) -> None:
    """Copy MODEL, and what it is made of, from the service at URL.

    It keeps its name and version. Every file is compared with its hash; what breaks off is continued by the same
    command. A service that watches the folder serves the model at once.
    """
    key = load_settings(api_key=api_key).api_key
    source = ServiceSource(ServiceClient(url, key.get_secret_value() if key else ""))
    offered, bar = source.find(model), ProgressBar(quiet)

    def show(part: str, file: str, done: int, size: int) -> None:
        bar.show(Progress(f"copying {part}, {file}, bytes", done, size))

    try:
        is_new = fetch_model(source, checkpoints, offered.id, show, offered.card_sha256)
    finally:
        bar.close()
    path = checkpoints / offered.id.replace("@", "/")
    if as_json:
        click.echo(to_json({"model": offered.id, "path": str(path), "copied": is_new}))
    else:
        click.echo(f"{'copied' if is_new else 'there already:'} {offered.id} in {path}")
