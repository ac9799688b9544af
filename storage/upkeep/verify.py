"""Checking a whole store: the file, every picture, every request, and the numbering of events, turns and steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from footage.errors import FootageError
from footage.storage.artefacts import Artefacts
from footage.storage.requests.request_checks import RequestCheck
from footage.storage.rows.row_checks import checked
from footage.storage.store import Store
from footage.trajectory import JSON

__all__ = ["Bad", "VerifyReport", "verify_store"]


@dataclass(frozen=True, slots=True)
class Bad:
    """One thing that fails its check."""

    kind: str
    """`file`, `reference`, `picture`, `request`, `artefact`, `run` or `events`."""
    id: int
    """The row's; 0 for the file."""
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
    """
    Check everything; damage goes into the report, wherever it is.

    `on_progress` is called with (done, total) pictures, requests, files and runs.
    """
    report = VerifyReport()
    for check in (_check_file, _check_references, _check_counts, _check_events, _collect_gaps):
        _try(report, "file", 0, partial(check, store, report))
    pictures = _column(store, report, "SELECT id FROM picture ORDER BY id")
    turns = _column(store, report, "SELECT turn FROM request ORDER BY id")
    files = _column(store, report, "SELECT id FROM artefact ORDER BY id")
    runs = _column(store, report, "SELECT id FROM run ORDER BY id")
    requests = RequestCheck(store.database, frozenset(pictures))
    checks: list[tuple[str, int, Callable[[int], object]]]
    checks = [("picture", picture, store.pixels) for picture in pictures]
    checks += [("request", turn, requests.check) for turn in turns]
    checks += [("artefact", file, Artefacts(store.database).check) for file in files]
    checks += [("run", run, partial(_read, store)) for run in runs]
    for done, (kind, row, check_row) in enumerate(checks, 1):
        _try(report, kind, row, partial(check_row, row))
        if on_progress:
            on_progress(done, len(checks))
    report.pictures, report.requests = len(pictures), len(turns)
    return report


def _try(report: VerifyReport, kind: str, row: int, check: Callable[[], object]) -> None:
    try:
        with checked("what is counted"):
            check()
    except FootageError as error:
        report.bad.append(Bad(kind, row, error.message))


def _column(store: Store, report: VerifyReport, sql: str) -> list[int]:
    found: list[int] = []
    _try(report, "file", 0, lambda: found.extend(int(row[0]) for row in store.database.rows(sql)))
    return found


def _read(store: Store, run: int) -> None:
    """Read everything that is said of a run (its row id)."""
    for row in store.database.rows("SELECT name FROM run WHERE id = ?", run):
        for read in (store.run, store.turns, store.steps, store.frames, store.gaps, store.notes):
            read(row["name"])
        for read_more in (store.conversations, store.raw_exchanges):
            read_more(row["name"])


def _check_file(store: Store, report: VerifyReport) -> None:
    """
    Have SQLite check its file.

    From version 3.44 on it checks an index of texts by the structure that this connection read last, which is an old
    one where others have written since. So the indexes are read first, and all of it sees one moment of the store.
    """
    indexes = "SELECT name FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL TABLE%USING fts5%'"
    with store.database.snapshot() as reader:
        for (name,) in reader.execute(indexes).fetchall():
            reader.execute(f'SELECT rowid FROM "{name}" WHERE "{name}" MATCH ? LIMIT 1', ("a",)).fetchall()
        found = reader.execute("PRAGMA integrity_check(10)").fetchall()
    report.bad += [Bad("file", 0, str(row[0])) for row in found if row[0] != "ok"]


def _check_references(store: Store, report: VerifyReport) -> None:
    """Look for rows that refer to rows which are not there."""
    for row in store.database.rows("PRAGMA foreign_key_check"):
        why = f"A row of {row['table']} refers to a {row['parent']} that is not in the store."
        report.bad.append(Bad("reference", row["rowid"] or 0, why))


def _check_counts(store: Store, report: VerifyReport) -> None:
    """Each run has as many turns and steps as it counted."""
    sql = (
        "SELECT run.id, run.name, run.steps, run.turns,"
        " (SELECT count(*) FROM step WHERE step.run = run.id) AS steps_found,"
        " (SELECT count(*) FROM turn WHERE turn.run = run.id) AS turns_found FROM run"
    )
    for row in store.database.rows(sql):
        for what in ("steps", "turns"):
            if row[what] != row[f"{what}_found"]:
                why = f"Run {row['name']} has {row[f'{what}_found']} of {row[what]} {what}."
                report.bad.append(Bad("run", row["id"], why))


def _check_events(store: Store, report: VerifyReport) -> None:
    """Each writer's events are numbered 0.. without holes, and as many as it counted."""
    sql = (
        "SELECT writer.id, run.name, writer.number, writer.next_sequence, count(event.id) AS events,"
        " coalesce(max(event.sequence) + 1, 0) AS next"
        " FROM writer JOIN run ON run.id = writer.run"
        " LEFT JOIN event ON event.run = writer.run AND event.writer = writer.number GROUP BY writer.id"
    )
    for row in store.database.rows(sql):
        if not row["events"] == row["next"] == row["next_sequence"]:
            counts = f"{row['events']} of {max(row['next'], row['next_sequence'])}"
            why = f"Run {row['name']} has {counts} events of its writer {row['number']}."
            report.bad.append(Bad("events", row["id"], why))


def _collect_gaps(store: Store, report: VerifyReport) -> None:
    sql = "SELECT name FROM run WHERE status = 'recording' OR id IN (SELECT run FROM gap) ORDER BY id"
    for row in store.database.rows(sql):
        for gap in store.gaps(row["name"]):
            report.gaps.append({"run": gap.run, "step": gap.step, "reason": gap.reason, "lost": gap.lost})
