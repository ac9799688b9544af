"""Version 5: whose model API a turn was asked by, so that its request and its reply are read and written as such."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database

__all__ = ["create"]


def create(db: Database) -> None:
    """Add to a turn the name of its provider; NULL is Anthropic's, the only one before."""
    db.table("turn").add_column("provider", str)
