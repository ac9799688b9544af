"""Where imported runs came from, so that importing twice adds nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database

__all__ = ["add_imports"]


def add_imports(db: Database) -> None:
    """Add to a run what names the recording that it was imported from; NULL for all others."""
    run = db.table("run")
    run.add_column("origin", str)  # a hash of the format and of the bytes that tell the run
    run.create_index(["origin"], unique=True)
