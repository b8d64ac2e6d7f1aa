"""`/incident` -> the form is open, beside a Bolt app that does nothing else."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import databases, figures
from bench.figures import Line
from bench.workspace import BOT, Workspace, workspace

WARM_UP = 20


def measure(kind: str, quick: bool) -> Iterator[Line]:
    """What the person waits, from the command to its acknowledgement, which both give when the form stands."""
    with ExitStack() as stack:
        url = stack.enter_context(databases.database(kind))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hotline-bench-")))
        ours = stack.enter_context(workspace(BOT, {"DATABASE_URL": url}))
        form = folder / "form.json"
        form.write_text(json.dumps(form_of(ours)))
        theirs = stack.enter_context(workspace(("bench.bare_bolt",), {"BENCH_FORM": str(form)}))
        _in_turn(ours, theirs, WARM_UP)
        yield _line(f"form opens, {kind}", *_in_turn(ours, theirs, 40 if quick else 250), most=1.5)
        for place in (ours, theirs):
            place.slow_down()
        yield _line(f"form opens, 120 ms, {kind}", *_in_turn(ours, theirs, 5 if quick else 40), most=1.1)


def form_of(place: Workspace) -> Any:
    """The form that our bot opens, so that theirs has the same size."""
    place.open_form("lin")
    place.act("act/close", user="lin", all=True)
    view = place.calls("views.open")[-1]["args"]["view"]
    return json.loads(view) if isinstance(view, str) else view


def _in_turn(ours: Workspace, theirs: Workspace, times: int) -> tuple[list[float], list[float]]:
    took: dict[Workspace, list[float]] = {ours: [], theirs: []}
    for number in range(times):
        for place in (ours, theirs) if number % 2 else (theirs, ours):
            _, ms = place.open_form("lin")
            took[place].append(ms)
            place.act("act/close", user="lin", all=True)
    return took[ours], took[theirs]


def _line(name: str, ours: list[float], theirs: list[float], most: float) -> Line:
    mine, other = figures.of(ours), figures.of(theirs)
    ratio = mine.median / other.median
    return Line(name, mine, other, ratio, f"<= {most} x", ratio <= most)
