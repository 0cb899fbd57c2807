"""Databases to test on: SQLite always, and a PostgreSQL of our own where Debian's package (or another) is installed.

Each test gets an empty, migrated database. The PostgreSQL server listens on loopback only, as an unprivileged user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from app.storage.database import Database, sqlite_url
from app.storage.migrations import migrate

ABSENT = "PostgreSQL is not installed (apt-get install postgresql): what follows is proven on SQLite ALONE"


def binaries() -> Path | None:
    """Where PostgreSQL's programs are, newest version first; None where there are none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: -int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[0].parent if found else Path(on_path).parent if on_path else None


def _user() -> str | None:
    """Whom the server runs as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Server:
    """A PostgreSQL in a directory of its own, which can be stopped and started again."""

    def __init__(self, directory: Path, programs: Path, environment: Mapping[str, str] | None = None) -> None:
        self.directory, self.programs, self.port = directory, programs, free_port()
        self._environment = {**os.environ, **(environment or {})}
        self._run("initdb", "-D", "data", "-U", "nextword", "-A", "trust", "-E", "UTF8", "--no-sync")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        subprocess.run(
            command,
            cwd=self.directory,
            env=self._environment,
            user=_user(),
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def start(self) -> None:
        settings = f"-p {self.port} -h 127.0.0.1 -k {self.directory} -c fsync=off -c max_connections=200"
        self._run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", settings, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop")

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://nextword@127.0.0.1:{self.port}/{database}"

    def create(self, template: str = "template1", encoding: str = "UTF8") -> str:
        """The URL of a new database: an empty one, or a copy of another."""
        name = f"test_{os.urandom(6).hex()}"
        with psycopg.connect(self.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING {encoding}".encode())
        return self.url(name)


@contextmanager
def postgresql_server(environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A running server; its directory is gone afterwards. Skips the test where PostgreSQL is absent."""
    programs = binaries()
    if programs is None:
        pytest.skip(ABSENT)
    directory = Path(tempfile.mkdtemp(prefix="nextword-postgresql-"))
    user = _user()
    if user is not None:
        shutil.chown(directory, user)
    try:
        server = Server(directory, programs, environment)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    with postgresql_server() as server:
        yield server


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database to copy: migrating takes longer than most tests."""
    directory = tmp_path_factory.mktemp("migrated")
    _migrate(sqlite_url(directory))
    return directory / "nextword.db"


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: Server) -> str:
    """The name of a migrated PostgreSQL database to copy."""
    url = postgresql.create()
    _migrate(url)
    return url.rpartition("/")[2]


def _migrate(url: str) -> None:
    opened = Database(url)
    migrate(opened)
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind in turn, without a table in it."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "data")
    server: Server = request.getfixturevalue("postgresql")
    return server.create()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database of each kind in turn."""
    if request.param == "sqlite":
        url = sqlite_url(tmp_path / "data")
        shutil.copy(request.getfixturevalue("migrated"), tmp_path / "data")
        return url
    server: Server = request.getfixturevalue("postgresql")
    return server.create(request.getfixturevalue("migrated_postgresql"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An opened database of each kind in turn."""
    opened = Database(database_url)
    yield opened
    opened.close()


def make_newer(url: str) -> None:
    """Let a migrated database look as if a newer program had made its tables."""
    database = Database(url)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))
    database.close()
