"""Databases of our own: a file in a temporary folder, and a PostgreSQL database that is dropped afterwards."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

SERVER = "postgresql+psycopg://root@127.0.0.1:5432/postgres"
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"

_numbers = itertools.count(1)


def kinds() -> list[str]:
    """What can be measured on here. Says so when PostgreSQL can't be reached."""
    try:
        with _server().connect():
            return [SQLITE, POSTGRESQL]
    except OperationalError:
        print("PostgreSQL is left out: it can't be reached at BENCH_DATABASE_URL.")
        return [SQLITE]


@contextmanager
def database(kind: str) -> Iterator[str]:
    """The address of an empty database; it is gone afterwards."""
    if kind == SQLITE:
        with tempfile.TemporaryDirectory(prefix="hotline-bench-") as folder:
            yield f"sqlite:///{Path(folder) / 'hotline.db'}"
        return
    name = f"hotline_bench_{os.getpid()}_{next(_numbers)}"
    engine = _server()
    with engine.connect() as connection:
        connection.execute(text(f"create database {name}"))
    try:
        yield _address().set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"drop database if exists {name} with (force)"))
        engine.dispose()


def _server() -> Engine:
    return create_engine(_address(), isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})


def _address() -> URL:
    return make_url(os.environ.get("BENCH_DATABASE_URL") or SERVER).set(drivername="postgresql+psycopg")
