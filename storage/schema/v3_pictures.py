"""Of version 3: which atlases were compressed again after their run, and how well."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database

__all__ = ["add_sealing"]


def add_sealing(db: Database) -> None:
    """Add to an atlas the WebP method it was sealed with; NULL as it was recorded."""
    db.table("atlas").add_column("sealed", int)
