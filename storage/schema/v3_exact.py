"""Of version 3: exact recordings, and the instants of frames and steps in them as instruction counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from footage.storage.schema.tables import table

if TYPE_CHECKING:
    from sqlite_utils import Database

__all__ = ["add_exact"]


def add_exact(db: Database) -> None:
    """Add the tables of exact recordings, and the columns that place frames and steps in them."""
    db.table("frame").add_column("icount", int)
    db.table("step").add_column("icounts", str)  # JSON: before the first input event, and after each
    table(
        db,
        "exact",
        {
            "run": int,
            "log": int,  # the artefact
            "end_icount": int,
            "facts": str,  # JSON: hashes, command line; what must be the same again
            "timeline": bytes,  # zlib, JSON [[icount, monotonic ns], ...]
        },
        required={"run", "log", "end_icount", "facts", "timeline"},
        references={"run": "run", "log": "artefact"},
        unique=("run",),
        indexes=(("log",),),
    )
    table(
        db,
        "checkpoint",
        {"run": int, "name": str, "icount": int, "step": int, "artefact": int},
        required={"run", "name", "icount", "artefact"},
        references={"run": "run", "artefact": "artefact"},
        unique=("run", "name"),
        indexes=(("artefact",),),
    )
