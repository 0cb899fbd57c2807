"""Archive of a service: models, uploaded files and database rows in one tar file, and back.

The rows are JSON lines, a file for each table: what was kept in SQLite can be put into PostgreSQL. Saved states of
trainings are left out; a job that was running begins anew once its lease has ended.
"""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.schema import Table

from app.core.settings import Settings
from app.storage.database import Database
from app.storage.files.file_bytes import relative_path
from app.storage.migrations import migrate, missing_migrations
from app.storage.tables import FILES, METADATA
from models.checkpoint.repository import DELETED_CARD_FILE, list_checkpoints
from models.errors import InvalidInput
from models.utils.regular_files import open_regular

TABLES, UPLOADS, MODELS = "tables", "files", "checkpoints"
"""Folders of an archive."""
BATCH_ROWS = 1000
"""Rows that are written to a database at a time."""


def write_archive(path: Path, settings: Settings, database: Database) -> None:
    """Write everything that the service keeps to the tar file `path`, which must not exist yet.

    The service may run meanwhile. Raises InvalidInput where the file exists or the database has the tables of another
    version, and where an upload was deleted meanwhile; OSError as the disk does.
    """
    missing = missing_migrations(database)
    if missing < 0:
        raise InvalidInput("database", "has the tables of a newer version: only that one can read all of them")
    if missing:
        raise InvalidInput("database", "has the tables of an older version: start the server once, it brings them up")
    if path.exists():
        raise InvalidInput("archive", f"{path} exists already")
    temporary = path.with_name(f"{path.name}.part")
    file = temporary.open("xb")  # before the block that removes it: it may be that of another backup
    try:
        with file, tarfile.open(fileobj=file, mode="w") as archive:
            _add_tables(archive, database)
            _add_uploads(archive, settings.data / "files", database)
            _add_models(archive, settings.checkpoints)
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)


def _add_tables(archive: tarfile.TarFile, database: Database) -> None:
    with database.read() as connection:
        if not database.is_sqlite:  # all tables as of one moment
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        for table in METADATA.sorted_tables:
            with tempfile.TemporaryFile() as lines:
                for row in connection.execute(select(table)).mappings():
                    lines.write(json.dumps(dict(row)).encode() + b"\n")
                _add_file(archive, f"{TABLES}/{table.name}.jsonl", lines)


def _add_uploads(archive: tarfile.TarFile, folder: Path, database: Database) -> None:
    with database.read() as connection:
        hashes = set(connection.execute(select(FILES.c.sha256)).scalars())
    for sha256 in sorted(hashes):
        try:
            with open_regular(folder / relative_path(sha256)) as file:
                _add_file(archive, f"{UPLOADS}/{relative_path(sha256)}", file)
        except FileNotFoundError:
            raise InvalidInput("archive", "an uploaded file was deleted meanwhile: begin again") from None


def _add_models(archive: tarfile.TarFile, root: Path) -> None:
    """Add the published versions, and the cards of deleted ones, whose numbers are not to be used again."""
    for ref in list_checkpoints(root):
        archive.add(ref.path, f"{MODELS}/{ref.name}/{ref.version}", filter=_plain)
    for card in sorted(root.glob(f"[!.]*/[!.]*/{DELETED_CARD_FILE}")):
        archive.add(card, f"{MODELS}/{card.relative_to(root)}", filter=_plain)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Return a file or directory; None for anything else, as the link that is an editor's lock."""
    return member if member.isfile() or member.isdir() else None


def _add_file(archive: tarfile.TarFile, name: str, file: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size = file.seek(0, io.SEEK_END)
    file.seek(0)
    archive.addfile(member, file)


def read_archive(path: Path, settings: Settings, database: Database) -> None:
    """Put the content of an archive into a service that has nothing yet, and does not run.

    Raises InvalidInput where there are models, files, jobs or keys already, and where `path` is no such archive; then
    nothing but empty tables has been written. OSError as the disk does: what was written then is files alone.
    """
    try:
        with tarfile.open(path, "r:") as archive:
            members = _checked_members(archive)
            migrate(database)
            _check_empty(settings, database)
            with database.write() as connection:  # rows first: they stay only where all files could be written
                _fill_tables(connection, archive, database)
                for member in members:
                    folder, _, name = member.name.partition("/")
                    if member.isfile() and folder != TABLES:
                        root = settings.checkpoints if folder == MODELS else settings.data / "files"
                        _extract(archive, member, root / name)
    except tarfile.TarError:
        raise InvalidInput("archive", f"{path} is no tar file, or a damaged one") from None


def _checked_members(archive: tarfile.TarFile) -> list[tarfile.TarInfo]:
    members = archive.getmembers()
    names = Counter(member.name for member in members)
    strange = [m.name for m in members if names[m.name] > 1 or not (_is_plain_file(m) or m.isdir())]
    names -= Counter(member.name for member in members if member.isdir())
    missing = [table.name for table in METADATA.sorted_tables if f"{TABLES}/{table.name}.jsonl" not in names]
    if strange or missing:
        raise InvalidInput("archive", f"is no archive of a service: it has {strange[:3]}, and lacks {missing[:3]}")
    return members


def _is_plain_file(member: tarfile.TarInfo) -> bool:
    """Return whether a member is a whole file below one of the folders, its name written in the one way."""
    name, path = member.name, PurePosixPath(member.name)
    folder, *below = path.parts or ("",)
    is_inside = folder in (TABLES, UPLOADS, MODELS) and bool(below) and ".." not in below
    # A sparse member of some bytes would be written out to any size.
    return member.isfile() and not member.issparse() and is_inside and str(path) == name and "\0" not in name


def _check_empty(settings: Settings, database: Database) -> None:
    """Raise InvalidInput where the service has anything of its own."""
    with database.read() as connection:
        filled = [
            table.name
            for table in METADATA.sorted_tables
            if connection.execute(select(func.count()).select_from(table)).scalar_one()
        ]
    models = [ref.id for ref in list_checkpoints(settings.checkpoints)]
    if filled or models:
        found = ", ".join([*filled, *models][:5])
        raise InvalidInput("archive", f"is put back into empty folders and an empty database; there are: {found}")


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = archive.extractfile(member)
    assert source is not None  # checked: it is a file
    target.parent.mkdir(parents=True, exist_ok=True)
    with source, target.open("wb") as file:
        shutil.copyfileobj(source, file)
    target.chmod(member.mode & 0o777)


def _fill_tables(connection: Connection, archive: tarfile.TarFile, database: Database) -> None:
    """Fill all tables. Raises InvalidInput for rows that do not fit them."""
    try:
        for table in METADATA.sorted_tables:
            _fill(connection, table, _rows(archive, table))
            if not database.is_sqlite and "number" in table.c:
                _advance_sequence(connection, table)
    except (OperationalError, InterfaceError):
        raise
    except (SQLAlchemyError, ArithmeticError, RecursionError, TypeError, ValueError) as error:
        raise InvalidInput("archive", "holds rows that do not fit the tables of this version") from error


def _rows(archive: tarfile.TarFile, table: Table) -> Iterator[dict[str, Any]]:
    lines = archive.extractfile(f"{TABLES}/{table.name}.jsonl")
    assert lines is not None  # checked: it is a file
    with lines:
        for line in lines:
            yield json.loads(line)


def _fill(connection: Connection, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH_ROWS:
            connection.execute(insert(table), batch)
            batch.clear()
    if batch:
        connection.execute(insert(table), batch)


def _advance_sequence(connection: Connection, table: Table) -> None:
    """Have PostgreSQL number new rows after those that came with numbers of their own."""
    newest = connection.execute(select(func.max(table.c.number))).scalar_one()
    if newest is not None:
        set_value = text("SELECT setval(pg_get_serial_sequence(:table, 'number'), :newest)")
        connection.execute(set_value, {"table": table.name, "newest": newest})
