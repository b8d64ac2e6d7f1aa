"""The clock that wakes us: it looks again whatever happens to it, and no more often than it has to."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, select, update

from handlers.clock import HELD_S, Metronome
from storage.tables import deadlines
from tests.workspace import LIN, PAYMENTS_FAIL, Sandbox, Workspace, opened, settings_for

KEY = "Zm9yIHRlc3RzIG9ubHksIGtlZXAgeW91cnMgc2FmZSE="


def in_step(office: Workspace) -> Metronome:
    """A metronome that ticks when the test says so."""
    metronome = Metronome(office.bot.desk, office.bot.courier, lambda: None)
    metronome._scheduler.start(paused=True)
    return metronome


@pytest.fixture
def metronome(office: Workspace) -> Iterator[Metronome]:
    """One in an office."""
    ticking = in_step(office)
    yield ticking
    ticking.stop()


def test_a_tick_that_got_lost_is_not_waited_for(metronome: Metronome) -> None:
    metronome.wake()
    metronome._scheduler.remove_job("tick")  # as when no thread could be started for it
    metronome.wake()
    assert metronome._scheduler.get_job("tick") is None
    metronome._sweep()
    assert metronome._scheduler.get_job("tick") is not None


def test_it_is_not_moved_any_more_while_it_stops(metronome: Metronome) -> None:
    metronome.wake()
    metronome.stop()
    metronome._tick()  # the one that was running then
    assert metronome.looked_ago() < 60


def test_what_somebody_else_holds_is_not_asked_for_without_a_pause(sandbox: Sandbox, postgresql_url: str) -> None:
    settings = settings_for(sandbox, postgresql_url, socket_mode=False, hotline_encryption_keys=KEY)
    with opened(sandbox, settings) as office:
        incident = office.report()
        metronome = in_step(office)
        with office.bot.db.begin() as tx:
            past = office.clock.now - timedelta(seconds=1)
            [first, *_] = tx.execute(select(deadlines.c.id).where(deadlines.c.incident_id == incident.id)).scalars()
            tx.execute(update(deadlines).where(deadlines.c.id == first).values(next_nudge_at=past))
        elsewhere = create_engine(postgresql_url)
        with elsewhere.begin() as replica:
            replica.execute(select(deadlines).where(deadlines.c.id == first).with_for_update())
            metronome._tick()
            metronome._tick()
            before = datetime.now(UTC)
            metronome._tick()
            job = metronome._scheduler.get_job("tick")
            assert job.next_run_time - before >= timedelta(seconds=HELD_S)
        elsewhere.dispose()
        metronome._tick()
        with office.bot.db.read() as tx:
            looked_at = tx.execute(select(deadlines.c.next_nudge_at).where(deadlines.c.id == first)).scalar_one()
        assert looked_at > office.clock.now, "and then it is looked at"
        metronome.stop()


class Counting:
    """Stands for the metronome: how often it was woken."""

    def __init__(self) -> None:
        self.wakes = 0

    def wake(self) -> None:
        self.wakes += 1

    def stop(self) -> None:
        """Nothing ticks."""


def test_what_is_tried_again_in_a_second_is_not_left_to_the_next_sweep(office: Workspace) -> None:
    office.command(LIN)
    counting = Counting()
    office.sandbox.fault("conversations.create", "ratelimited", retry_after=1, count=1)
    office.submit(LIN, **PAYMENTS_FAIL)
    office.settle()
    office.bot.metronome = counting  # type: ignore[assignment]
    before = counting.wakes
    office.sandbox.fault("conversations.create", "ratelimited", retry_after=1, count=1)
    office.clock.now += timedelta(seconds=2)
    office.settle()
    assert counting.wakes > before
    office.bot.metronome = None
