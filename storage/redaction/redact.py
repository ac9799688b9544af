"""
Redaction: taking a secret out of a family, wherever it stands, and proving that its bytes are gone.

In three stages, each safe to be interrupted: what is to change is found; all rows change in one transaction, which also
writes that there is something to prove; then the file is written anew, searched, and the mark becomes "proved". A
redaction that was interrupted in between is finished by `finish`.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from footage.errors import UsageError
from footage.storage.artefacts import Artefacts
from footage.storage.family_copy import FILES, rows_of
from footage.storage.file.locks import live_runs
from footage.storage.redaction.painting import find_pictures, hide_pictures, repainted
from footage.storage.redaction.proof import Proof, Traces, check_room, prove, purge
from footage.storage.redaction.texts import count_texts, hide_texts
from footage.storage.redaction.values import Hider
from footage.storage.requests.chains import dump_json
from footage.storage.rows.to_rows import insert, instant_columns
from footage.storage.store import Store
from footage.trajectory import JSON, Instant, Region

__all__ = ["Redaction", "finish_redactions", "pending_redactions", "redact_region", "redact_texts"]

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Redaction:
    """What a redaction did, or would do."""

    family: str
    """The id of the family's first run."""
    places: Counter[str] = field(default_factory=Counter)
    """How many values, by the name of the place: `task`, `requests`, `typed text`, `pictures` …."""
    steps: tuple[tuple[str, int], ...] = ()
    """(run, step) of every action whose text has a mark now."""
    proof: Proof | None = None
    """None where nothing was changed."""

    def as_json(self) -> JSON:
        """Return {"family", "places", "steps", "proof"}."""
        steps = [{"run": run, "step": step} for run, step in self.steps]
        proof = self.proof.as_json() if self.proof else None
        return {"family": self.family, "places": dict(self.places), "steps": steps, "proof": proof}


def _silent(_done: int, _total: int) -> None:
    """Tell nobody."""


def redact_texts(
    store: Store, run: str, secrets: Sequence[str], *, dry_run: bool = False, on_progress: Progress = _silent
) -> Redaction:
    """
    Take secrets out of every text of a run's family. With `dry_run` the places are only counted.

    Raises RunNotFound, UsageError (a run of the family is being recorded, a secret is too short), StoreFull,
    StoreError.
    """
    family, report = _family(store, run)
    unique = list(dict.fromkeys(secrets))
    if not unique:
        raise UsageError("There is no secret to take out.")
    first = _next_number(store, family)
    hider = Hider(unique, range(first, first + len(unique)))
    if dry_run:
        with store.database.snapshot() as connection:
            report.places = count_texts(connection, family, hider).places
        return report
    check_room(store.path)
    with store.database.transaction() as connection:
        connection.execute("PRAGMA secure_delete=ON")
        _refuse_live(store, connection, family)
        changes = count_texts(connection, family, hider)
        hide_texts(connection, family, changes)
        _leave_files(connection, family, changes.places)
        report.places = changes.places
        report.steps = _marked(connection, changes.columns)
        if changes.places:
            for number in range(first, first + len(unique)):
                _note(connection, family, number, "text", {"places": dict(changes.places)})
    report.proof = _purge_and_prove(store, family, Traces(secrets=hider.secrets), on_progress)
    return report


def redact_region(
    store: Store,
    run: str,
    region: Region,
    *,
    steps: range | None = None,
    dry_run: bool = False,
    on_progress: Progress = _silent,
) -> Redaction:
    """
    Paint over a rectangle of the screen in every picture of a run's family, or in those of some steps of the run.

    The same steps of its replays and forks count as those steps, and so do pictures that show the very same there.
    Raises as `redact_texts` does.
    """
    if region.width < 1 or region.height < 1 or region.x < 0 or region.y < 0:
        raise UsageError(
            "That is no rectangle of a screen.", hint="x,y,width,height in screen pixels, as in 0,0,640,40."
        )
    family, report = _family(store, run)
    found = find_pictures(store, run, region, steps)
    report.places = found.places
    if dry_run or not found.masks:
        return report
    check_room(store.path)
    number = _next_number(store, family)
    with repainted(store, family, found, on_progress) as painted, store.database.transaction() as connection:
        connection.execute("PRAGMA secure_delete=ON")
        _refuse_live(store, connection, family)
        hide_pictures(connection, family, found, painted, number)
        _leave_files(connection, family, report.places)
        about = {"places": dict(found.places), "region": region.as_list()}
        _note(connection, family, number, "region", about)
    report.proof = _purge_and_prove(store, family, Traces(pieces=painted.samples), on_progress)
    return report


def pending_redactions(store: Store) -> list[str]:
    """Return the families whose redaction was interrupted: old bytes may still be in the file."""
    if store.database.row("SELECT 1 FROM sqlite_master WHERE name = 'redaction'") is None:
        return []
    sql = (
        "SELECT DISTINCT family.name FROM redaction JOIN family ON family.id = redaction.family WHERE state != 'proved'"
    )
    return [row[0] for row in store.database.rows(sql)]


def finish_redactions(store: Store) -> list[str]:
    """Do what interrupted redactions left undone: write the file anew; return their families."""
    families = pending_redactions(store)
    with store.database.transaction() as connection:
        connection.execute("DELETE FROM family WHERE name LIKE 'redaction %' AND id NOT IN (SELECT family FROM run)")
    if families:
        check_room(store.path)
        Artefacts(store.database).remove_unused()
        purge(store.database)
        with store.database.transaction() as connection:
            connection.execute("UPDATE redaction SET state = 'proved' WHERE state != 'proved'")
    return families


def _family(store: Store, run: str) -> tuple[int, Redaction]:
    found = store.run(run)
    row = store.database.row("SELECT id FROM family WHERE name = ?", found.family)
    assert row is not None
    with store.database.snapshot() as connection:
        _refuse_live(store, connection, row["id"])
    return row["id"], Redaction(found.family)


def _refuse_live(store: Store, connection: sqlite3.Connection, family: int) -> None:
    names = {row[0] for row in connection.execute("SELECT name FROM run WHERE family = ?", (family,))}
    if live := names & live_runs(store.path):
        raise UsageError(f"Run {min(live)} of this family is being recorded.", hint="Redact it once it has ended.")


def _next_number(store: Store, family: int) -> int:
    row = store.database.row("SELECT coalesce(max(number), 0) + 1 FROM redaction WHERE family = ?", family)
    return int(row[0]) if row else 1


def _note(connection: sqlite3.Connection, family: int, number: int, kind: str, about: JSON) -> None:
    values = {"family": family, "number": number, "kind": kind, "state": "rewritten", "about": dump_json(about)}
    insert(connection, "redaction", values | instant_columns("at", Instant.now()))


def _leave_files(connection: sqlite3.Connection, family: int, places: Counter[str]) -> None:
    """Let go of a machine's logs and snapshots, which hold everything: the run can be replayed as `anchored` only."""
    if not places:
        return
    rows = rows_of(connection, [family])
    for row in rows("exact"):
        sql = "UPDATE run SET guarantee = 'anchored' WHERE id = ? AND guarantee = 'exact'"
        connection.execute(sql, (row["run"],))
    for table in sorted(FILES & {"exact", "checkpoint", "artefact"}, reverse=True):
        ids = [(row["id"],) for row in rows(table)]
        if table == "artefact" and ids:
            places["files of machines"] += len(ids)
        connection.executemany(f'DELETE FROM "{table}" WHERE id = ?', ids)


def _marked(
    connection: sqlite3.Connection, changed: Sequence[tuple[str, int, dict[str, Any]]]
) -> tuple[tuple[str, int], ...]:
    ids = [row for table, row, values in changed if table == "step" and "redacted" in values]
    sql = (
        "SELECT run.name, step.number FROM step JOIN run ON run.id = step.run"
        " WHERE step.id IN (SELECT value FROM json_each(?)) ORDER BY step.id"
    )
    return tuple((row[0], row[1]) for row in connection.execute(sql, (json.dumps(ids),)))


def _purge_and_prove(store: Store, family: int, traces: Traces, on_progress: Progress) -> Proof:
    Artefacts(store.database).remove_unused()
    purge(store.database)
    proof = prove(store.database, traces, family, on_progress)
    if proof.ok or proof.elsewhere:
        with store.database.transaction() as connection:
            connection.execute("UPDATE redaction SET state = 'proved' WHERE family = ?", (family,))
    return proof
