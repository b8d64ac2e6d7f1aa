"""How the sandbox misbehaves when it is told to: slow, rate limited, broken, silent, or holding a call back."""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

KINDS = {
    "latency", "ratelimited", "http_error", "error", "error_after", "drop_before", "drop_after", "hold_before",
    "hold_after",
}  # fmt: skip


# key -> (its kind, the least that makes sense, in words)
SENSE: dict[str, tuple[Any, float | None, str]] = {
    "method": (str, None, "the name of a method, or * for all"),
    "seconds": (int | float, 0, "a number of seconds"),
    "retry_after": (int, 0, "a whole number of seconds"),
    "status": (int, 100, "an HTTP status"),
    "error": (str, None, "one of Slack's error codes"),
    "skip": (int, 0, "a whole number"),
    "count": (int, 1, "a whole number, 1 or more"),
    "match": (dict, None, "an object: argument -> value"),
    "sockets": (bool, None, "true or false"),
}


@dataclass(eq=False)
class Fault:
    """Hits calls of `method` (* is all) after the first `skip` of them, `count` times or (None) for ever."""

    id: int
    method: str
    kind: str
    seconds: float = 0.0
    retry_after: int = 1
    status: int = 503
    error: str = "internal_error"
    skip: int = 0
    count: int | None = None
    match: dict[str, Any] = field(default_factory=dict)
    sockets: bool = False
    hits: int = 0
    holding: int = 0
    seen: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def hit_by(self, method: str, args: dict[str, Any]) -> bool:
        if self.method not in {"*", method} or (self.count is not None and self.hits >= self.count):
            return False
        if any(str(args.get(key)) != str(value) for key, value in self.match.items()):
            return False
        self.seen += 1
        if self.seen <= self.skip:
            return False
        self.hits += 1
        return True

    def to_json(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key not in {"released", "seen"}}


def _is(value: Any, kind: Any, low: float | None) -> bool:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        return False
    return low is None or bool(value >= low)


class Faults:
    def __init__(self) -> None:
        self.all: dict[int, Fault] = {}
        self._ids = itertools.count(1)

    def add(self, **wanted: Any) -> Fault:
        """Raises ValueError with a sentence when it makes no sense."""
        if str(wanted.get("kind")) not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(sorted(KINDS))}")
        if wanted.get("method") is None:
            raise ValueError("method is required (* means all)")
        known = {"method", "kind", "seconds", "retry_after", "status", "error", "skip", "count", "match", "sockets"}
        if strange := set(wanted) - known:
            raise ValueError(f"unknown: {', '.join(sorted(strange))}")
        wanted = {key: value for key, value in wanted.items() if value is not None}
        for key, (kind, low, what) in SENSE.items():
            if key in wanted and not _is(wanted[key], kind, low):
                raise ValueError(f"{key} must be {what}")
        fault = Fault(next(self._ids), **wanted)
        self.all[fault.id] = fault
        return fault

    def remove(self, id_: int | None = None) -> int:
        """Removes one or all; held calls go on. Returns how many were removed."""
        gone = [f for f in self.all.values() if id_ is None or f.id == id_]
        for fault in gone:
            fault.released.set()
            del self.all[fault.id]
        return len(gone)

    def hitting(self, method: str, args: dict[str, Any]) -> Iterator[Fault]:
        for fault in list(self.all.values()):
            if fault.hit_by(method, args):
                yield fault

    def sockets_down(self) -> bool:
        return any(f.sockets for f in self.all.values())
