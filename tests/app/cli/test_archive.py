"""Archives of a service: written while it runs, put back whole, into either kind of database; refused otherwise."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from sqlalchemy import select

from app.cli.archive import read_archive, write_archive
from app.core.settings import Settings
from app.jobs.job import NewJob
from app.jobs.store import JobStore
from app.storage.aliases import AliasStore
from app.storage.database import Database, sqlite_url
from app.storage.published_models import delete_version, newest_version
from app.storage.tables import METADATA
from app.stores import Stores
from models.checkpoint.load import load
from models.checkpoint.repository import list_checkpoints
from models.errors import InvalidInput
from tests.helpers.databases import make_newer
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


def test_archive_is_put_back_into_either_database(kept: Settings, database: Database, tmp_path: Path) -> None:
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


def test_archive_is_put_back_into_an_empty_service_alone(kept: Settings, tmp_path: Path) -> None:
    database = Database(sqlite_url(kept.data))
    write_archive(tmp_path / "all.tar", kept, database)
    with pytest.raises(InvalidInput, match="there are: aliases, files"):
        read_archive(tmp_path / "all.tar", kept, database)
    with pytest.raises(InvalidInput, match="exists already"):
        write_archive(tmp_path / "all.tar", kept, database)
    database.close()


@pytest.mark.parametrize(
    "name", ["../outside", "checkpoints/../../outside", "/etc/outside", "files//etc/outside", "else/file", "files", "."]
)
def test_archive_with_hostile_names_is_refused(database: Database, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        archive.add(tmp_path / "file", name)
        for table in METADATA.sorted_tables:
            archive.addfile(tarfile.TarInfo(f"tables/{table.name}.jsonl"))
    settings = Settings(checkpoints=tmp_path / "c", data=tmp_path / "d")
    with pytest.raises(InvalidInput, match="is no archive of a service"):
        read_archive(tmp_path / "bad.tar", settings, database)
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize(
    "headers",
    [
        {"path": "files/a\0b"},
        {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(1 << 50), "GNU.sparse.name": "files/endless"},
    ],
    ids=["zero", "sparse"],
)
def test_archive_with_odd_headers_is_refused(database: Database, tmp_path: Path, headers: dict[str, str]) -> None:
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        member = tarfile.TarInfo("files/a")
        member.pax_headers = headers
        archive.addfile(member)
        for table in METADATA.sorted_tables:
            archive.addfile(tarfile.TarInfo(f"tables/{table.name}.jsonl"))
    settings = Settings(checkpoints=tmp_path / "c", data=tmp_path / "d")
    with pytest.raises(InvalidInput, match="is no archive of a service"):
        read_archive(tmp_path / "bad.tar", settings, database)


def test_archive_with_a_folder_in_the_place_of_a_table_is_refused(database: Database, tmp_path: Path) -> None:
    for also_as_file in (False, True):
        with tarfile.open(tmp_path / "bad.tar", "w") as archive:
            for table in METADATA.sorted_tables:
                member = tarfile.TarInfo(f"tables/{table.name}.jsonl")
                if also_as_file:
                    archive.addfile(member)
                member.type = tarfile.DIRTYPE
                archive.addfile(member)
        settings = Settings(checkpoints=tmp_path / "c", data=tmp_path / "d")
        with pytest.raises(InvalidInput, match="is no archive of a service"):
            read_archive(tmp_path / "bad.tar", settings, database)


def test_archive_with_rows_that_fit_no_table_is_refused_before_a_file_is_written(
    database: Database, tmp_path: Path
) -> None:
    for row in (b"no JSON", b"[1]", b"[" * 100_000):
        with tarfile.open(tmp_path / "bad.tar", "w") as archive:
            archive.addfile(tarfile.TarInfo("checkpoints/mine/1/card.json"))
            for table in METADATA.sorted_tables:
                member = tarfile.TarInfo(f"tables/{table.name}.jsonl")
                member.size = len(row)
                archive.addfile(member, io.BytesIO(row))
        settings = Settings(checkpoints=tmp_path / "c", data=tmp_path / "d")
        with pytest.raises(InvalidInput, match="rows that do not fit"):
            read_archive(tmp_path / "bad.tar", settings, database)
        assert not settings.checkpoints.exists()
        assert not any(rows(database).values())


def test_archive_keeps_numbers_of_deleted_models_and_leaves_out_links(kept: Settings, tmp_path: Path) -> None:
    publish(kept.checkpoints, "kept", ngram())
    delete_version(kept.checkpoints, "kept", 2)
    (kept.checkpoints / "kept" / "1" / ".#card.json").symlink_to("nowhere")
    before = Database(sqlite_url(kept.data))
    write_archive(tmp_path / "all.tar", kept, before)
    settings = Settings(checkpoints=tmp_path / "c", data=tmp_path / "d")
    after = Database(sqlite_url(settings.data))
    read_archive(tmp_path / "all.tar", settings, after)
    assert [ref.id for ref in list_checkpoints(settings.checkpoints)] == ["kept@1"]
    assert newest_version(settings.checkpoints, "kept") == 2
    before.close()
    after.close()


def test_archive_that_another_has_begun_is_left_alone(kept: Settings, tmp_path: Path) -> None:
    (tmp_path / "all.tar.part").write_bytes(b"another's")
    database = Database(sqlite_url(kept.data))
    with pytest.raises(FileExistsError):
        write_archive(tmp_path / "all.tar", kept, database)
    assert (tmp_path / "all.tar.part").read_bytes() == b"another's"
    database.close()


def test_archive_of_a_newer_database_is_refused(kept: Settings, tmp_path: Path) -> None:
    make_newer(sqlite_url(kept.data))
    database = Database(sqlite_url(kept.data))
    with pytest.raises(InvalidInput, match="tables of a newer version"):
        write_archive(tmp_path / "all.tar", kept, database)
    database.close()


def test_archive_that_is_no_tar_file_is_refused(database: Database, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no archive")
    settings = Settings(checkpoints=tmp_path / "c", data=tmp_path / "d")
    with pytest.raises(InvalidInput, match="is no tar file"):
        read_archive(tmp_path / "text", settings, database)
