"""`nextword pull` and `push`: copy a published model from a service or object store, and to one."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli.http_client import ServiceClient
from app.cli.progress_bar import ProgressBar
from app.cli.service_source import ServiceSource
from app.cli.shared_options import checkpoints_option, find_checkpoint, json_option, quiet_option, to_json
from app.core.settings import STORE_URL, load_settings
from app.storage.replication.fetch import fetch_model
from app.storage.replication.object_store import ObjectStore
from models.checkpoint.card import CARD_FILE, Card
from models.checkpoint.model_name import parse_version
from models.checkpoint.repository import CheckpointRef, version_folder
from models.errors import InvalidInput
from models.utils.progress import Progress


@click.command("pull")
@click.argument("url")
@click.argument("model")
@click.option("--api-key", help="API key of a service, with the scope infer. [default: NEXTWORD_API_KEY]")
@checkpoints_option
@quiet_option
@json_option
def pull_command(url: str, model: str, api_key: str | None, checkpoints: Path, quiet: bool, as_json: bool) -> None:
    """Copy MODEL, and what it is made of, from a service or object store at URL.

    URL is as http://models.example.org:8000 or s3://bucket/models. The model keeps its name and version. Every file is
    compared with its hash; what breaks off is continued by the same command. A service that watches the folder serves
    the model at once.
    """
    key = load_settings(api_key=api_key).api_key
    source = _open_source(url, key.get_secret_value() if key else "")
    offered, bar = source.find(model), ProgressBar(quiet)

    def show(part: str, file: str, done: int, size: int) -> None:
        bar.show(Progress(f"copying {part}, {file}, bytes", done, size))

    try:
        is_new = fetch_model(source, checkpoints, offered, show)
    finally:
        bar.close()
    path = version_folder(checkpoints, *parse_version(offered))
    if as_json:
        click.echo(to_json({"model": offered, "path": str(path), "copied": is_new}))
    else:
        click.echo(f"{'copied' if is_new else 'there already:'} {offered} in {path}")


@click.command("push")
@click.argument("model")
@click.argument("url")
@checkpoints_option
def push_command(model: str, url: str, checkpoints: Path) -> None:
    """Publish MODEL, and what it is made of, in the object store at URL, such as s3://bucket/models.

    Services that follow the store (NEXTWORD_STORE) serve it within seconds.
    """
    store = ObjectStore(url)
    for ref in _with_members(checkpoints, find_checkpoint(checkpoints, model)):
        is_new = store.push(ref.path, ref.id)
        click.echo(f"{'published' if is_new else 'there already:'} {ref.id} in {store.url}")


def _open_source(url: str, key: str) -> ServiceSource | ObjectStore:
    """Return the service or the object store at an address."""
    return ObjectStore(url) if STORE_URL.fullmatch(url) else ServiceSource(ServiceClient(url, key))


def _with_members(root: Path, ref: CheckpointRef) -> list[CheckpointRef]:
    """Return what a model is made of, and then the model. Raises CheckpointNotFound."""
    if ref.version is None:
        raise InvalidInput("model", f"{ref.path} is no published model, which has a name and a version")
    members = Card.read(ref.path / CARD_FILE).members
    parts = [part for member in members for part in _with_members(root, find_checkpoint(root, member.model))]
    return [*dict.fromkeys(parts), ref]
