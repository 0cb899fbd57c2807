"""Connections to SQLite or PostgreSQL behind one `Database`, with transactions, clock and paging.

A transaction says beforehand whether it will write. SQLite needs this: a transaction that begins as a reader and then
writes fails at once, without waiting, if another process wrote in between.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from sqlalchemy import Connection, Double, Row, Select, Table, create_engine, event, select, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import DataError, InterfaceError, InvalidRequestError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.functions import FunctionElement

from app.core.exceptions import DatabaseUnavailable
from app.core.settings import Settings
from models.errors import InvalidInput

LOCK_TIMEOUT_SECONDS = 5.0
"""Seconds that a statement waits for another process's lock before the database counts as unavailable."""
STATEMENT_TIMEOUT_SECONDS = 30
"""Longest run time of a PostgreSQL statement, in seconds; ours take milliseconds."""
_FILE = "nextword_file"
"""Key of a connection's `info` under which stands which SQLite file it has open: device and inode."""
_UNDEFINED_TABLE = "42P01"
"""PostgreSQL's error code for a missing table (Appendix A of its manual)."""


class Epoch(FunctionElement[float]):
    """SQL expression: seconds since 1970 by the database's clock.

    Leases use it, so that they hold between machines whose clocks differ.
    """

    type = Double()
    inherit_cache = True


@compiles(Epoch, "sqlite")
def _sqlite_epoch(*_: object, **__: object) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(Epoch, "postgresql")
def _postgresql_epoch(*_: object, **__: object) -> str:
    return "extract(epoch from clock_timestamp())::double precision"


class Database:
    """A database at `sqlite:///path` or `postgresql+psycopg://…`; safe to share between threads."""

    def __init__(self, url: str) -> None:
        """Prepare connections without making one; raises InvalidInput for another kind of `url`."""
        self.url = url
        self._engine = _create_engine(url)

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is an SQLite file, to which one process writes at a time."""
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads; raises DatabaseUnavailable."""
        with self._connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self, *locks: str) -> Iterator[Connection]:
        """Open a transaction that may write, committed at the end of the block; raises DatabaseUnavailable.

        `locks` name advisory locks that exclude other writers with the same names; SQLite has one writer anyway.
        """
        with self._connect(write=True) as connection, connection.begin():
            for lock in () if self.is_sqlite else locks:
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": lock})
            yield connection

    def now(self) -> float:
        """Return the time by the database's clock, in seconds since 1970; raises DatabaseUnavailable."""
        with self.read() as connection:
            return float(connection.execute(select(Epoch())).scalar_one())

    def close(self) -> None:
        """Close every connection, those of transactions under way when they end."""
        self._engine.dispose()

    @contextmanager
    def _connect(self, **options: bool) -> Iterator[Connection]:
        pool = self._engine.pool
        try:
            with _translate_errors(), self._engine.connect().execution_options(**options) as connection:
                yield connection
        finally:
            if self._engine.pool is not pool:  # closed meanwhile: the connection came back to a pool that nobody has
                pool.dispose()


def open_database(settings: Settings) -> Database:
    """Return the database of the settings: that of `database_url`, or the SQLite file in the data folder.

    Raises InvalidInput for a bad `database_url`, and where the folder cannot be created.
    """
    return Database(settings.database_url or sqlite_url(settings.data))


def sqlite_url(directory: Path) -> str:
    """Return the URL of the SQLite file in the data directory, which is created if necessary.

    Raises InvalidInput where it cannot be created.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput("data", f"{directory} cannot be made ({error.strerror})") from None
    return f"sqlite:///{directory.resolve() / 'nextword.db'}"


def _create_engine(url: str) -> Engine:
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        return _sqlite_engine(url)
    if scheme == "postgresql+psycopg":
        return _postgresql_engine(url)
    raise InvalidInput("database_url", "must begin with sqlite:/// or postgresql+psycopg://")


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": LOCK_TIMEOUT_SECONDS, "check_same_thread": False})
    file = _SqliteFile(Path(make_url(url).database or ""))

    @event.listens_for(engine, "do_connect")
    def check(*_: object) -> None:
        file.check_there()

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself
        _use_write_ahead_log(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        file.opened(record.info)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        file.check_same(connection)
        # A deferred transaction that turns into a writer fails at once where another process wrote since it began.
        writes = connection.get_execution_options().get("write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "commit", file.check_same)
    return engine


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch the database to its write-ahead log, where no other connection has done so.

    SQLite does not wait for the lock itself where several connections switch a new database at once.
    """
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
        time.sleep(0.01)


class _SqliteFile:
    """The file of a database, which may be moved away or replaced while connections have it open.

    What they wrote then would be lost: no other process would see it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._was_opened = False

    def check_there(self) -> None:
        """Raise DatabaseUnavailable where the file was there, and a connection would begin an empty one."""
        if self._was_opened and self._identity() is None:
            raise DatabaseUnavailable("the database is not available: its file is gone")

    def opened(self, info: dict[Any, Any]) -> None:
        """Note in a connection's `info` which file it has open."""
        info[_FILE] = self._identity()
        self._was_opened = True

    def check_same(self, connection: Connection) -> None:
        """Raise DatabaseUnavailable, and drop the connection, where another file is now where its file was."""
        if connection.info.get(_FILE) != self._identity():
            connection.invalidate()
            raise DatabaseUnavailable("the database is not available: its file was moved or replaced")

    def _identity(self) -> tuple[int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_dev, stat.st_ino


def _postgresql_engine(url: str) -> Engine:
    limits = f"-c statement_timeout={STATEMENT_TIMEOUT_SECONDS}s -c lock_timeout={int(LOCK_TIMEOUT_SECONDS)}s"
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_timeout=LOCK_TIMEOUT_SECONDS,
        connect_args={
            "connect_timeout": int(LOCK_TIMEOUT_SECONDS),
            "client_encoding": "utf8",  # without it, a database of no encoding (SQL_ASCII) would answer in bytes
            "options": limits,
            "application_name": f"nextword-{os.getpid()}",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        },
    )


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _UNDEFINED_TABLE:  # SQLite's is an OperationalError
            raise
        raise DatabaseUnavailable("the database is not available: its tables are not made yet") from error
    except (DataError, OverflowError, UnicodeEncodeError) as error:  # NUL, 2**63, half a surrogate pair
        raise InvalidInput("request", "holds a text or a number that the database cannot hold") from error
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        reason = str(error.orig if isinstance(error, OperationalError | InterfaceError) else error)
        plain = re.sub(r"connection to server .* failed: ", "", reason.splitlines()[0])  # the log says to which
        raise DatabaseUnavailable(f"the database is not available: {plain}") from error
    except InvalidRequestError as error:  # a connection that broke inside the block
        raise DatabaseUnavailable("the connection to the database broke") from error


_Row: TypeAlias = Row[*tuple[Any, ...]]


def fetch_page(
    connection: Connection, table: Table, query: Select[*tuple[Any, ...]], after: str | None, limit: int
) -> tuple[list[_Row], bool]:
    """Return a page of `query`: at most `limit` rows older than row `after`, and whether there are more.

    Raises InvalidInput where there is no row `after`.
    """
    if after is not None:
        number = connection.execute(select(table.c.number).where(table.c.id == after)).scalar_one_or_none()
        if number is None:
            raise InvalidInput("after", f"there is no {after!r}; give the id of the last one on the page before")
        query = query.where(table.c.number < number)
    rows = list(connection.execute(query.order_by(table.c.number.desc()).limit(limit + 1)))
    return rows[:limit], len(rows) > limit
