"""The record of what was delivered to a display, event by event."""

from __future__ import annotations

import time

from footage.trajectory import InputEvent


class InputLog:
    """Every input event since the machine started, oldest first."""

    def __init__(self) -> None:
        self.events: list[InputEvent] = []

    def add(self, kind: str, *values: str | int) -> None:
        """Note an event that has just been given to the server."""
        self.events.append(InputEvent(kind, values, time.monotonic_ns()))

    def since(self, count: int) -> tuple[InputEvent, ...]:
        """Return the events after the first `count`."""
        return tuple(self.events[count:])
