"""
Finding runs among very many: which runs fit, a page at a time.

The list is walked from its newest end, along the index of the one condition that leaves the fewest runs (the counts
are kept, see schema/v3_search.py); all others are looked at run by run. So the first page of any filter costs about as
much as its rows, however many runs there are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from footage.storage.requests.chains import dump_json
from footage.storage.search.places import PLACE_BITS, Place, place_of
from footage.trajectory import RunStatus

if TYPE_CHECKING:
    from footage.storage.file.database import Database

__all__ = ["RunQuery", "facets", "match_expression", "places_of_text", "runs_that_fit"]

_LISTED = "(SELECT value FROM json_each(?))"  # however many: the number of SQL parameters is limited
_OF_RUN = ("kind", "status", "model", "task_id", "source_format")
_SAID = {"tag": "value", "outcome": "value", "finding": "kind"}
_FEW = 6000  # runs: so many are listed in the time it takes to find a page of texts
_LOOK = 400  # texts are passed in the time it takes to look whether one run has a text
_SAMPLE = 16  # texts that tell how frequent one is
_SORTABLE = 2000  # runs: then they are sorted by time
_SEARCH_SINCE = 3  # version of the schema


@dataclass(frozen=True, slots=True)
class RunQuery:
    """What runs have to fulfil; None asks for nothing. Runs with a text come in the order in which they were stored."""

    kind: str | None = None
    status: str | None = None
    task_id: str | None = None
    model: str | None = None
    source_format: str | None = None
    outcome: str | None = None
    """The value of one of the run's outcomes."""
    tag: str | None = None
    finding: str | None = None
    """The kind of one of the run's findings."""
    text: str | None = None
    """Words of the task, of one reply or of one typed text; see `match_expression`."""
    since: int | None = None
    """Nanoseconds since 1970: runs that started then or later."""
    until: int | None = None
    """Nanoseconds since 1970: runs that started before."""

    @property
    def by_time(self) -> bool:
        """Whether the runs come in the order in which they started."""
        return self.text is None and (self.since is not None or self.until is not None)


@dataclass(slots=True)
class _Plan:
    """A SELECT in the making: what it walks along, and what it looks at run by run."""

    source: str = "run"
    run: str = "run.id"
    order: str = "run.id DESC"
    where: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, condition: str, *values: Any) -> None:
        self.where.append(condition)
        self.values += values

    def select(self, limit: int) -> tuple[str, list[Any]]:
        where = " AND ".join(self.where) or "1"
        distinct = "" if self.source.startswith("run") else "DISTINCT "
        sql = f"SELECT {distinct}{self.run} FROM {self.source} WHERE {where} ORDER BY {self.order} LIMIT ?"
        return sql, [*self.values, limit]


def runs_that_fit(
    database: Database, query: RunQuery, *, before: tuple[int, int] | None, limit: int, live: Sequence[str]
) -> list[int]:
    """
    Return the row ids of the next `limit` runs that fit, newest first.

    `before` is (row id, start in ns since 1970) of the last run of the page before; `live` are the names of the runs
    that are being recorded at this moment.
    """
    known = _has_search(database)
    plan = _plan(database, query, live) if known else _plain(query, live)
    if query.text is None or not known:
        _turn_page(plan, query, before)
        sql, values = plan.select(limit)
        return [int(row[0]) for row in database.rows(sql, *values)]
    return _with_text(database, plan, query, before, limit)


def _plan(database: Database, query: RunQuery, live: Sequence[str]) -> _Plan:
    plan, counts = _Plan(), _counts(database, query)
    driver = min(counts, key=lambda name: counts[name], default=None)
    if driver == "status" and query.status == RunStatus.INTERRUPTED and counts[driver] > _SORTABLE:
        driver = None  # two values of the column: their runs would have to be sorted
    if query.by_time:
        plan.order = "run.started_wall DESC, run.id DESC"
        if driver is not None and counts[driver] > _SORTABLE:
            driver = None
    if driver in _SAID:
        plan.source = f"{driver} CROSS JOIN run ON run.id = {driver}.run"
        plan.run = "run.id" if query.by_time else f"{driver}.run"
        plan.order = plan.order if query.by_time else f"{driver}.run DESC"
    for name in _OF_RUN:
        value = getattr(query, name)
        if value is not None:
            _of_run(plan, name, value, live, walked=name == driver)
    for name, column in _SAID.items():
        value = getattr(query, name)
        if value is not None and name == driver:
            plan.add(f"{name}.{column} = ?", value)
        elif value is not None:
            plan.add(f"EXISTS (SELECT 1 FROM {name} WHERE run = run.id AND {column} = ?)", value)
    _between(plan, query, walked=driver is None)
    return plan


def _plain(query: RunQuery, live: Sequence[str]) -> _Plan:
    """Return the plan for a file of an older version, open for reading: no counts, and only the text of tasks."""
    plan = _Plan(order="run.started_wall DESC, run.id DESC" if query.by_time else "run.id DESC")
    for name in _OF_RUN:
        value = getattr(query, name)
        if value is not None:
            _of_run(plan, name, value, live, walked=True)
    for name, column in _SAID.items():
        if (value := getattr(query, name)) is not None:
            plan.add(f"run.id IN (SELECT run FROM {name} WHERE {column} = ?)", value)
    if query.text is not None:
        escaped = query.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        plan.add("run.task LIKE ? ESCAPE '\\'", f"%{escaped}%")
    _between(plan, query, walked=True)
    return plan


def _of_run(plan: _Plan, name: str, value: str, live: Sequence[str], *, walked: bool) -> None:
    """Add a condition on a column of the run; with a `+` where its index is not to be walked."""
    column = f"run.{name}" if walked else f"+run.{name}"
    if name == "status" and value == RunStatus.RECORDING:
        plan.add(f"{column} = 'recording' AND +run.name IN {_LISTED}", dump_json(sorted(live)))
    elif name == "status" and value == RunStatus.INTERRUPTED:
        # An interrupted run never wrote that it is, and nobody holds its lock.
        plan.add(f"{column} IN ('interrupted', 'recording')")
        plan.add(f"NOT (+run.status = 'recording' AND +run.name IN {_LISTED})", dump_json(sorted(live)))
    else:
        plan.add(f"{column} = ?", value)


def _between(plan: _Plan, query: RunQuery, *, walked: bool) -> None:
    column = "run.started_wall" if walked else "+run.started_wall"
    if query.since is not None:
        plan.add(f"{column} >= ?", query.since)
    if query.until is not None:
        plan.add(f"{column} < ?", query.until)


def _turn_page(plan: _Plan, query: RunQuery, before: tuple[int, int] | None) -> None:
    if before is None:
        return
    row, started = before
    if query.by_time:
        plan.add("(run.started_wall, run.id) < (?, ?)", started, row)
    else:
        plan.add(f"{plan.run} < ?", row)


def _counts(database: Database, query: RunQuery) -> dict[str, int]:
    """Return how many runs each condition leaves, by itself."""
    counts = {}
    for name in (*_OF_RUN, *_SAID):
        value = getattr(query, name)
        if value is None:
            continue
        if name == "task_id":  # there may be as many as runs: not counted beforehand
            sql = f"SELECT 1 FROM run WHERE task_id = ? LIMIT {_SORTABLE + 1}"
            counts[name] = len(database.rows(sql, value))
        else:
            values = ["interrupted", "recording"] if value == RunStatus.INTERRUPTED else [value]
            sql = f"SELECT sum(runs) FROM facet WHERE name = ? AND value IN {_LISTED}"
            row = database.row(sql, name, dump_json(values))
            counts[name] = int(row[0] or 0) if row else 0
    return counts


# --- texts ---


def match_expression(text: str) -> str:
    """
    Return what is asked of the index for what a person typed; "" where it has no word in it.

    All words have to be there; "several words" in quotes in this order; a word that ends with * begins so. Case and
    accents do not matter. Chinese and Japanese text, which has no spaces, is found from the beginning of a passage.
    """
    found = []
    for phrase, word in re.findall(r'"([^"]*)"|([^\s"]+)', text):
        said = phrase or word
        if any(letter.isalnum() for letter in said):
            begins = (word.endswith("*") and not phrase) or any("\u3040" <= letter <= "\u9fff" for letter in said)
            found.append(f'"{said.rstrip("*") if begins else said}"' + ("*" if begins else ""))
    return " ".join(found)


def _with_text(
    database: Database, plan: _Plan, query: RunQuery, before: tuple[int, int] | None, limit: int
) -> list[int]:
    """
    Return the runs that fit and have the text: from text to text, each looked up among the runs that fit.

    Where few runs fit and the text is a common one, it is the other way round: from run to run.
    """
    expression = match_expression(query.text or "")
    if not expression:
        return []
    (most,) = database.rows("SELECT coalesce(max(id), 0) FROM run")[0]
    first = min(before[0], most + 1) if before else most + 1
    fitting = min(_counts(database, query).values(), default=most)
    where, values = " AND ".join(plan.where), plan.values
    if not where:
        fits = ""
    elif fitting > _FEW:
        fits = f"AND EXISTS (SELECT 1 FROM {plan.source} WHERE {plan.run} = search.rowid >> {PLACE_BITS} AND {where})"
    elif _quicker_by_run(fitting, most, _density(database, expression, first), limit):
        return _run_by_run(database, plan, expression, first, limit)
    else:
        fits = f"AND rowid >> {PLACE_BITS} IN (SELECT {plan.run} FROM {plan.source} WHERE {where})"
    sql = f"SELECT DISTINCT rowid >> {PLACE_BITS} FROM search WHERE search MATCH ? AND rowid < ? {fits}"
    rows = database.rows(f"{sql} ORDER BY rowid DESC LIMIT ?", expression, first << PLACE_BITS, *values, limit)
    return [int(row[0]) for row in rows]


def _density(database: Database, expression: str, first: int) -> float:
    """Return how many texts a run has that fit, on average of the latest ones; 0 for hardly any at all."""
    sql = "SELECT rowid FROM search WHERE search MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT 1 OFFSET ?"
    row = database.row(sql, expression, first << PLACE_BITS, _SAMPLE - 1)
    return _SAMPLE / (first - (row[0] >> PLACE_BITS)) if row else 0.0


def _quicker_by_run(fitting: int, runs: int, density: float, limit: int) -> bool:
    """Tell whether it is quicker to look into the fitting ones among so many runs than to go through all texts."""
    if not density:
        return False
    looks = min(fitting, limit / min(1.0, density))
    passed = min(runs, looks * runs / max(fitting, 1))
    return looks * _LOOK < passed * density


def _run_by_run(database: Database, plan: _Plan, expression: str, before: int, limit: int) -> list[int]:
    """Return the runs that fit by the plan and, when looked at, have the text."""
    first, after = f"({plan.run} << {PLACE_BITS})", f"(({plan.run} + 1) << {PLACE_BITS})"
    plan.add(f"{plan.run} < ?", before)
    has = f"SELECT 1 FROM search WHERE search MATCH ? AND search.rowid >= {first} AND search.rowid < {after}"
    plan.add(f"EXISTS ({has})", expression)
    sql, values = plan.select(limit)
    return [int(row[0]) for row in database.rows(sql, *values)]


def places_of_text(database: Database, run: int, text: str, *, limit: int) -> list[Place]:
    """Return where a run has the text: its task, turns and steps, in their order."""
    expression = match_expression(text)
    if not expression or not _has_search(database):
        return []
    sql = "SELECT rowid FROM search WHERE search MATCH ? AND rowid >= ? AND rowid < ? ORDER BY rowid LIMIT ?"
    first, after = run << PLACE_BITS, (run + 1) << PLACE_BITS
    return [place_of(int(row[0])) for row in database.rows(sql, expression, first, after, limit)]


def facets(database: Database, name: str, *, limit: int) -> list[tuple[str, int]]:
    """Return the values of a filter with how many runs have each, the most frequent first."""
    if _has_search(database):
        sql = "SELECT value, runs FROM facet WHERE name = ? AND runs > 0 ORDER BY runs DESC, value LIMIT ?"
        return [(str(row[0]), int(row[1])) for row in database.rows(sql, name, limit)]
    table, column = ("run", name) if name in _OF_RUN else (name, _SAID[name])
    run = "id" if table == "run" else "run"
    sql = f"SELECT coalesce({column}, ''), count(DISTINCT {run}) FROM {table} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?"
    return [(str(row[0]), int(row[1])) for row in database.rows(sql, limit)]


def _has_search(database: Database) -> bool:
    return database.version >= _SEARCH_SINCE
