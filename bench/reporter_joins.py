"""Submit -> the reporter is in the incident's channel, when each call to Slack takes 120 ms."""

import time
from collections.abc import Iterator

from bench import databases, figures
from bench.figures import Line
from bench.workspace import BOT, SLACK_S, Workspace, answers, workspace

MOST_CALLS = 2.5


def measure(kind: str, quick: bool) -> Iterator[Line]:
    """From pressing the button to the invitation's effect, in calls to Slack."""
    with databases.database(kind) as url, workspace(BOT, {"DATABASE_URL": url}) as place:
        _report(place, 0)
        place.slow_down()
        took = figures.of([_report(place, number + 1) for number in range(4 if quick else 20)])
    calls = took.median / (SLACK_S * 1000)
    bound = f"<= {MOST_CALLS} calls"
    yield Line(f"reporter joins, 120 ms, {kind}", took, figures.of([SLACK_S * 1000]), calls, bound, calls <= MOST_CALLS)


def _report(place: Workspace, number: int) -> float:
    place.open_form("ada")
    place.http.delete("calls")
    began = time.monotonic()
    place.act("act/submit", user="ada", values=answers(f"Payments fail at checkout {number}"))
    time.sleep(3 * SLACK_S)  # looking costs the sandbox time: not while it is measured
    assert place.is_quiet(400)
    (invited,) = [call for call in place.calls("conversations.invite") if call["took_effect"]]
    assert "U0ADA" in str(invited["args"])
    place.act("act/close", user="ada", all=True)
    return float(invited["at"][1] - began) * 1000
