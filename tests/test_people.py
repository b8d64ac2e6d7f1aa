"""A workspace of many: who is there is learnt page by page, however often Slack wants to be left alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from bot.settings import Settings
from handlers.people import ask_for_everybody
from storage import people
from tests.workspace import Clock, Sandbox, Workspace, opened, settings_for

CROWD = [f"U1{number:04}" for number in range(650)]  # with those who are always there: four pages of 200
PAGES = ["", "from:200", "from:400", "from:600"]


@pytest.fixture
def settings(sandbox: Sandbox, database_url: str) -> Settings:
    """A bot that has not started yet, in a workspace of many."""
    sandbox.post("/reset")
    sandbox.post("/settings", transport="http", request_url=None)  # nobody hears of the new ones
    for user in CROWD:
        sandbox.post("/act/add_person", id=user, name=user.lower(), locale="zh-CN")
    return settings_for(sandbox, database_url, socket_mode=False)


@contextmanager
def started(sandbox: Sandbox, settings: Settings, clock: Clock | None = None) -> Iterator[Workspace]:
    """The bot starts in the workspace as it is."""
    with opened(sandbox, settings, clock, reset=False) as joined:
        yield joined


def wait(workspace: Workspace) -> None:
    """A minute passes for the bot alone: for Slack too, it would tell of each new one again."""
    workspace.clock.now += timedelta(minutes=1)
    workspace.settle()


def pages(sandbox: Sandbox, ok: bool | None = True) -> list[str]:
    """The pages that the bot was given, in order, by their cursors; with `ok=None`, all that it asked for."""
    calls: list[dict[str, Any]] = sandbox.calls("users.list")
    return [str(call["args"].get("cursor") or "") for call in calls if ok is None or call["ok"] is ok]


def knows_everybody(workspace: Workspace) -> bool:
    """Each with their language."""
    with workspace.bot.db.read() as tx:
        return all((person := people.get(tx, user)) and person.language == "zh" for user in CROWD)


def test_where_slack_wants_to_be_left_alone_it_goes_on_later(sandbox: Sandbox, settings: Settings) -> None:
    sandbox.fault("users.list", "ratelimited", retry_after=30, skip=2, count=1)
    with started(sandbox, settings) as workspace:
        assert pages(sandbox) == PAGES[:2]
        sandbox.fault("users.list", "ratelimited", retry_after=30, skip=1, count=1)
        wait(workspace)
        assert pages(sandbox) == PAGES[:3]
        assert not knows_everybody(workspace)
        wait(workspace)
        assert pages(sandbox) == PAGES, "each once"
        assert knows_everybody(workspace)


def test_where_it_stopped_is_forgotten_by_slack_and_it_begins_anew(sandbox: Sandbox, settings: Settings) -> None:
    sandbox.fault("users.list", "ratelimited", retry_after=30, skip=3, count=1)
    with started(sandbox, settings) as workspace:
        sandbox.fault("users.list", "error", error="invalid_cursor", match={"cursor": PAGES[3]}, count=1)
        wait(workspace)
        assert pages(sandbox) == [*PAGES[:3], *PAGES]
        assert knows_everybody(workspace)


def test_a_bot_that_starts_again_asks_for_everybody_from_the_beginning(sandbox: Sandbox, settings: Settings) -> None:
    sandbox.fault("users.list", "ratelimited", retry_after=30, skip=2, count=1)
    clock = Clock()
    with started(sandbox, settings, clock):
        assert pages(sandbox) == PAGES[:2]
    with started(sandbox, settings, clock) as workspace:
        ask_for_everybody(workspace.bot.desk)  # another replica starts as well
        wait(workspace)
        assert pages(sandbox) == [*PAGES, *PAGES], "what was begun to its end, then all of them once for both"
        assert knows_everybody(workspace)


@contextmanager
def held(sandbox: Sandbox, page: str) -> Iterator[None]:
    """Slack takes its time with one page, until this ends."""
    fault = sandbox.fault("users.list", "hold_before", match={"cursor": page}, count=1)
    yield
    sandbox.http.delete(f"/faults/{fault}")


def wait_until_asked(workspace: Workspace, page: str) -> None:
    """Until the bot has asked for a page, answered or not."""
    workspace.until(lambda: page in pages(workspace.sandbox, ok=None))


def begin(workspace: Workspace) -> None:
    """The bot begins to ask for everybody, and is not waited for."""
    workspace.sandbox.http.delete("/calls")
    ask_for_everybody(workspace.bot.desk)
    workspace.bot.courier.wake()


def carry(workspace: Workspace) -> None:
    """A replica does what it can, while another waits for Slack."""
    workspace.bot.courier.wake()
    assert workspace.bot.courier.settle(30)


def test_a_replica_that_is_slow_is_left_to_it(sandbox: Sandbox, settings: Settings) -> None:
    clock = Clock()
    with started(sandbox, settings, clock) as slow, started(sandbox, settings, clock) as other:
        with held(sandbox, PAGES[2]):
            with held(sandbox, PAGES[1]):
                begin(slow)
                wait_until_asked(slow, PAGES[1])
                clock.now += timedelta(seconds=30)
            wait_until_asked(slow, PAGES[2])
            clock.now += timedelta(seconds=30)
            carry(other)
            assert pages(sandbox) == PAGES[:2], "with each page it has time for another"
        slow.settle()
        assert pages(sandbox) == PAGES


def test_a_replica_that_was_thought_dead_leaves_it_to_the_other(sandbox: Sandbox, settings: Settings) -> None:
    clock = Clock()
    with started(sandbox, settings, clock) as slow, started(sandbox, settings, clock) as other:
        with held(sandbox, PAGES[3]):
            with held(sandbox, PAGES[2]):
                begin(slow)
                wait_until_asked(slow, PAGES[2])
                clock.now += timedelta(minutes=1)
                other.bot.courier.wake()
                wait_until_asked(other, PAGES[3])
            carry(slow)
        other.settle()
        wait(slow)
        assert pages(sandbox) == [*PAGES[:3], *PAGES[2:]], "both had that page; the slow one stopped there"
        assert knows_everybody(other)
