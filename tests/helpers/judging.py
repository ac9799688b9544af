"""What becomes of one malformed input, and what may not: the judge of the tests and of the soak benchmark."""

from __future__ import annotations

import contextlib
import re
import resource
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from footage.errors import FootageError
from footage.interchange.importers import import_paths
from footage.storage import Store, open_store
from footage.trajectory import RunStatus
from malformed import SECRET, Case

__all__ = ["MEMORY", "SECONDS", "Judged", "judge"]

SECONDS = 10.0
MEMORY = 1 << 30
_EXCEPTION = re.compile(r"\b[A-Z][A-Za-z]+(?:Error|Exception)\b|Traceback|<class ")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202e]")


@dataclass(slots=True)
class Judged:
    """One input's outcome."""

    case: Case
    outcome: str = ""
    """`refused`, `partial` (imported, with what is missing named) or `whole`."""
    seconds: float = 0.0
    """Of processor time, its children's included."""
    peak: int = 0
    """Bytes of memory the importing process took at most."""
    reasons: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """What is wrong with how it was handled."""


def judge(case: Case, folder: Path) -> Judged:
    """Make the input, import it into a new store, and look at everything that came of it."""
    judged = Judged(case)
    given = case.make(folder)
    forget_peak()
    try:
        with open_store(folder / "store.db") as store:
            begun = processor_time()
            try:
                report = import_paths(store, [given])
            except FootageError as error:
                judged.outcome, judged.reasons = "refused", [error.message]
                judged.faults.append("the import ended with an error instead of a report")
                return judged
            finally:
                judged.seconds = processor_time() - begun
            judged.reasons = [skipped.reason for skipped in report.skipped]
            judged.outcome = ("partial" if report.skipped else "whole") if report.imported else "refused"
            _check_report(judged, store, {run.run for run in report.imported})
            _check_runs(judged, store)
        _check_surroundings(judged, folder)
        return judged
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_report(judged: Judged, store: Store, told: set[str]) -> None:
    found = {run.id: run.status for run in store.runs(limit=1000)}
    half = {name for name in found.keys() - told if found[name] is RunStatus.INTERRUPTED}
    if found.keys() - half != told or (half and not judged.reasons):
        judged.faults.append("the store's runs are not those that the report names")
    if not told and not judged.reasons:
        judged.faults.append("nothing was imported, and no reason is told")
    for reason in judged.reasons:
        if not reason.strip() or len(reason) > 1000 or _CONTROL.search(reason):
            judged.faults.append(f"a reason that cannot be shown: {reason[:80]!r}")
        elif _EXCEPTION.search(reason):
            judged.faults.append(f"a reason that is none: {reason[:120]}")


def _check_runs(judged: Judged, store: Store) -> None:
    """Read all that was stored: each picture passes its check, and no run is left half written."""
    for run in store.runs(limit=1000):
        if run.trusted or run.status is RunStatus.RECORDING:
            judged.faults.append(f"run {run.id} is {run.status}, trusted {run.trusted}, ended {run.ended}")
        store.turns(run.id)
        store.notes(run.id)
        for step in store.steps(run.id):
            point = step.action.point
            if point is not None and not (0 <= point[0] < 1_000_000 and 0 <= point[1] < 1_000_000):
                judged.faults.append(f"a point at {point}")
        for frame in store.frames(run.id):
            if store.pixels(frame.picture).shape[:2] != (frame.height, frame.width):
                judged.faults.append("a picture of another size")


def _check_surroundings(judged: Judged, folder: Path) -> None:
    """Nothing from outside came in, nothing was made outside, nothing is left beside the store."""
    for path in folder.iterdir():
        if path.name not in {"in", "outside"} and not path.name.startswith("store.db"):
            judged.faults.append(f"{path.name} was left behind")
        if path.name.startswith("store.db") and path.is_file() and SECRET in path.read_bytes():
            judged.faults.append("what lies outside was read")
    if sorted(path.name for path in (folder / "outside").iterdir()) != ["secret", "secret.json", "secret.png"]:
        judged.faults.append("something was written outside")
    if judged.seconds > SECONDS:
        judged.faults.append(f"it took {judged.seconds:.1f} s")
    judged.peak = peak()
    if judged.peak > MEMORY:
        judged.faults.append(f"it took {judged.peak >> 20} MB")


def processor_time() -> float:
    """Return the seconds that this process and its children have computed: what a busy machine does not stretch."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def forget_peak() -> None:
    """Begin to measure this process's peak of memory anew, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """Return this process's peak of memory since `forget_peak`, in bytes."""
    try:
        found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        found = None
    return 1024 * (int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
