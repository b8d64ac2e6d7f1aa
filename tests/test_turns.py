"""Who works next: a few at a time, people before the courier, and nobody for ever."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from storage.db import CONNECTIONS, Database
from storage.encryption import Cipher
from storage.turns import Turns

SOON_S = 10  # until then a thread has done what it can do; nobody waits so long


class Worker:
    """Takes a turn on a thread of its own, and keeps it until told to go."""

    def __init__(self, turns: Turns, patient: bool, came_in: Callable[[], None] = lambda: None) -> None:
        self._turns, self._patient, self._came_in = turns, patient, came_in
        self.is_in, self._go = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        with self._turns.taken(self._patient):
            self._came_in()
            self.is_in.set()
            assert self._go.wait(SOON_S)

    def leave(self) -> None:
        self._go.set()
        self._thread.join(SOON_S)
        assert not self._thread.is_alive()


@contextmanager
def somebody_in(turns: Turns) -> Iterator[Worker]:
    worker = Worker(turns, patient=False)
    assert worker.is_in.wait(SOON_S)
    yield worker
    worker.leave()


def stands_in_line(turns: Turns, how_many: int) -> None:
    """Waits until so many stand in line."""
    until = threading.Event()
    for _ in range(SOON_S * 1000):
        if turns.waiting == how_many:
            return
        until.wait(0.001)
    raise AssertionError(f"{turns.waiting} stand in line")


def test_people_go_before_the_courier_who_came_first() -> None:
    turns, came_in = Turns(1, 1, 1), list[str]()
    with somebody_in(turns):
        courier = Worker(turns, patient=True, came_in=lambda: came_in.append("courier"))
        stands_in_line(turns, 1)
        person = Worker(turns, patient=False, came_in=lambda: came_in.append("person"))
        stands_in_line(turns, 2)
    assert person.is_in.wait(SOON_S)
    person.leave()
    assert courier.is_in.wait(SOON_S)
    courier.leave()
    assert came_in == ["person", "courier"]


def test_a_patient_one_is_not_held_up_for_ever() -> None:
    turns, came_in = Turns(1, 1, 1), list[str]()
    with somebody_in(turns):
        courier = Worker(turns, patient=True, came_in=lambda: came_in.append("courier"))
        stands_in_line(turns, 1)
        while turns.patient:  # its patience ends
            threading.Event().wait(0.01)
        person = Worker(turns, patient=False, came_in=lambda: came_in.append("person"))
        stands_in_line(turns, 2)
    assert courier.is_in.wait(SOON_S)
    courier.leave()
    assert person.is_in.wait(SOON_S)
    person.leave()
    assert came_in == ["courier", "person"]


def test_whoever_waits_for_something_else_lets_others_work_meanwhile() -> None:
    turns = Turns(1, 1, 1)
    with turns.taken(patient=True):
        with turns.given_up(), somebody_in(turns):
            pass
        other = Worker(turns, patient=False)
        stands_in_line(turns, 1)
        assert not other.is_in.is_set(), "it is ours again"
    assert other.is_in.wait(SOON_S)
    other.leave()


def test_giving_up_what_one_does_not_have_changes_nothing() -> None:
    turns = Turns(1, 1, 1)
    with somebody_in(turns), turns.given_up():
        other = Worker(turns, patient=False)
        stands_in_line(turns, 1)
        assert not other.is_in.is_set()
    assert other.is_in.wait(SOON_S)
    other.leave()


def test_each_kind_has_its_own_bound_and_both_together_one() -> None:
    turns = Turns(3, 2, 2)
    people = [Worker(turns, patient=False) for _ in range(2)]
    assert all(each.is_in.wait(SOON_S) for each in people)
    third = Worker(turns, patient=False)
    stands_in_line(turns, 1)
    people.pop().leave()
    assert third.is_in.wait(SOON_S)
    courier = Worker(turns, patient=True)
    assert courier.is_in.wait(SOON_S), "there is room for one of the courier's beside two people"
    second = Worker(turns, patient=True)
    stands_in_line(turns, 1)
    assert not second.is_in.is_set(), "three together"
    for each in (third, courier, *people):
        each.leave()
    assert second.is_in.wait(SOON_S)
    second.leave()


def test_a_turn_that_is_held_for_long_stops_nobody_where_turns_only_save_work() -> None:
    turns = Turns(1, 1, 1, limit_s=0.05)
    with somebody_in(turns):
        other = Worker(turns, patient=False)
        assert other.is_in.wait(SOON_S)
        other.leave()
    with somebody_in(turns):
        pass


def test_without_a_connection_left_the_database_is_away(postgresql_url: str) -> None:
    db = Database(postgresql_url, Cipher([Fernet.generate_key().decode()]), waits_s=0)
    with ExitStack() as busy:
        for _ in range(CONNECTIONS):
            busy.enter_context(db.read())
        for one_more in (db.read, db.begin):
            with pytest.raises(OperationalError), one_more():
                pass
    with db.begin() as tx:
        assert tx.execute(text("select 1")).scalar_one() == 1
    db.close()
