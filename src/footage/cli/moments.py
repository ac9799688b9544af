"""Moments as people give them: `7d` ago, `2026-11-01`, `2026-11-01T09:30`."""

from __future__ import annotations

import re
import time
from datetime import datetime

import click

__all__ = ["MOMENT", "Moment"]

_SECONDS = {"min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


class Moment(click.ParamType[int]):
    """Nanoseconds since 1970, from a date, a date with a time (of this place, unless it says), or a time ago."""

    name = "when"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read what was given; fails with a usage error that says what can be."""
        if isinstance(value, int):
            return value
        ago = re.fullmatch(r"(\d{1,6})(min|h|d|w)", value.strip())
        if ago:
            return time.time_ns() - int(ago[1]) * _SECONDS[ago[2]] * 1_000_000_000
        try:
            return int(datetime.fromisoformat(value.strip()).timestamp()) * 1_000_000_000
        except (ValueError, OverflowError, OSError):
            self.fail(f"{value!r} is no moment: give 30min, 12h, 7d, 2026-11-01 or 2026-11-01T09:30.", param, ctx)


MOMENT = Moment()
"""For `click.option(type=MOMENT)`."""
