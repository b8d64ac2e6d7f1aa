"""Working days and hours: when a day's work that is owed "within three working days" is due.

A country's weekends, public holidays and make-up working days come from the `holidays` library, as far as they are
published: China announces each year's in the November before. What a company adds wins over it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Calendar:
    """When a company works. Opening belongs to the working time, closing no longer does.

    A working day counts the same whatever the clocks do: what follows at 17:00 is at 17:00 on the wall.
    """

    country: str
    timezone: str
    opens: time
    closes: time
    extra_holidays: frozenset[date] = frozenset()
    extra_working_days: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if self.opens >= self.closes:
            raise ValueError(f"closes ({self.closes:%H:%M}) must be later in the day than opens ({self.opens:%H:%M})")
        if both := sorted(self.extra_holidays & self.extra_working_days):
            raise ValueError(f"{both[0]} can't be both an extra holiday and an extra working day")

    def is_working_day(self, day: date) -> bool:
        if day in self.extra_holidays:
            return False
        return day in self.extra_working_days or _table(self.country, day.year).is_working_day(day)

    def is_working_time(self, at: datetime) -> bool:
        local = self._local(at)
        return self.is_working_day(local.date()) and self.opens <= local.time() < self.closes

    def next_working(self, at: datetime) -> datetime:
        """`at` itself in working time, otherwise the next opening."""
        if self.is_working_time(at):
            return at.astimezone(UTC)
        local = self._local(at)
        day = local.date() if local.time() < self.opens else local.date() + DAY
        return self.at(self._first_working_day(day, DAY), self.opens)

    def add_days(self, at: datetime, days: int) -> datetime:
        """The same time of day on the n-th following working day; outside of working time, counted from the opening."""
        return self._same_time(at, days, DAY)

    def subtract_days(self, at: datetime, days: int) -> datetime:
        """The same time of day on the n-th preceding working day.

        Outside of working time it is counted from the next opening, as adding does: one day before noon on Sunday is
        Friday's opening.
        """
        return self._same_time(at, days, -DAY)

    def opening(self, day: date) -> datetime:
        """When work begins on a day; on the next working day when it is none."""
        return self.at(self._first_working_day(day, DAY), self.opens)

    def closing(self, day: date) -> datetime:
        """When a day ends for whoever works: what is due on that day is due by then. Days off have an end too."""
        return self.at(day, self.closes)

    def day_of(self, at: datetime) -> date:
        """Which day it is for the company."""
        return self._local(at).date()

    def _same_time(self, at: datetime, days: int, step: timedelta) -> datetime:
        if days < 0:
            raise ValueError(f"a number of working days is 0 or more, not {days}")
        start = self._local(self.next_working(at))
        day = start.date()
        for _ in range(days):
            day = self._first_working_day(day + step, step)
        return self.at(day, start.time())

    def _first_working_day(self, day: date, step: timedelta) -> date:
        while not self.is_working_day(day):
            day += step
        return day

    def _local(self, at: datetime) -> datetime:
        if at.utcoffset() is None:
            raise ValueError(f"{at} has no time zone")
        return at.astimezone(ZoneInfo(self.timezone))

    def at(self, day: date, clock: time) -> datetime:
        """A time of a day, as the company's clocks show it."""
        return datetime.combine(day, clock, ZoneInfo(self.timezone)).astimezone(UTC)


def known_countries() -> Collection[str]:
    """The ISO codes (two capital letters) that a calendar can have."""
    return holidays.list_supported_countries(include_aliases=False).keys()


@lru_cache(maxsize=256)
def _table(country: str, year: int) -> holidays.HolidayBase:
    # Without `expand` a table only ever has its year: several threads may read it.
    return holidays.country_holidays(country, years=year, expand=False)
