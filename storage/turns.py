"""Turns: a few work at a time, first come first served; people before the courier, since somebody waits for them."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE_S = 0.5  # so long the courier lets people go first; then it stands in line with them


class Turns:
    """Who may go on now: `together` at most, of them so many `people` and so much of the `courier`, who is patient.

    Whoever leaves hands on to the next in line, and wakes nobody else. Who has waited for `limit_s` goes on all the
    same: where turns only save work, one that is held for long must not stop everything.
    """

    def __init__(self, together: int, people: int, courier: int, limit_s: float | None = None) -> None:
        self._together = together
        self._at_most = (people, courier)  # by whether they are patient, like the next two
        self._inside = [0, 0]
        self._lines: tuple[deque[_Place], deque[_Place]] = (deque(), deque())
        self._limit_s = -1 if limit_s is None else limit_s
        self._lock = threading.Lock()
        self._mine = threading.local()

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return sum(len(line) for line in self._lines)

    @property
    def patient(self) -> int:
        """How many of those still let others go first."""
        return len(self._lines[True])

    @contextmanager
    def taken(self, patient: bool = False) -> Iterator[None]:
        """A turn. Who is patient lets others go first, for a while."""
        self._enter(patient)
        self._mine.patient = patient
        try:
            yield
        finally:
            self._mine.patient = None
            self._leave(patient)

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """Whoever has a turn here waits for something else, and lets others have it meanwhile. Nothing for the rest."""
        patient: bool | None = getattr(self._mine, "patient", None)
        if patient is None:
            yield
            return
        self._leave(patient)
        self._mine.patient = None
        try:
            yield
        finally:
            self._enter(patient)
            self._mine.patient = patient

    def _enter(self, patient: bool) -> None:
        with self._lock:
            place = _Place(patient)
            self._lines[patient].append(place)
            self._hand_on()
        if patient and place.gate.acquire(timeout=PATIENCE_S):
            return
        if patient:
            with self._lock:
                if place in self._lines[True]:  # else it was let in just now
                    self._lines[True].remove(place)
                    self._lines[False].append(place)
                    self._hand_on()
        if not place.gate.acquire(timeout=self._limit_s):
            with self._lock:
                if place in self._lines[False]:
                    self._lines[False].remove(place)
                    self._inside[patient] += 1

    def _leave(self, patient: bool) -> None:
        with self._lock:
            self._inside[patient] -= 1
            self._hand_on()

    def _hand_on(self) -> None:
        """Lets in whoever can come in now; the lock is held."""
        for line in (self._lines[False], self._lines[True]):
            while line and sum(self._inside) < self._together:
                place = next((each for each in line if self._inside[each.patient] < self._at_most[each.patient]), None)
                if place is None:
                    break
                line.remove(place)
                self._inside[place.patient] += 1
                place.gate.release()
            if line:
                return  # the courier stands behind people who wait


class _Place:
    """In line: the gate is closed until it is their turn."""

    def __init__(self, patient: bool) -> None:
        self.patient = patient
        self.gate = threading.Lock()
        self.gate.acquire()
