"""Small pieces of text: safe for a terminal, and in people's terms."""

from __future__ import annotations

import time
import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from footage.trajectory import Instant

__all__ = ["ago", "clean", "counted", "duration", "iso", "shortened", "size"]

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean(text: str, *, keep: str = "\n\t") -> str:
    """
    Return a text that cannot steer a terminal; what was recorded is hostile input.

    Control characters and those that turn the writing direction are shown by their number, as Python writes them.
    """
    return "".join(
        character
        if character in keep or (unicodedata.category(character) != "Cc" and character not in _BIDI)
        else ascii(character)[1:-1]
        for character in text
    )


def shortened(text: str, width: int) -> str:
    """Return a text on one line of at most `width` characters."""
    line = clean(" ".join(text.split()), keep="")
    return line if len(line) <= width else line[: width - 1].rstrip() + "…"


def iso(instant: Instant | None) -> str | None:
    """Return the wall clock of an instant in ISO 8601, UTC, with milliseconds; None for None."""
    if instant is None:
        return None
    return datetime.fromtimestamp(instant.wall_ns / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ago(instant: Instant) -> str:
    """Return how long ago an instant was: "just now", "3 min ago", "2 h ago", "5 days ago", or the date."""
    seconds = time.time() - instant.wall_ns / 1e9
    if seconds < 10:
        return "just now"
    for limit, unit, name in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h"), (14 * 86400, 86400, "days")):
        if seconds < limit:
            count = int(seconds // unit)
            return f"{count} {'day' if name == 'days' and count == 1 else name} ago"
    return datetime.fromtimestamp(instant.wall_ns / 1e9).astimezone().strftime("%Y-%m-%d")


def counted(number: int, what: str) -> str:
    """Return a number of things, in the plural but for one: `1 step`, `1,204 steps`, `2 families`, `3 atlases`."""
    many = f"{what[:-1]}ies" if what.endswith("y") else f"{what}es" if what.endswith("s") else f"{what}s"
    return f"{number:,} {what if number == 1 else many}"


def duration(milliseconds: float | None) -> str:
    """Return a duration in people's terms: "84 ms", "1.4 s", "3 min 20 s"; "" for None."""
    if milliseconds is None:
        return ""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


def size(count: int) -> str:
    """Return a number of bytes in people's terms: "512 bytes", "3.4 MB" (of a million bytes)."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"
