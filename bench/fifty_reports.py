"""Fifty reports within a second, each call to Slack 120 ms, beside a default Bolt app that calls in its listener."""

import json
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench import databases, figures
from bench.figures import Line
from bench.workspace import BOT, Json, Workspace, answers, reporter, workspace

REPORTS = 50
WITHIN_S = 1.0
ANNOUNCEMENTS = "C0INCIDENTS"
WHAT_BELONGS_TO_IT = ("create", "invite", "setTopic", "setPurpose", "card", "pin", "announcement", "link")


@dataclass(frozen=True)
class Round:
    """What became of fifty reports: milliseconds until each form was answered, and until each channel was complete."""

    answered: list[float]
    complete: list[float]
    last: float  # from the first submit until all of them were
    lost: int


def measure(kind: str, quick: bool) -> Iterator[Line]:
    """Worst answer to a form; and until every channel is complete, in turn with theirs."""
    with ExitStack() as stack:
        url = stack.enter_context(databases.database(kind))
        ours = stack.enter_context(workspace(BOT, {"DATABASE_URL": url}, REPORTS))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hotline-bench-")))
        content = folder / "content.json"
        content.write_text(json.dumps(_content(ours)))
        theirs = stack.enter_context(workspace(("bench.default_bolt",), {"BENCH_CONTENT": str(content)}, REPORTS))
        mine, other = [], []
        for number in range(1 if quick else 2):
            mine.append(_fifty(ours, number))
            other.append(_fifty(theirs, number))
    answered = figures.of([ms for each in mine for ms in each.answered])
    their_answers = figures.of([ms for each in other for ms in each.answered])
    name = f"{REPORTS} reports, 120 ms, {kind}"
    yield Line(f"{name}: answer", answered, their_answers, None, "worst <= 500 ms", answered.worst <= 500)
    complete = figures.of([ms for each in mine for ms in each.complete])
    their_channels = figures.of([ms for each in other for ms in each.complete])
    ratio = sum(each.last for each in mine) / sum(each.last for each in other)
    yield Line(f"{name}: every channel complete", complete, their_channels, ratio, "<= 0.33 x", ratio <= 1 / 3)
    lost = figures.of([float(each.lost) for each in mine])
    their_losses = figures.of([float(each.lost) for each in other])
    yield Line(f"{name}: lost (count)", lost, their_losses, None, "0", lost.worst == 0)


def _content(place: Workspace) -> Json:
    """What our bot says of a report, so that theirs says as much."""
    view, _ = place.open_form(reporter(0))
    place.act("act/submit", user=reporter(0), values=answers("A first report"))
    assert place.is_quiet(800)
    posts = [call["args"] for call in place.calls("chat.postMessage")]
    card = next((post for post in posts if post["channel"] != ANNOUNCEMENTS), None)
    assert card, "our bot has not posted a card"
    (invitation,) = [call["args"] for call in place.calls("conversations.invite")]
    (purpose,) = [call["args"]["purpose"] for call in place.calls("conversations.setPurpose")]
    opened = place.calls("views.open")[-1]["args"]["view"]
    place.act("act/close", user=reporter(0), all=True)
    assert view["callback_id"] == "report.submit"
    invited = invitation["users"]
    people = invited.split(",") if isinstance(invited, str) else invited
    return {
        "form": _plain(opened),
        "card": _plain(card["blocks"]),
        "card_text": card["text"],
        "purpose": purpose,
        "announcements": ANNOUNCEMENTS,
        "on_call": [user for user in people if user != reporter(0)],
    }


def _fifty(place: Workspace, number: int) -> Round:
    """Everybody has the form before them and then sends it, one after the other within a second."""
    place.speed_up()
    for who in range(REPORTS):
        place.act("act/command", user=reporter(who), channel="general", text="/incident")
    assert place.is_quiet()
    views = [place.get("views", user=reporter(who))[-1]["id"] for who in range(REPORTS)]
    place.http.delete("calls")
    place.slow_down()
    limits = httpx.Limits(max_connections=REPORTS, max_keepalive_connections=REPORTS)
    sent_at: list[float] = [0.0] * REPORTS
    start = threading.Event()
    with httpx.Client(base_url=place.http.base_url, timeout=30, trust_env=False, limits=limits) as http:

        def send(who: int) -> float:
            body = {"user": reporter(who), "view_id": views[who], "values": answers(_title(number, who))}
            start.wait()
            time.sleep(max(0.0, began + who * WITHIN_S / REPORTS - time.monotonic()))
            sent_at[who] = time.monotonic()
            return float(http.post("act/submit", json=body).json()["took_ms"])

        with ThreadPoolExecutor(REPORTS) as pool:
            sending = [pool.submit(send, who) for who in range(REPORTS)]
            began = time.monotonic() + 0.2
            start.set()
            answered = [each.result() for each in sending]
    assert place.is_quiet(1500, 60)
    done = _completed(place, number)
    for who in range(REPORTS):
        if place.get("views", user=reporter(who)):
            place.act("act/close", user=reporter(who), all=True)
    complete = [(at - sent) * 1000 for at, sent in zip(done, sent_at, strict=True) if at is not None]
    last = (max(at for at in done if at is not None) - sent_at[0]) * 1000
    return Round(answered, complete, last, done.count(None))


def _completed(place: Workspace, number: int) -> list[float | None]:
    """When each report's channel had everything that belongs to it; None when something is missing."""
    channels = {channel["name"]: channel for channel in place.get("state")["channels"].values()}
    calls = [call for call in place.calls() if call["took_effect"]]
    return [_completed_at(channels, calls, number, who) for who in range(REPORTS)]


def _completed_at(channels: dict[str, Json], calls: list[Json], number: int, who: int) -> float | None:
    slug = f"-{_title(number, who).lower().replace(' ', '-')}"
    channel = next((channel for name, channel in channels.items() if name.endswith(slug)), None)
    if channel is None or reporter(who) not in channel["members"] or not (channel["topic"] and channel["purpose"]):
        return None
    if len(channel["pins"]) != 1 or len(channel["members"]) < 4:
        return None
    ended: dict[str, float] = {}
    for call in calls:
        if (step := _step(call, channel)) is not None:
            ended.setdefault(step, call["at"][1])  # what is drawn again later was there already
    return max(ended.values()) if set(ended) == set(WHAT_BELONGS_TO_IT) else None


def _step(call: Json, channel: Json) -> str | None:
    """What this call did for the channel."""
    method, args = call["method"], call["args"]
    if method == "conversations.create":
        return "create" if args["name"] == channel["name"] else None
    if channel["id"] not in json.dumps(args):
        return None
    if method == "chat.postMessage":
        return "announcement" if args["channel"] == ANNOUNCEMENTS else "card"
    return {
        "conversations.invite": "invite",
        "conversations.setTopic": "setTopic",
        "conversations.setPurpose": "setPurpose",
        "pins.add": "pin",
        "views.update": "link",
    }.get(method)


def _title(number: int, who: int) -> str:
    return f"Bench round {number} report {who}"


def _plain(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value
