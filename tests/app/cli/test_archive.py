"""Archives of a service: written while it runs, put back whole, into either kind of database; refused otherwise."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from sqlalchemy import select

from app.cli.archive import read_archive, write_archive
from app.core.settings import Settings
from app.jobs.store import JobStore, NewJob
from app.storage.aliases import AliasStore
from app.storage.database import Database, sqlite_url
from app.storage.tables import METADATA
from app.stores import Stores
from models.checkpoint.load import load
from models.errors import InvalidInput
from tests.helpers.serving import ngram, publish


@pytest.fixture
def kept(tmp_path: Path) -> Settings:
    """Settings of a service with a model, two uploads, jobs and an alias."""
    settings = Settings(checkpoints=tmp_path / "kept" / "checkpoints", data=tmp_path / "kept" / "data")
    publish(settings.checkpoints, "kept", ngram())
    stores = Stores.open(settings)
    stores.prepare()
    upload = stores.files.begin_upload()
    upload.write(b"the cat sat\n")
    stores.files.store_upload(upload, "cats.txt", "training")
    stores.jobs.create(NewJob("ngram", {"name": "mine", "order": 3}, {"parameters": 1}, name="mine"))
    stores.aliases.put("best", "kept", 1, lambda: None)
    stores.database.close()
    return settings


def rows(database: Database) -> dict[str, list[dict[str, object]]]:
    with database.read() as connection:
        return {
            table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in METADATA.sorted_tables
        }


def test_what_an_archive_holds_is_put_back_into_either_database(
    kept: Settings, database: Database, tmp_path: Path
) -> None:
    before = Database(sqlite_url(kept.data))
    write_archive(tmp_path / "all.tar", kept, before)
    empty = Settings(checkpoints=tmp_path / "c", data=tmp_path / "d")
    read_archive(tmp_path / "all.tar", empty, database)
    assert rows(database) == rows(before)
    assert load(empty.checkpoints / "kept" / "1").card == load(kept.checkpoints / "kept" / "1").card
    contents = [
        sorted(file.read_bytes() for file in (place.data / "files").rglob("*") if file.is_file())
        for place in (kept, empty)
    ]
    assert contents[0] == contents[1]
    # Numbers of new rows follow those that came with the archive.
    job = JobStore(database).create(NewJob("ngram", {"name": "next"}, {"parameters": 1}, name="next"))
    aliases = AliasStore(database)
    aliases.refresh()
    assert (job.position, aliases.resolve("best")) == (2, "kept@1")
    before.close()


def test_an_archive_is_put_back_into_nothing_else_than_an_empty_service(kept: Settings, tmp_path: Path) -> None:
    database = Database(sqlite_url(kept.data))
    write_archive(tmp_path / "all.tar", kept, database)
    with pytest.raises(InvalidInput, match="there are: aliases, files"):
        read_archive(tmp_path / "all.tar", kept, database)
    with pytest.raises(InvalidInput, match="exists already"):
        write_archive(tmp_path / "all.tar", kept, database)
    database.close()


@pytest.mark.parametrize("name", ["../outside", "checkpoints/../../outside", "/etc/outside", "else/file"])
def test_a_hostile_archive_is_refused(database: Database, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        archive.add(tmp_path / "file", name)
        for table in METADATA.sorted_tables:
            archive.addfile(tarfile.TarInfo(f"tables/{table.name}.jsonl"))
    settings = Settings(checkpoints=tmp_path / "c", data=tmp_path / "d")
    with pytest.raises(InvalidInput, match="is no archive of a service"):
        read_archive(tmp_path / "bad.tar", settings, database)
    assert not (tmp_path / "outside").exists()


def test_a_file_that_is_no_archive_is_refused(database: Database, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no archive")
    settings = Settings(checkpoints=tmp_path / "c", data=tmp_path / "d")
    with pytest.raises(InvalidInput, match="is no tar file"):
        read_archive(tmp_path / "text", settings, database)
