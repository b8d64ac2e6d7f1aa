"""The database: how transactions begin, on SQLite and on PostgreSQL."""

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError, OperationalError
from sqlalchemy.exc import TimeoutError as NoneFree
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from storage.encryption import Cipher
from storage.turns import Turns

CONNECTIONS = 24  # a replica, at most: four fit into a PostgreSQL server's usual 100, and nobody holds one for long
WAITS_S = 5  # for a connection; longer than a person waits for an answer
# How soon a connection that broke without a word is noticed (libpq's names; seconds, the last one in milliseconds):
# else whoever waits for an answer waits for hours.
NOTICED = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
ASKED_AFTER_S = 5  # seconds that a connection may have rested without being asked whether it still stands
# Transactions that write at the same time in one process: all, people's, and the courier's while no person waits.
# SQLite lets one write. With PostgreSQL more than a few of people's only take the interpreter from each other.
WRITERS = {"sqlite": (1, 1, 1), "postgresql": (8, 2, 6)}


def upsert(tx: Connection, table: Table) -> sqlite.Insert:
    """An insert that can say what to do when the row is there already; both databases have the same words for it."""
    if tx.dialect.name == "postgresql":
        return cast(sqlite.Insert, postgresql.insert(table))
    return sqlite.insert(table)


class Database:
    """A door to the database for all threads of a process.

    What goes into statements is never in an error's text: people's words would reach the log with it.
    `begin()` is for one thing that a person does (or one batch of the clock): it commits at its end or undoes all.
    `read()` only looks. Both raise sqlalchemy.exc.OperationalError when the database can't be reached, or has no
    connection left for `waits_s` seconds.
    """

    def __init__(self, url: str, cipher: Cipher, waits_s: float = WAITS_S) -> None:
        self.is_sqlite = url.startswith("sqlite")
        self._turns = Turns(*WRITERS["sqlite" if self.is_sqlite else "postgresql"])
        self._is_patient = False
        if self.is_sqlite:
            Path(str(make_url(url).database)).parent.mkdir(parents=True, exist_ok=True)
            self.engine = create_engine(
                url,
                pool_size=32,
                max_overflow=-1,
                pool_use_lifo=True,  # what it was asked before, a connection has ready
                hide_parameters=True,
                connect_args={"timeout": 15},
            )
            _set_up_sqlite(self.engine)
        else:
            self.engine = create_engine(
                url,
                pool_size=CONNECTIONS,
                max_overflow=0,
                pool_timeout=waits_s,
                pool_use_lifo=True,
                hide_parameters=True,
                connect_args=NOTICED,
            )
            _set_up_postgresql(self.engine)
        # On PostgreSQL a look needs no transaction around it: two round trips less while somebody waits.
        looks = {} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        self._reader = self.engine.execution_options(cipher=cipher, **looks)
        self._writer = self.engine.execution_options(cipher=cipher, writes=True)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that may write; commits at the end, undoes everything when an exception leaves it."""
        # On SQLite this is also quicker: its own waiting sleeps in steps.
        with self._turns.taken(self._is_patient), _connected(self._writer) as tx, tx.begin():
            yield tx

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only looks: it never waits for a writer."""
        with _connected(self._reader) as tx:
            yield tx

    def patiently(self) -> "Database":
        """The same database for those who let people go first: the courier."""
        patient = copy.copy(self)
        patient._is_patient = True
        return patient

    def is_reachable(self) -> bool:
        """Asks the database for a sign of life. Raises sqlalchemy.exc.OperationalError when there is none."""
        with self.read() as tx:
            return bool(tx.execute(text("select 1")).scalar_one() == 1)

    def close(self) -> None:
        """Closes all connections."""
        self.engine.dispose()


def _connected(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except NoneFree as error:
        raise OperationalError("connect", None, error) from None


def _set_up_postgresql(engine: Engine) -> None:
    """A connection that a restarted server has dropped is replaced before a person meets it: asked after a pause."""

    @event.listens_for(engine, "connect")
    @event.listens_for(engine, "checkin")
    def on_use(_: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        record.info["used_at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def on_checkout(connection: DBAPIConnection, record: ConnectionPoolEntry, _: PoolProxiedConnection) -> None:
        if time.monotonic() - record.info["used_at"] > ASKED_AFTER_S:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                raise DisconnectionError from error


def _set_up_sqlite(engine: Engine) -> None:
    """WAL, so that readers and the writer don't wait for each other; synchronous FULL: acknowledged means on disk;
    a mapped file, so that among many rows the few that are due are not read through a small cache; small pages, since a
    tick changes few rows on many of them."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # transactions begin where we say
        cursor = connection.cursor()
        for pragma in (
            "page_size=2048",  # of a new file, before anything else
            "journal_mode=WAL",
            "wal_autocheckpoint=2000",  # as many bytes as by default
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=15000",
            "mmap_size=268435456",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(tx: Connection) -> None:
        # A writer takes the lock at once: a transaction that reads first and then finds the lock taken would fail.
        tx.exec_driver_sql("BEGIN IMMEDIATE" if tx.get_execution_options().get("writes") else "BEGIN")
