"""Whether a detector keeps what its contract promises: true of the run, the same each time, and quick."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from footage.analysis.detectors.contract import Detector
from footage.analysis.detectors.diagnosing import findings_by
from footage.plugins import CheckResult, Plugin, assert_named, attempt
from footage.storage import Store

__all__ = ["check_detector"]

_PATIENCE = 30.0
"""Seconds for the runs of the store, twice."""


def check_detector(plugin: Plugin, store: Store, empty: str) -> Iterator[CheckResult]:
    """Yield what is seen of a detector, on a store with recorded runs; `empty` is a run in which nothing happened."""
    detector: Detector = plugin.load()
    contract = attempt("contract", lambda: _contract(plugin, detector))
    yield contract
    if contract.ok:
        yield attempt("runs", lambda: _runs(plugin, store))
        yield attempt("empty", lambda: _empty(plugin, store, empty))


def _contract(plugin: Plugin, detector: Detector) -> str:
    line = assert_named(plugin, detector, "it notices")
    version = getattr(detector, "VERSION", None)
    assert type(version) is int, f"VERSION must be a whole number, and is {version!r}"
    kinds = getattr(detector, "KINDS", None)
    assert isinstance(kinds, tuple), f"KINDS must be a tuple of words, and is {kinds!r}"
    assert kinds, "KINDS is empty"
    for kind in kinds:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", str(kind)), f"{kind!r} is no word of small letters with underscores"
    assert callable(getattr(detector, "detect", None)), "there is no detect(examined)"
    return f"{line}; version {version}; {', '.join(kinds)}"


def _runs(plugin: Plugin, store: Store) -> str:
    """Look at every run twice; what is found must be of the run, and the same both times."""
    began, counts = time.monotonic(), []
    for run in store.runs():
        first, second = (findings_by(plugin, store, run) for _ in range(2))
        assert first == second, f"of run {run.id} it found something else the second time"
        counts.append(len(first))
    took = time.monotonic() - began
    assert took < _PATIENCE, f"it took {took:.1f} s for {len(counts)} runs, twice"
    return f"{sum(counts)} findings in {len(counts)} runs, the same twice, {took:.2f} s"


def _empty(plugin: Plugin, store: Store, empty: str) -> str:
    found = findings_by(plugin, store, store.run(empty))
    return f"{len(found)} findings in a run in which nothing happened"
