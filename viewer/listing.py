"""The list of runs: families kept together, filters, the next page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from footage.storage import Store
from footage.trajectory import Run

__all__ = ["FILTERS", "Listing", "Row", "arrange", "list_runs"]

PAGE = 40
FILTERS = ("text", "kind", "status", "task_id", "model", "tag")
"""Names of the query parameters that narrow the list; `before` turns the page."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list. `depth` is how far it is indented under the runs it was made from."""

    run: Run
    depth: int


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of runs. `next_url` is empty on the last page; `total` counts all runs of the store."""

    rows: list[Row]
    filters: dict[str, str]
    next_url: str
    first_url: str
    total: int

    @property
    def is_live(self) -> bool:
        """Whether a run on this page is being recorded."""
        return any(row.run.status == "recording" for row in self.rows)


def list_runs(store: Store, query: Mapping[str, str]) -> Listing:
    """Return the page of runs that the query parameters ask for. Raises RunNotFound for an unknown `before`."""
    filters = {name: query[name].strip() for name in FILTERS if query.get(name, "").strip()}
    runs = store.runs(limit=PAGE + 1, before=query.get("before") or None, **filters)
    more = len(runs) > PAGE
    runs = runs[:PAGE]
    next_url = "/?" + urlencode({**filters, "before": runs[-1].id}) if more else ""
    first_url = ("/?" + urlencode(filters) if filters else "/") if query.get("before") else ""
    return Listing(arrange(runs), filters, next_url, first_url, store.count_runs())


def arrange(runs: Sequence[Run]) -> list[Row]:
    """
    Put each run under the run it was made from, where that is among `runs` (newest first).

    A family stands where its newest member stood; children stand in the order they were made.
    """
    known = {run.id for run in runs}
    children: dict[str, list[Run]] = {}
    for run in reversed(runs):
        if run.parent is not None and run.parent.run in known:
            children.setdefault(run.parent.run, []).append(run)
    below = {run.id for group in children.values() for run in group}
    parents = {run.id: run.parent.run for run in runs if run.parent is not None and run.id in below}
    by_id = {run.id: run for run in runs}
    rows: list[Row] = []
    placed: set[str] = set()
    for run in runs:
        root = run.id
        while root in parents:
            root = parents[root]
        if root not in placed:
            placed.add(root)
            rows += _branch(by_id[root], children, 0)
    return rows


def _branch(run: Run, children: Mapping[str, Sequence[Run]], depth: int) -> list[Row]:
    rows = [Row(run, depth)]
    for child in children.get(run.id, ()):
        rows += _branch(child, children, depth + 1)
    return rows
