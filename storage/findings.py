"""Findings: what detectors noticed in a run, kept with it by the rule that says so."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from footage.storage.requests.chains import dump_json
from footage.storage.rows.row_checks import checked, sound
from footage.storage.rows.to_rows import insert
from footage.storage.store import Store
from footage.trajectory import Finding, Region

__all__ = ["findings_of", "keep_findings"]


def findings_of(store: Store, run: str) -> list[Finding]:
    """Return what is kept of a run, by its steps; what is about the whole run comes first. Raises RunNotFound."""
    sql = (
        "SELECT finding.*, run.name AS run_name FROM finding JOIN run ON run.id = finding.run WHERE run = ?"
        " ORDER BY coalesce(step, -1), finding.id"
    )
    rows = store.database.rows(sql, store.row_id(run))
    with checked(f"the findings of {run}"):
        return [_finding_of(found) for found in rows]


def keep_findings(store: Store, run: str, rule: str, findings: Sequence[Finding]) -> None:
    """
    Keep what a rule found in a run, in the place of all that it, or another version of it, found there before.

    `rule` is the rule's name, without its version; the findings' own `rule` is `NAME/VERSION`. Raises RunNotFound.
    """
    row = store.row_id(run)
    with store.database.transaction() as connection:
        connection.execute(
            "DELETE FROM finding WHERE run = ? AND substr(rule, 1, ?) = ?", (row, len(rule) + 1, f"{rule}/")
        )
        for found in findings:
            values = {
                "run": row,
                "step": found.step,
                "kind": found.kind,
                "message": found.message,
                "confidence": found.confidence,
                "region": dump_json(found.region.as_list()) if found.region else None,
                "evidence": dump_json(list(found.evidence)),
                "rule": found.rule,
            }
            insert(connection, "finding", values)


def _finding_of(given: sqlite3.Row) -> Finding:
    row = sound(given)
    region = Region(*json.loads(row["region"])) if row["region"] else None
    evidence = tuple(int(frame) for frame in json.loads(row["evidence"] or "[]"))
    return Finding(
        row["run_name"],
        row["step"],
        row["kind"],
        row["message"],
        float(row["confidence"]),
        region,
        evidence,
        row["rule"] or "",
    )
