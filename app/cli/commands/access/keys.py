"""`nextword keys`: make API keys of the service, list and revoke them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from app.cli.commands.access.expiry import Expiry, show_time
from app.cli.shared_options import FOLDER, json_option, to_json
from app.core.api_keys import SCOPES, ApiKey, KeyLimits
from app.core.settings import load_settings
from app.storage.database import open_database
from app.storage.key_file import read_key_file
from app.storage.key_store import KeyStore
from app.storage.migrations import migrate

_COLUMNS = "{:<24} {:<18} {:<9} {:<17} {:<17} {}"
_POSITIVE = click.IntRange(1)
data_option = click.option(
    "--data", type=FOLDER, metavar="DIR", help="The service's own folder. [default: data, or NEXTWORD_DATA]"
)


@click.group()
def command() -> None:
    """Make API keys of the service, list and revoke them.

    The keys lie, as hashes, in the service's database; a server that runs heeds a change within a second.
    """


@command.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    default=("infer",),
    help="What it opens; may be repeated: infer asks models, train has files and jobs, admin deletes models and sets "
    "aliases. [default: infer]",
)
@click.option("--expires", type=Expiry(), metavar="WHEN", help="From when on it is refused: 90d, 12h or 2030-12-31.")
@click.option("--requests-per-minute", type=_POSITIVE, help="Most requests in a minute.")
@click.option("--tokens-per-minute", type=_POSITIVE, help="Most tokens read and written in a minute.")
@click.option("--jobs", type=_POSITIVE, help="Most jobs that wait or run at a time.")
@click.option("--stored-bytes", type=_POSITIVE, help="Most bytes of uploaded files.")
@data_option
@json_option
def create(
    name: str, scopes: tuple[str, ...], expires: float | None, data: Path | None, as_json: bool, **limits: int | None
) -> None:
    """Make a key called NAME and print it: it is shown this once and kept nowhere.

    The name appears in logs and lists. From the first key on, the service asks everybody for one.
    """
    chosen = frozenset(scope for scope in SCOPES if scope in scopes)
    with _opened(data) as keys:
        migrate(keys.database)
        key = keys.create(name, chosen, KeyLimits(**limits), math.inf if expires is None else expires)
    if as_json:
        click.echo(to_json({"name": name, "key": key}))
        return
    click.echo(f"{name}: opens {' '.join(sorted(chosen))}; keep the key, it is not shown again", err=True)
    click.echo(key)


@command.command("list")
@data_option
@json_option
def list_keys(data: Path | None, as_json: bool) -> None:
    """List the keys, those that are revoked or have expired too, and those of NEXTWORD_API_KEYS_FILE."""
    with _opened(data) as store:
        keys = store.list()
    file = load_settings().api_keys_file
    keys += read_key_file(file) if file else []
    if as_json:
        click.echo(to_json({"object": "list", "data": [_content(key) for key in keys], "has_more": False}))
        return
    if not keys:
        click.echo("no keys: the service asks for none, and listens on loopback addresses only", err=True)
        return
    click.echo(_COLUMNS.format("NAME", "SCOPES", "STATE", "CREATED", "EXPIRES", "LIMITS").rstrip())
    for key in keys:
        click.echo(_row(key))


@command.command()
@click.argument("name")
@click.option("--forget", is_flag=True, help="Remove it from the list, too, with those of its name revoked before.")
@data_option
def revoke(name: str, forget: bool, data: Path | None) -> None:
    """Have the key called NAME refused from now on.

    A service whose last key is revoked lets nobody in. With --forget, the last one leaves it as it was without keys.
    """
    with _opened(data) as keys:
        migrate(keys.database)
        (keys.forget if forget else keys.revoke)(name)
    click.echo(f"{name}: {'forgotten' if forget else 'revoked'}", err=True)


@contextmanager
def _opened(data: Path | None) -> Iterator[KeyStore]:
    with closing(open_database(load_settings(data=data))) as database:
        yield KeyStore(database)


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if time.time() >= key.expires_at else "valid"


def _limits(key: ApiKey) -> dict[str, int]:
    return {name: value for name, value in asdict(key.limits).items() if value is not None}


def _scopes(key: ApiKey) -> list[str]:
    return [scope for scope in SCOPES if scope in key.scopes]


def _expires_at(key: ApiKey) -> float | None:
    return None if key.expires_at == math.inf else key.expires_at


def _content(key: ApiKey) -> dict[str, Any]:
    times = {"created_at": key.created_at, "expires_at": _expires_at(key), "revoked_at": key.revoked_at}
    whole = {name: None if seconds is None else int(seconds) for name, seconds in times.items()}
    return {"name": key.name, "scopes": _scopes(key), "state": _state(key), **whole, "limits": _limits(key)}


def _row(key: ApiKey) -> str:
    created = "in a file" if key.created_at is None else show_time(key.created_at)
    limits = " ".join(f"{name}={value}" for name, value in _limits(key).items())
    cells = key.name, " ".join(_scopes(key)), _state(key), created, show_time(_expires_at(key)), limits
    return _COLUMNS.format(*cells).rstrip()
