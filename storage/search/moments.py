"""Moments as people give them: `7d` ago, `2026-11-01`, `2026-11-01T09:30`."""

from __future__ import annotations

import re
import time
from datetime import datetime

from footage.errors import UsageError

__all__ = ["moment_ns"]

_SECONDS = {"min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def moment_ns(text: str) -> int:
    """
    Return nanoseconds since 1970, for a date, a date with a time (of this place, unless it says), or a time ago.

    Raises UsageError, which says what can be given.
    """
    ago = re.fullmatch(r"(\d{1,6})(min|h|d|w)", text.strip())
    if ago:
        return time.time_ns() - int(ago[1]) * _SECONDS[ago[2]] * 1_000_000_000
    try:
        return int(datetime.fromisoformat(text.strip()).timestamp()) * 1_000_000_000
    except (ValueError, OverflowError, OSError) as error:
        can_be = "30min, 12h, 7d, 2026-11-01 or 2026-11-01T09:30"
        raise UsageError(f"{text!r} is no moment: give {can_be}.", hint="Times are those of this place.") from error
