"""The sandbox's time: the real time plus an offset that tests move."""

import asyncio
import time


class Clock:
    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset
        self._moved = asyncio.Event()

    def now(self) -> float:
        return time.time() + self.offset

    def move(self, offset: float) -> None:
        """Sets the offset and wakes everybody who sleeps on this clock."""
        self.offset = offset
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Waits until this clock shows `seconds` more than now, however it gets there."""
        until = self.now() + seconds
        while (left := until - self.now()) > 0:
            try:
                await asyncio.wait_for(self._moved.wait(), left)
            except TimeoutError:
                continue
