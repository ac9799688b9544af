"""The marks that a redaction leaves, handed on to runs that are made from a redacted one."""

from __future__ import annotations

from collections.abc import Sequence

from footage.storage.requests.chains import dump_json
from footage.storage.store import Store
from footage.trajectory import Region

__all__ = ["mark_frame", "mark_step"]


def mark_step(store: Store, run: str, index: int) -> None:
    """Note that a step's action has marks in the place of what is typed."""
    sql = "UPDATE step SET redacted = 1 WHERE number = ? AND run = (SELECT id FROM run WHERE name = ?)"
    with store.database.transaction() as connection:
        connection.execute(sql, (index, run))


def mark_frame(store: Store, frame: int, regions: Sequence[Region]) -> None:
    """Note that these regions of the screen are painted over in a frame."""
    text = dump_json([region.as_list() for region in regions])
    with store.database.transaction() as connection:
        connection.execute("UPDATE frame SET redacted_regions = ? WHERE id = ?", (text, frame))
