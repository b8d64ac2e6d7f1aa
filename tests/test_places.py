"""The channels that the procedure names, by their names or by their ids: where incidents are announced and reviewed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from storage import people, schema
from storage.db import Database
from storage.encryption import Cipher
from tests.workspace import PROCEDURE, SUN, Sandbox, Workspace, opened, settings_for


def announcing_in(channel_id: str, folder: Path) -> Path:
    """The procedure file with a channel by its id."""
    path = folder / "procedure.yml"
    path.write_text(PROCEDURE.read_text(encoding="utf-8").replace('"#incidents"', f'"{channel_id}"'), encoding="utf-8")
    return path


def private_channel(sandbox: Sandbox, name: str = "quiet") -> str:
    """A private channel of Sun's; the bot is not in it."""
    made = sandbox.post("/act/create_channel", name=name, user=SUN, is_private=True)
    return str(made["channel"]["id"])


@contextmanager
def company(sandbox: Sandbox, url: str, channel_id: str, folder: Path) -> Iterator[Workspace]:
    """A workspace whose procedure names that channel."""
    path = announcing_in(channel_id, folder)
    settings = settings_for(sandbox, url, socket_mode=False, hotline_procedure=path)
    with opened(sandbox, settings, reset=False) as joined:
        yield joined


def test_the_bot_joins_a_channel_that_is_named_by_its_id(sandbox: Sandbox, sqlite_url: str, tmp_path: Path) -> None:
    sandbox.post("/reset")
    with company(sandbox, sqlite_url, "C0INCIDENTS", tmp_path) as office:
        for _ in range(2):
            office.report()
        assert len(office.said("incidents")) == 2
        joined = [call["args"]["channel"] for call in sandbox.calls("conversations.join")]
        assert joined == ["C0INCIDENTS"], "once"


def test_the_bot_speaks_in_a_private_channel_once_it_is_invited(
    sandbox: Sandbox, sqlite_url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sandbox.post("/reset")
    quiet = private_channel(sandbox)
    with company(sandbox, sqlite_url, quiet, tmp_path) as office:
        office.report()
        assert office.said(quiet) == []
        log = "".join(capfd.readouterr())
        assert "the procedure names a channel that the bot can't reach" in log
        assert quiet in log
        sandbox.post("/act/invite", user=SUN, channel=quiet, invited=["bot"])
        office.wait(1)
        assert len(office.said(quiet)) == 1


def test_two_incidents_may_find_the_channel_at_the_same_moment(postgresql_url: str) -> None:
    db = Database(postgresql_url, Cipher([Fernet.generate_key().decode()]))
    schema.migrate(db)
    done = threading.Event()

    def find_too() -> None:
        with db.begin() as tx:
            people.set_place(tx, "#incidents", "C0INCIDENTS")
        done.set()

    other = threading.Thread(target=find_too)
    with db.begin() as tx:
        people.set_place(tx, "#incidents", "C0INCIDENTS")
        other.start()
        with db.read() as look:
            while not look.execute(text("select count(*) from pg_locks where not granted")).scalar_one():
                assert not done.is_set()
    other.join(10)
    assert done.is_set(), "neither of them fails"
    db.close()
