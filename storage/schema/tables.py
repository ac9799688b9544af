"""How a table is made: strict, with a key of its own, and gone with the row that it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_utils.db import ForeignKey

if TYPE_CHECKING:
    from sqlite_utils import Database

__all__ = ["Columns", "instant", "table"]

Columns = dict[str, type]
"""Names of columns with the Python types of their values."""


def instant(name: str) -> Columns:
    """Return the three columns of an instant: `*_boot` (boot id), `*_mono` (monotonic ns), `*_wall` (ns since 1970)."""
    return {f"{name}_boot": str, f"{name}_mono": int, f"{name}_wall": int}


def table(
    db: Database,
    name: str,
    columns: Columns,
    *,
    required: set[str],
    references: dict[str, str] | None = None,
    unique: tuple[str, ...] | None = None,
    indexes: tuple[tuple[str, ...], ...] = (),
) -> None:
    """Create a strict table with a key `id` of its own; deleting what a row refers to deletes the row."""
    made = db.table(name)
    keys = [
        ForeignKey(name, column, other, "id", columns=(column,), other_columns=("id",), on_delete="CASCADE")
        for column, other in (references or {}).items()
    ]
    made.create({"id": int, **columns}, pk="id", foreign_keys=keys, not_null=required, strict=True)
    if unique:
        made.create_index(list(unique), unique=True)
    for index in indexes:
        made.create_index(list(index))
