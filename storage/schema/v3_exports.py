"""Of version 3: files within exported stores, and what was redacted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from footage.storage.schema.tables import instant, table

if TYPE_CHECKING:
    from sqlite_utils import Database

__all__ = ["add_exports"]


def add_exports(db: Database) -> None:
    """Add the pieces of files that travel within a store, the list of redactions, and the marks they leave."""
    # In exported files only: an artefact that lies not beside the store but in it, piece by piece.
    table(
        db,
        "artefact_piece",
        {"artefact": int, "number": int, "piece": bytes},
        required={"artefact", "number", "piece"},
        references={"artefact": "artefact"},
        unique=("artefact", "number"),
    )
    # What was taken out of a family, and whether the file has been proved clean of it since. Never what it was.
    table(
        db,
        "redaction",
        {"family": int, "number": int, "kind": str, "state": str, "about": str, **instant("at")},
        required={"family", "number", "kind", "state", "about"},
        references={"family": "family"},
        unique=("family", "number"),
    )
    db.table("step").add_column("redacted", int)  # 1 where the action's text has a mark instead of what was typed
    db.table("frame").add_column("redacted_regions", str)  # JSON: the regions of the screen that were painted over
