"""Why something could not be read, said to people: what was raised, without the names that only code knows."""

from __future__ import annotations

import sqlite3

from footage.errors import FootageError
from footage.interchange.importers.safety.files import shown

__all__ = ["on_a_line", "reason_of"]


def reason_of(error: BaseException) -> str:
    """Return why something could not be read, as the end of a sentence, on one line."""
    if isinstance(error, FootageError):
        return error.message.rstrip(".")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, KeyError) and error.args:
        return f"there is no {shown(str(error.args[0]))!r}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "it asks for too much memory"
    if isinstance(error, sqlite3.Error):
        return f"SQLite says: {shown(str(error))}"
    return f"it is not of the usual form ({shown(str(error))})"


def on_a_line(reason: str) -> str:
    """Return a reason as a report may show it: control characters of foreign names escaped, not too long."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode("ascii") for c in reason)
    return text if len(text) <= 600 else f"{text[:500]} … {text[-80:]}"
