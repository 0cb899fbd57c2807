"""Parsers of what an operator gives: recipes, files of API keys, archives."""

from __future__ import annotations

import shutil
from pathlib import Path

from app.cli.archive import read_archive, write_archive
from app.core.settings import Settings
from app.schemas.recipes import parse_any_recipe, parse_composition, read_recipe_file
from app.storage.database import Database, sqlite_url
from app.storage.key_file import read_key_file
from app.stores import Stores
from models.errors import NextwordError
from tests.helpers.serving import naive_bayes, publish
from tests.parsers.parser import Parser, given, require

_RECIPES = [
    b'name = "a"\nfiles = ["a.txt"]\nmemory = "1G"\n[model]\nkind = "ngram"\norder = 3\n[tokenizer]\nkind = "bpe"\n',
    b'name = "b"\nfiles = ["a.txt"]\n[model]\nkind = "lstm"\nlayers = 1\n[training]\nepochs = 2\nclip = 1e-3\n',
    b'name = "c"\nfiles = ["a.csv"]\n[model]\nkind = "classifier"\n[encoder]\ncell = "gru"\n[format]\nformat = "csv"\n',
]
_COMPOSITION = b'name = "m"\nmembers = ["a@1", "b@2"]\n[model]\nkind = "mixture"\nweights = [0.5, 0.5]\n'
_KEYS = (
    b'[search-box]\nkey = "0123456789012345678901234567890123456789"\nscopes = ["infer"]\nexpires = 2030-01-01\n'
    b'requests_per_minute = 600\n["b"]\nsha256 = "'
    + b"a" * 64
    + b'"\nscopes = ["admin"]\nexpires = 2030-01-01T00:00:00Z\n'
)


def _read_recipe(path: Path) -> None:
    parse_any_recipe(read_recipe_file(path))


def _read_composition(path: Path) -> None:
    parse_composition(read_recipe_file(path))


def _read_keys(path: Path) -> None:
    for key in read_key_file(path):
        require(len(key.digest) == 32 and key.scopes, "a key without a hash or a scope")


def _archive_samples(folder: Path) -> list[bytes]:
    settings = Settings(checkpoints=folder / "kept" / "checkpoints", data=folder / "kept" / "data")
    publish(settings.checkpoints, "kept", naive_bayes())
    stores = Stores.open(settings)
    stores.prepare()
    stores.aliases.put("best", "kept", 1, lambda: None)
    stores.database.close()
    database = Database(sqlite_url(settings.data))
    write_archive(folder / "all.tar", settings, database)
    database.close()
    return [(folder / "all.tar").read_bytes()]


def _read_archive(path: Path) -> None:
    """Restore into an empty service, in which nothing lies outside of the two folders."""
    service = path.parent / "service"
    shutil.rmtree(service, ignore_errors=True)
    settings = Settings(checkpoints=service / "checkpoints", data=service / "data")
    settings.data.mkdir(parents=True)
    settings.checkpoints.mkdir()
    database = Database(sqlite_url(settings.data))
    try:
        read_archive(path, settings, database)
    finally:
        database.close()
    links = [file for file in service.rglob("*") if file.is_symlink() or not (file.is_file() or file.is_dir())]
    require(not links, f"restored {links}, which are no files")


PARSERS = [
    Parser("recipe", "app.schemas.recipes", "file", "lines", given(_RECIPES), _read_recipe),
    Parser("composition", "app.schemas.recipes", "file", "lines", given([_COMPOSITION]), _read_composition),
    Parser("API keys", "app.storage.key_file", "file", "lines", given([_KEYS]), _read_keys),
    Parser(
        *("archive", "app.cli.archive", "file", "archive", _archive_samples, _read_archive),
        refusals=(NextwordError, OSError),
    ),
]
