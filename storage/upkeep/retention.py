"""
Retention: which families of runs are old enough, or too much, to be removed.

The unit is the family, a run with its replays and forks; its age is that of the last sign that anybody wrote into it.
Never chosen are families of which something is being recorded; and, unless asked for, those with a run that is tagged
`keep` or has a note: somebody wanted them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from footage.storage.file.locks import live_runs
from footage.storage.requests.chains import dump_json
from footage.storage.store import Store
from footage.storage.upkeep.space import family_sizes, store_bytes
from footage.trajectory import Run

__all__ = ["KEEP", "Outdated", "outdated"]

KEEP = "keep"
"""The tag that protects a run, and so its family."""
_DAY = 86_400 * 1_000_000_000  # ns


@dataclass(frozen=True, slots=True)
class Outdated:
    """A family to remove."""

    runs: tuple[Run, ...]
    bytes: int
    """Of its pictures, documents and files; what it shares with nobody."""
    days: float
    """Since somebody wrote into it."""


def outdated(
    store: Store, *, days: float | None = None, keep_bytes: int | None = None, kept_too: bool = False
) -> list[Outdated]:
    """
    Return the families to remove, the longest untouched first: those untouched for so many days, and then as many as
    it takes until the store holds no more than `keep_bytes`.

    `kept_too` includes those that are protected by a tag or a note.
    """
    database = store.database
    sizes = family_sizes(database)
    total = store_bytes(database)
    chosen = []
    for family, last in _by_age(store, kept_too=kept_too):
        age = (time.time_ns() - last) / _DAY
        too_old = days is not None and age >= days
        too_much = keep_bytes is not None and total > keep_bytes
        if not too_old and not too_much:
            continue
        (first,) = database.rows("SELECT name FROM run WHERE family = ? ORDER BY id LIMIT 1", family)
        chosen.append(Outdated(tuple(store.family(first["name"])), sizes.get(family, 0), age))
        total -= sizes.get(family, 0)
    return chosen


def _by_age(store: Store, *, kept_too: bool) -> list[tuple[int, int]]:
    """Return (family, ns since 1970 of the last sign of life) of those that may be removed, the oldest first."""
    live = dump_json(sorted(live_runs(store.path)))
    kept = "SELECT run FROM tag WHERE value = ?2 UNION ALL SELECT run FROM note"
    spared = f"name IN (SELECT value FROM json_each(?1)) OR (?3 AND id IN ({kept}))"
    sql = (
        "SELECT run.family, max(max(coalesce(started_wall, 0), coalesce(ended_wall, 0), coalesce(beat, 0))) AS last"
        " FROM run LEFT JOIN (SELECT run, max(heartbeat_wall) AS beat FROM writer GROUP BY run) AS life"
        f" ON life.run = run.id WHERE run.family NOT IN (SELECT family FROM run WHERE {spared})"
        " GROUP BY run.family ORDER BY last, run.family"
    )
    return [(row[0], row[1]) for row in store.database.rows(sql, live, KEEP, not kept_too)]
