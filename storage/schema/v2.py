"""Version 2: what passed a proxy and is no exchange with the Messages API; turns by their replies' ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from footage.storage.schema.tables import instant, table

if TYPE_CHECKING:
    from sqlite_utils import Database

__all__ = ["create"]


def create(db: Database) -> None:
    """Add the table of raw exchanges, and an index on turns."""
    table(
        db,
        "raw_exchange",
        {
            "run": int,
            "method": str,
            "path": str,  # with its query, without keys
            "status": int,  # NULL where no response came
            "error": str,
            "request_headers": str,  # JSON object
            "request": bytes,  # the first bytes of the body
            "request_bytes": int,  # how many it had
            "response_headers": str,
            "response": bytes,
            "response_bytes": int,
            **instant("started"),
            **instant("ended"),
        },
        required={"run", "method", "path", "error", "request_bytes", "response_bytes"},
        references={"run": "run"},
        indexes=(("run",),),
    )
    db.table("turn").create_index(["run", "response_id"])
