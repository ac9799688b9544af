"""The list of runs: families kept together, filters, the next page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from footage.analysis.runs.run_tree import in_families
from footage.storage import Store
from footage.storage.search.moments import moment_ns
from footage.storage.search.places import Place
from footage.trajectory import Run

__all__ = ["FILTERS", "SPANS", "Listing", "Row", "list_runs"]

PAGE = 40
FILTERS = ("text", "kind", "status", "model", "outcome", "tag", "finding", "task_id", "source_format", "since", "until")
"""Names of the query parameters that narrow the list; `before` turns the page."""
COUNTED = ("kind", "status", "model", "outcome", "tag", "finding")
"""Filters that are offered with their values, and how many runs have each."""
OFFERED = 40  # values of one filter
_MOMENTS = ("since", "until")
SPANS = {"24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days", "365d": "Last year"}
"""Values of `since` that are offered."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list. `depth` is how far it is indented under the runs it was made from."""

    run: Run
    depth: int
    at: str = ""
    """What commands call it: `@3`; "" for replays and forks."""
    places: Sequence[Place] = ()
    """Where the text is that was looked for."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of runs. `next_url` is empty on the last page; `total` counts all runs of the store."""

    rows: list[Row]
    filters: dict[str, str]
    next_url: str
    first_url: str
    total: int
    counts: dict[str, list[tuple[str, int]]]
    """Of each filter in `COUNTED`: its values with how many runs have them, those in use only."""

    @property
    def counted(self) -> str:
        """How many runs there are: `1,204`, or of those that fit `3 of 1,204`; `40+ of 1,204` where more follow."""
        total = f"{self.total:,}"
        if not self.filters or self.first_url:
            return total
        return f"{len(self.rows)}{'+' if self.next_url else ''} of {total}"

    @property
    def is_live(self) -> bool:
        """Whether a run on this page is being recorded."""
        return any(row.run.status == "recording" for row in self.rows)


def list_runs(store: Store, query: Mapping[str, str]) -> Listing:
    """
    Return the page of runs that the query parameters ask for.

    Raises RunNotFound for an unknown `before`, UsageError for what is no moment.
    """
    filters = {name: query[name].strip() for name in FILTERS if query.get(name, "").strip()}
    said = {name: value for name, value in filters.items() if name not in _MOMENTS}
    moments = {name: moment_ns(filters[name]) for name in _MOMENTS if name in filters}
    runs = store.runs(limit=PAGE + 1, before=query.get("before") or None, **said, **moments)
    more = len(runs) > PAGE
    runs = runs[:PAGE]
    next_url = "/?" + urlencode({**filters, "before": runs[-1].id}) if more else ""
    first_url = ("/?" + urlencode(filters) if filters else "/") if query.get("before") else ""
    numbers = store.numbers(runs)
    called = {run: f"@{number}" for run, number in numbers.items()}
    rows = [Row(run, len(branch) // 2, called.get(run.id, "")) for run, branch in in_families(runs, numbers)]
    if text := filters.get("text"):
        rows = [replace(row, places=store.places_of_text(row.run.id, text)) for row in rows]
    return Listing(rows, filters, next_url, first_url, store.count_runs(), _counts(store, filters))


def _counts(store: Store, filters: Mapping[str, str]) -> dict[str, list[tuple[str, int]]]:
    """Return what each filter offers; the chosen value is among it, and a filter without a choice is left out."""
    counts = {}
    for name in COUNTED:
        offered, chosen = store.facets(name, limit=OFFERED), filters.get(name)
        if chosen is not None and chosen not in dict(offered):
            offered = [*offered, (chosen, 0)]
        if chosen is not None or len(offered) > 1 or name in {"kind", "status"}:
            counts[name] = [(value, runs) for value, runs in offered if value]
    return counts
