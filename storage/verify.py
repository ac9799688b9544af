"""Checking a whole store: the file, every picture, every request, and the numbering of events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from footage.errors import StoreCorrupt
from footage.storage.store import Store
from footage.trajectory import JSON

__all__ = ["Bad", "VerifyReport", "verify_store"]


@dataclass(frozen=True, slots=True)
class Bad:
    """One thing that fails its check."""

    kind: str
    """`file`, `picture`, `request` or `events`."""
    id: int
    why: str


@dataclass(slots=True)
class VerifyReport:
    """What `verify_store` found. `ok` is False only for damage: a gap is known, and so no damage."""

    pictures: int = 0
    requests: int = 0
    bad: list[Bad] = field(default_factory=list)
    gaps: list[JSON] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything fits its checks."""
        return not self.bad

    def as_json(self) -> JSON:
        """Return {"format", "ok", "pictures", "requests", "bad", "gaps"}."""
        bad = [{"kind": item.kind, "id": item.id, "why": item.why} for item in self.bad]
        counts = {"pictures": self.pictures, "requests": self.requests}
        return {"format": 1, "ok": self.ok, **counts, "bad": bad, "gaps": self.gaps}


def verify_store(store: Store, *, on_progress: Callable[[int, int], None] | None = None) -> VerifyReport:
    """Check everything. `on_progress` is called with (done, total) pictures and requests."""
    database, report = store.database, VerifyReport()
    for row in database.rows("PRAGMA integrity_check(10)"):
        if row[0] != "ok":
            report.bad.append(Bad("file", 0, str(row[0])))
    pictures = [int(row[0]) for row in database.rows("SELECT id FROM picture ORDER BY id")]
    turns = [int(row[0]) for row in database.rows("SELECT turn FROM request ORDER BY id")]
    total = len(pictures) + len(turns)
    for done, picture in enumerate(pictures, 1):
        _check(report, "picture", picture, store.pixels)
        if on_progress:
            on_progress(done, total)
    for done, turn in enumerate(turns, len(pictures) + 1):
        _check(report, "request", turn, store.request)
        if on_progress:
            on_progress(done, total)
    report.pictures, report.requests = len(pictures), len(turns)
    _check_events(store, report)
    _collect_gaps(store, report)
    return report


def _check(report: VerifyReport, kind: str, row: int, load: Callable[[int], object]) -> None:
    try:
        load(row)
    except StoreCorrupt as error:
        report.bad.append(Bad(kind, row, error.message))


def _check_events(store: Store, report: VerifyReport) -> None:
    """Each writer's events are numbered 0.. without holes, and as many as it counted; steps likewise in each run."""
    sql = (
        "SELECT writer.id, run.name, writer.number, writer.next_sequence, count(event.id) AS events"
        " FROM writer JOIN run ON run.id = writer.run"
        " LEFT JOIN event ON event.run = writer.run AND event.writer = writer.number GROUP BY writer.id"
    )
    for row in store.database.rows(sql):
        if row["events"] != row["next_sequence"]:
            missing = row["next_sequence"] - row["events"]
            report.bad.append(Bad("events", row["id"], f"Run {row['name']} misses {missing} events of a writer."))
    sql = "SELECT run.id, run.name, run.steps, (SELECT count(*) FROM step WHERE step.run = run.id) AS found FROM run"
    for row in store.database.rows(sql):
        if row["steps"] != row["found"]:
            report.bad.append(
                Bad("events", row["id"], f"Run {row['name']} has {row['found']} of {row['steps']} steps.")
            )


def _collect_gaps(store: Store, report: VerifyReport) -> None:
    sql = "SELECT gap.*, run.name FROM gap JOIN run ON run.id = gap.run ORDER BY gap.id"
    for row in store.database.rows(sql):
        report.gaps.append({"run": row["name"], "step": row["step"], "reason": row["reason"], "lost": row["lost"]})
