"""Working days and hours: China around its holidays in 2026, a company's own days, clocks that change, any moment."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.deadlines import postponed
from bot.incident import Deadline, Duty
from bot.worktime import Calendar, known_countries

CHINA = Calendar("CN", "Asia/Shanghai", time(9), time(18))
BRITAIN = Calendar("GB", "Europe/London", time(9), time(17, 30))
OURS = replace(
    CHINA,
    extra_holidays=frozenset({date(2026, 3, 4), date(2026, 2, 14)}),  # the company's birthday; no make-up Saturday
    extra_working_days=frozenset({date(2026, 3, 7), date(2026, 2, 23)}),
)


def at(written: str, calendar: Calendar = CHINA) -> datetime:
    """A moment as the clock on the calendar's wall shows it."""
    return datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(calendar.timezone))


def days(month: int, first: int, last: int) -> list[date]:
    return [date(2026, month, day) for day in range(first, last + 1)]


@pytest.mark.parametrize(
    "day",
    [
        *days(1, 1, 3),
        *days(2, 15, 23),  # Spring Festival
        *days(4, 4, 6),
        *days(5, 1, 5),
        *days(6, 19, 21),
        *days(9, 25, 27),
        *days(10, 1, 7),  # National Day
        date(2026, 3, 7),  # any Saturday
        date(2026, 3, 8),
    ],
)
def test_china_rests_on_the_days_the_state_council_names_and_on_weekends(day: date) -> None:
    assert not CHINA.is_working_day(day)


@pytest.mark.parametrize(
    "day",
    [
        date(2026, 1, 4),
        date(2026, 2, 14),
        date(2026, 2, 28),
        date(2026, 5, 9),
        date(2026, 9, 20),
        date(2026, 10, 10),
        date(2026, 2, 13),  # any Friday
        date(2026, 2, 24),
        date(2026, 9, 30),
        date(2026, 10, 8),
    ],
)
def test_china_works_on_weekdays_and_makes_up_for_holidays_at_weekends(day: date) -> None:
    assert CHINA.is_working_day(day)


def test_other_years_have_their_own_days() -> None:
    assert CHINA.is_working_day(date(2025, 2, 8))
    assert not CHINA.is_working_day(date(2026, 2, 8))
    assert CHINA.is_working_day(date(2011, 12, 31)), "made up for in the year before the holiday"


@pytest.mark.parametrize(
    ("calendar", "day", "works"),
    [
        (OURS, date(2026, 3, 4), False),
        (CHINA, date(2026, 3, 4), True),
        (OURS, date(2026, 2, 14), False),
        (OURS, date(2026, 3, 7), True),
        (OURS, date(2026, 2, 23), True),
        (OURS, date(2026, 2, 20), False),
        (BRITAIN, date(2026, 12, 28), False),  # Boxing Day is a Saturday
        (BRITAIN, date(2026, 2, 14), False),
        (BRITAIN, date(2026, 2, 17), True),
    ],
)
def test_a_companys_own_days_win_and_countries_differ(calendar: Calendar, day: date, works: bool) -> None:
    assert calendar.is_working_day(day) is works


@pytest.mark.parametrize(
    ("written", "opening"),
    [
        ("2026-02-13 08:59:59", "2026-02-13 09:00"),
        ("2026-02-13 09:00", None),
        ("2026-02-13 17:59:59", None),
        ("2026-02-13 18:00", "2026-02-14 09:00"),  # a make-up Saturday
        ("2026-02-14 00:00", "2026-02-14 09:00"),
        ("2026-02-14 12:00", None),
        ("2026-02-14 18:00", "2026-02-24 09:00"),
        ("2026-02-17 12:00", "2026-02-24 09:00"),
        ("2026-02-28 12:00", None),
        ("2026-02-28 23:00", "2026-03-02 09:00"),
        ("2026-09-30 20:00", "2026-10-08 09:00"),
        ("2026-12-31 20:00", "2027-01-04 09:00"),
    ],
)
def test_outside_of_working_time_the_next_opening_is_meant(written: str, opening: str | None) -> None:
    moment = at(written)
    assert CHINA.is_working_time(moment) is (opening is None)
    assert CHINA.next_working(moment) == at(opening or written)


@pytest.mark.parametrize(
    ("start", "number", "due"),
    [
        ("2026-02-13 17:00", 0, "2026-02-13 17:00"),
        ("2026-02-13 17:00", 1, "2026-02-14 17:00"),
        ("2026-02-13 17:00", 2, "2026-02-24 17:00"),
        ("2026-02-13 17:00", 3, "2026-02-25 17:00"),
        ("2026-02-13 18:00", 3, "2026-02-26 09:00"),  # closed: counted from Saturday's opening
        ("2026-02-13 08:00", 3, "2026-02-25 09:00"),
        ("2026-02-17 12:00", 0, "2026-02-24 09:00"),
        ("2026-02-17 12:00", 1, "2026-02-25 09:00"),
        ("2026-02-27 10:30", 1, "2026-02-28 10:30"),
        ("2026-02-27 10:30", 2, "2026-03-02 10:30"),
        ("2026-09-18 10:00", 1, "2026-09-20 10:00"),  # a make-up Sunday
        ("2026-09-24 10:00", 1, "2026-09-28 10:00"),
        ("2026-09-30 10:00", 1, "2026-10-08 10:00"),
        ("2026-09-30 10:00", 3, "2026-10-10 10:00"),
        ("2026-09-30 10:00", 4, "2026-10-12 10:00"),
        ("2025-12-31 10:00", 1, "2026-01-04 10:00"),
    ],
)
def test_working_days_are_added_at_the_same_time_of_day(start: str, number: int, due: str) -> None:
    assert CHINA.add_days(at(start), number) == at(due)


@pytest.mark.parametrize(
    ("due", "number", "before"),
    [
        ("2026-02-25 17:00", 1, "2026-02-24 17:00"),
        ("2026-02-25 17:00", 2, "2026-02-14 17:00"),
        ("2026-02-25 17:00", 3, "2026-02-13 17:00"),
        ("2026-02-17 12:00", 1, "2026-02-14 09:00"),  # as if due at the next opening
        ("2026-10-08 09:00", 1, "2026-09-30 09:00"),
        ("2026-01-04 10:00", 1, "2025-12-31 10:00"),
    ],
)
def test_working_days_are_subtracted_for_reminders(due: str, number: int, before: str) -> None:
    assert CHINA.subtract_days(at(due), number) == at(before)


def test_a_companys_own_days_count_when_adding() -> None:
    assert OURS.add_days(at("2026-02-13 17:00"), 3) == at("2026-02-25 17:00")  # 23, 24, 25
    assert OURS.add_days(at("2026-03-03 17:00"), 3) == at("2026-03-07 17:00")


@pytest.mark.parametrize(
    ("start", "number", "due"),
    [
        ("2026-03-27T16:00Z", 1, "2026-03-30T15:00Z"),  # at 16:00 on both Friday and Monday, an hour less lies between
        ("2026-03-28T12:00Z", 1, "2026-03-31T08:00Z"),
        ("2026-10-23T15:00Z", 1, "2026-10-26T16:00Z"),
        ("2026-10-23T15:00Z", 0, "2026-10-23T15:00Z"),
        (
            "2026-04-02T08:00Z",
            1,
            "2026-04-07T08:00Z",
        ),  # Easter Monday is not a holiday of the whole kingdom: a company names it
    ],
)
def test_the_clock_on_the_wall_counts_when_clocks_change(start: str, number: int, due: str) -> None:
    british = replace(BRITAIN, extra_holidays=frozenset({date(2026, 4, 6)}))
    added = british.add_days(datetime.fromisoformat(start), number)
    assert added == datetime.fromisoformat(due)
    assert added.tzinfo is UTC


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 3, 4, 1, tzinfo=UTC),
        datetime(2026, 3, 3, 20, tzinfo=timezone(timedelta(hours=-5))),
        at("2026-03-04 09:00"),
    ],
)
def test_a_moment_is_the_same_in_each_time_zone(moment: datetime) -> None:
    assert CHINA.is_working_time(moment)
    for result in (CHINA.next_working(moment), CHINA.add_days(moment, 0), CHINA.subtract_days(moment, 0)):
        assert result == datetime(2026, 3, 4, 1, tzinfo=UTC)
        assert result.tzinfo is UTC


def test_what_makes_no_sense_is_refused() -> None:
    naive = datetime(2026, 3, 4, 10)  # noqa: DTZ001 - that is the mistake
    for ask in (CHINA.is_working_time, CHINA.next_working):
        with pytest.raises(ValueError, match="no time zone"):
            ask(naive)
    for count in (CHINA.add_days, CHINA.subtract_days):
        with pytest.raises(ValueError, match="no time zone"):
            count(naive, 1)
        with pytest.raises(ValueError, match="0 or more"):
            count(at("2026-03-04 10:00"), -1)
    with pytest.raises(ValueError, match="later in the day"):
        replace(CHINA, closes=time(9))
    with pytest.raises(ValueError, match="2026-03-07 can't be both"):
        replace(OURS, extra_holidays=OURS.extra_working_days - {date(2026, 2, 23)})


def test_countries_are_known_by_their_iso_code() -> None:
    assert {"CN", "GB", "JP", "US"} <= set(known_countries())
    assert not {"cn", "UK", "CHN", "China", "XX", ""} & set(known_countries())


# Between 6 and 22 o'clock: no zone here changes its clocks then, so that each time of day is there once a day.
HOURS = st.tuples(st.times(time(6), time(22)), st.times(time(6), time(22))).map(sorted).filter(lambda h: h[0] < h[1])
DATES = st.dates(date(2024, 1, 1), date(2030, 12, 31))
ZONES = ["Asia/Shanghai", "Europe/London", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "UTC"]
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
SOME_DAYS = st.integers(0, 30)

# However busy the machine is, and the same moments in each run: red means that somebody changed something.
steadily = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    opens, closes = draw(HOURS)
    rests, works = draw(st.frozensets(DATES, max_size=5)), draw(st.frozensets(DATES, max_size=5))
    country, zone = draw(st.sampled_from(["CN", "GB", "US", "SA", "JP"])), draw(st.sampled_from(ZONES))
    return Calendar(country, zone, opens, closes, rests - works, works)


@steadily
@given(calendars(), MOMENTS)
def test_the_next_working_moment_is_the_first_one(calendar: Calendar, moment: datetime) -> None:
    found = calendar.next_working(moment)
    assert calendar.is_working_time(found)
    assert found >= moment
    assert calendar.next_working(found) == found
    if found > moment:
        assert not calendar.is_working_time(moment)
        assert not calendar.is_working_time(found - timedelta(microseconds=1))
        assert not calendar.is_working_time(moment + (found - moment) / 2)


@steadily
@given(calendars(), MOMENTS, SOME_DAYS)
def test_days_added_or_subtracted_end_in_working_time_and_never_on_closing(
    calendar: Calendar, moment: datetime, number: int
) -> None:
    for counted in (calendar.add_days(moment, number), calendar.subtract_days(moment, number)):
        assert calendar.is_working_time(counted)
        assert calendar.is_working_day(counted.astimezone(ZoneInfo(calendar.timezone)).date())
        assert counted.tzinfo is UTC


@steadily
@given(calendars(), MOMENTS, MOMENTS, SOME_DAYS)
def test_what_starts_later_is_due_no_earlier(calendar: Calendar, one: datetime, other: datetime, number: int) -> None:
    first, second = sorted((one, other))
    assert calendar.add_days(first, number) <= calendar.add_days(second, number)
    assert calendar.subtract_days(first, number) <= calendar.subtract_days(second, number)


@steadily
@given(calendars(), MOMENTS, SOME_DAYS)
def test_more_days_end_later(calendar: Calendar, moment: datetime, number: int) -> None:
    assert calendar.add_days(moment, number) < calendar.add_days(moment, number + 1)
    assert calendar.add_days(calendar.add_days(moment, number), 1) == calendar.add_days(moment, number + 1)


@steadily
@given(calendars(), MOMENTS, SOME_DAYS)
def test_subtracting_undoes_adding(calendar: Calendar, moment: datetime, number: int) -> None:
    working = calendar.next_working(moment)
    assert calendar.subtract_days(calendar.add_days(working, number), number) == working
    assert calendar.add_days(calendar.subtract_days(working, number), number) == working


@pytest.mark.parametrize(
    ("now", "due", "again"),
    [
        ("2026-03-11T17:01", "2026-03-12T17:00", "2026-03-12T09:00"),  # half of it would be five in the morning
        ("2026-03-11T10:00", "2026-03-11T18:00", "2026-03-11T14:00"),
        ("2026-03-11T17:50", "2026-03-12T08:00", "2026-03-12T00:55"),  # the morning would be too late
    ],
)
def test_what_is_counted_in_working_days_is_put_off_into_working_time(now: str, due: str, again: str) -> None:
    running = Deadline(
        id=1,
        incident_id=1,
        duty=Duty.POSTMORTEM,
        owner_id="U1",
        started_at=at("2026-03-10T09:00"),
        due_at=at(due),
        escalate_every_s=86400,
        moments=(),
        next_nudge_at=None,
    )
    later = postponed(running, at(now), CHINA)
    assert later is not None
    assert later.next_nudge_at == at(again)
    plain = postponed(running, at(now))
    assert plain is not None
    assert plain.next_nudge_at == at(now) + timedelta(minutes=int((at(due) - at(now)).total_seconds() // 120))
