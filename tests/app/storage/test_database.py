"""Transactions, clock and migrations of the database, and how its failures are reported."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, insert, select, text

from app.core.exceptions import DatabaseUnavailable
from app.storage import database as database_module
from app.storage.database import Database, Epoch, sqlite_url
from app.storage.migrations import migrate, missing_migrations, take_steps
from app.storage.tables import ALIASES, METADATA
from models.errors import InvalidInput
from tests.helpers.databases import Server, make_newer, postgresql_server

MODEL = {"alias": "best", "name": "demo", "version": 1, "updated_at": 0.0}


def _aliases(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(ALIASES)).scalar_one()


def test_migrate_makes_exactly_the_tables_described(database: Database) -> None:
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_take_steps_makes_exactly_the_tables_described(empty_url: str) -> None:
    opened = Database(empty_url)
    with opened.write() as connection:
        take_steps(connection)
    with opened.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    assert missing_migrations(opened) == 0
    opened.close()


def test_migrate_takes_the_steps_that_an_older_database_lacks(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("ALTER TABLE jobs DROP COLUMN traceparent"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0005'"))
    assert missing_migrations(database) == 1
    migrate(database)
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    assert missing_migrations(database) == 0


def test_missing_migrations_are_below_zero_in_a_database_of_a_newer_program(database: Database) -> None:
    make_newer(database.url)
    assert missing_migrations(database) < 0


def test_migrate_again_changes_nothing(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(ALIASES), MODEL)
    migrate(database)
    assert _aliases(database) == 1


def test_migrate_by_concurrent_processes_runs_once(empty_url: str) -> None:
    program = "import sys, app.storage.migrations as m, app.storage.database as d; m.migrate(d.Database(sys.argv[1]))"
    started = [subprocess.Popen([sys.executable, "-c", program, empty_url]) for _ in range(3)]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    opened = Database(empty_url)
    with opened.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).all() == [("0006",)]
    opened.close()


def test_connections_to_a_new_sqlite_file_switch_it_to_its_log_one_after_the_other(tmp_path: Path) -> None:
    def migrate_at_once(path: Path) -> None:
        opened = Database(f"sqlite:///{path}")
        try:
            barrier.wait(10)
            migrate(opened)
        finally:
            opened.close()

    barrier = Barrier(8)
    with ThreadPoolExecutor(8) as threads:
        for turn in range(20):  # about one of these turns failed where nobody waited
            list(threads.map(migrate_at_once, [tmp_path / f"{turn}.db"] * 8))


def test_database_without_tables_is_unavailable(empty_url: str) -> None:
    opened = Database(empty_url)
    with pytest.raises(DatabaseUnavailable):
        _aliases(opened)
    migrate(opened)
    assert _aliases(opened) == 0
    opened.close()


def test_write_that_fails_is_rolled_back(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            connection.execute(insert(ALIASES), MODEL)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert _aliases(database) == 0


def test_epoch_counts_seconds_since_1970(database: Database) -> None:
    with database.read() as connection:
        assert connection.execute(select(Epoch())).scalar_one() == pytest.approx(time.time(), abs=5)


def test_close_closes_connections_of_transactions_under_way_when_they_end(database: Database) -> None:
    opened = Database(database.url)
    with opened.read() as connection:
        driver = connection.connection.driver_connection
        opened.close()
        assert connection.execute(select(func.count()).select_from(ALIASES)).scalar_one() == 0
    if opened.is_sqlite:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            driver.execute("SELECT 1")  # type: ignore[union-attr]
    else:
        assert driver.closed  # type: ignore[union-attr]


@pytest.mark.parametrize("url", ["mysql://x", "nonsense", "postgresql://x"])
def test_database_refuses_other_urls(url: str) -> None:
    with pytest.raises(InvalidInput, match="database_url"):
        Database(url)


def test_sqlite_is_unavailable_while_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "LOCK_TIMEOUT_SECONDS", 0.1)
    opened = Database(sqlite_url(tmp_path))
    migrate(opened)
    other = sqlite3.connect(tmp_path / "nextword.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable, match="locked"), opened.write():
        pass
    assert _aliases(opened) == 0  # readers do not wait for writers
    other.execute("ROLLBACK")
    with opened.write() as connection:
        connection.execute(insert(ALIASES), MODEL)
    assert _aliases(opened) == 1
    other.close()
    opened.close()


def test_sqlite_is_unavailable_without_its_directory(tmp_path: Path) -> None:
    opened = Database(f"sqlite:///{tmp_path}/nowhere/nextword.db")
    with pytest.raises(DatabaseUnavailable), opened.read():
        pass


def test_postgresql_is_unavailable_while_stopped() -> None:
    with postgresql_server() as server:
        opened = Database(server.create())
        migrate(opened)
        assert _aliases(opened) == 0
        server.stop()
        with pytest.raises(DatabaseUnavailable), opened.write():
            pass
        server.start()
        assert _aliases(opened) == 0
        opened.close()


def test_postgresql_without_an_encoding_works(postgresql: Server) -> None:
    opened = Database(postgresql.create("template0 LC_COLLATE 'C' LC_CTYPE 'C'", "SQL_ASCII"))
    migrate(opened)
    with opened.write() as connection:
        connection.execute(insert(ALIASES), MODEL | {"name": "Wörter"})
    with opened.read() as connection:
        assert connection.execute(select(ALIASES.c.name)).scalar_one() == "Wörter"
    opened.close()


def test_connection_broken_in_a_transaction_is_unavailable(postgresql: Server) -> None:
    opened = Database(postgresql.create())
    migrate(opened)

    def break_off() -> None:
        with opened.write() as connection:
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with opened.read() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            connection.execute(insert(ALIASES), MODEL)

    with pytest.raises(DatabaseUnavailable):
        break_off()
    assert _aliases(opened) == 0
    opened.close()


def test_sqlite_url_names_the_setting_of_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "data"
    with pytest.raises(InvalidInput) as error:
        sqlite_url(folder)
    assert str(error.value) == f"data: {folder} cannot be made (Not a directory)"


def test_database_refuses_what_it_cannot_hold(database: Database) -> None:
    with pytest.raises(InvalidInput, match="the database cannot hold"), database.write() as connection:
        connection.execute(insert(ALIASES), MODEL | {"version": 2**63})
    with pytest.raises(InvalidInput, match="the database cannot hold"), database.read() as connection:
        connection.execute(select(ALIASES).where(ALIASES.c.alias == "\ud800"))
    try:
        with database.read() as connection:
            assert connection.execute(select(ALIASES).where(ALIASES.c.alias == "\0")).all() == []
    except InvalidInput:  # PostgreSQL's texts hold no NUL
        assert not database.is_sqlite
    assert _aliases(database) == 0


def test_database_writes_nothing_into_a_file_that_was_moved_away(tmp_path: Path) -> None:
    opened = Database(sqlite_url(tmp_path))
    migrate(opened)
    file, moved = tmp_path / "nextword.db", tmp_path / "moved"

    def write_and_move() -> None:
        with opened.write() as connection:
            connection.execute(insert(ALIASES), MODEL)
            file.rename(moved)

    with pytest.raises(DatabaseUnavailable, match="moved or replaced"):
        write_and_move()
    with pytest.raises(DatabaseUnavailable, match="gone"):
        _aliases(opened)
    assert not file.exists()
    moved.rename(file)
    assert _aliases(opened) == 0
    opened.close()
