"""Version 3: searching among very many runs, imported and redacted runs, sealed pictures, exact recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from footage.storage.schema.v3_exact import add_exact
from footage.storage.schema.v3_exports import add_exports
from footage.storage.schema.v3_imports import add_imports
from footage.storage.schema.v3_pictures import add_sealing
from footage.storage.schema.v3_search import add_search

if TYPE_CHECKING:
    from sqlite_utils import Database

__all__ = ["create"]


def create(db: Database) -> None:
    """Add what version 3 adds."""
    add_search(db)
    add_exact(db)
    add_imports(db)
    add_exports(db)
    add_sealing(db)
