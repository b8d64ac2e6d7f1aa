"""What tests begin with: a sandbox, a database of their own, and the bot that joins both."""

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from tests.workspace import Sandbox, Workspace, opened, settings_for

POSTGRESQL = os.environ.get("TEST_DATABASE_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
PATIENCE_S = 20  # on a machine under load nothing else is to fail than what a test is about
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
LOOK_FOR = ("chromium", "chromium-browser", "google-chrome")
FOUR = ("socket-sqlite", "socket-postgresql", "http-sqlite", "http-postgresql")


def not_here(what: str) -> None:
    """Skips a test for which this machine lacks something; where everything has to be there (`.ci/run`), it fails."""
    if os.environ.get("HOTLINE_TESTS") == "all":
        pytest.fail(f"{what} is needed here")
    pytest.skip(f"{what} is not here")


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox for all tests of this process; each test finds it as new."""
    running = Sandbox()
    yield running
    running.stop()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """An empty SQLite database."""
    return f"sqlite:///{tmp_path}/hotline.db"


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """An empty PostgreSQL database, dropped afterwards."""
    server = create_engine(POSTGRESQL, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    name = f"hotline_test_{secrets.token_hex(6)}"
    try:
        with server.connect() as connection:
            connection.execute(text(f"create database {name}"))
    except OperationalError:
        server.dispose()
        not_here("PostgreSQL")
    yield make_url(POSTGRESQL).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))
    server.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database, of each kind."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=FOUR)
def workspace(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[Workspace]:
    """A workspace with the bot: through both transports, on both databases."""
    transport, database = request.param.split("-")
    url = str(request.getfixturevalue(f"{database}_url"))
    with opened(sandbox, settings_for(sandbox, url, socket_mode=transport == "socket")) as joined:
        sandbox.post("/settings", patience=PATIENCE_S)
        yield joined


@pytest.fixture
def office(sandbox: Sandbox, sqlite_url: str) -> Iterator[Workspace]:
    """A workspace with the bot, one way (HTTP, SQLite): for what does not depend on the way."""
    with opened(sandbox, settings_for(sandbox, sqlite_url, socket_mode=False)) as joined:
        sandbox.post("/settings", patience=PATIENCE_S)
        yield joined


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    path = next((found for name in LOOK_FOR if (found := shutil.which(name))), None)
    if path is None:
        not_here("Chromium")
    opened = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
    yield opened
    opened.close()
