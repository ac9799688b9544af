"""Version 4: what a picture looks like from afar, so that runs are aligned without loading their pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database

__all__ = ["create"]


def create(db: Database) -> None:
    """Add to a picture its signature (`storage/pictures/signatures.py`); NULL where none was asked for yet."""
    db.table("picture").add_column("signature", bytes)
