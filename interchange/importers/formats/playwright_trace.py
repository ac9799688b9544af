"""
Playwright traces: a zip with `*.trace` (JSON lines) and `resources/`, of the versions 3 to 8; or not packed, as a
browser writes them that keeps on recording: then each `*.trace` is a run.

A trace of a browser context tells of calls to the API (`before`, `input`, `after` with one `callId`; one `action` in
version 3) and of the screen (`screencast-frame`). One of the test runner tells of the same calls by other ids, of
assertions and of fixtures. Three sizes meet: points are CSS pixels of the page, a frame names the page's size, and its
picture (JPEG, at most 800 pixels) is smaller. Frames come when the screen changes, so that a picture holds until the
next one. Times are milliseconds of a monotonic clock, one for each process that wrote a trace.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from footage.errors import BadImport
from footage.interchange.importers.common.playwright_parts import Call, Trace, action_of, merged
from footage.interchange.importers.draft import DraftNote, DraftOutcome, DraftPicture, DraftRun, DraftStep
from footage.interchange.importers.entry import Entry
from footage.interchange.importers.safety import LIMITS, Archive, Folder
from footage.trajectory import FrameRole, OutcomeSource, RunStatus, StepStatus

__all__ = ["LINE", "NAME", "PRIORITY", "read", "recognise"]

NAME = "playwright"
LINE = "a zip with *.trace files, or such a file"
PRIORITY = 10


def recognise(entry: Entry) -> bool:
    """Tell an archive by its traces, and a trace that was not packed by its first event."""
    if entry.kind in {"json", "jsonl"}:
        first = entry.first
        return isinstance(first, dict) and first.get("type") == "context-options" and "version" in first
    if entry.kind != "zip":
        return False
    with Archive(entry.path) as archive:
        return any(name.endswith(".trace") for name in archive.names)


def read(entry: Entry) -> Iterator[DraftRun]:
    """Yield the run: what one test, or one script, did in its browser."""
    with Archive(entry.path) if entry.kind == "zip" else contextlib.nullcontext(_Unpacked(entry)) as archive:
        run = DraftRun(identity=entry.sha256)
        traces = []
        for name in archive.names:
            if name.endswith(".trace") or len(archive.names) == 1:
                with run.trying(f"the trace {name}"):
                    trace = Trace.read(archive.read(name, LIMITS.json), name)
                    traces.append(trace)
                    for problem in trace.problems:
                        run.problem(f"{name}: {problem}")
        if not traces:
            raise BadImport(
                "No trace in it can be read." + "".join(f" {problem.reason}." for problem in run.problems[:3])
            )
        _fill(run, archive, traces)
        yield run


class _Unpacked:
    """A trace that was not packed: its file, and the folder with what it names."""

    def __init__(self, entry: Entry) -> None:
        self._folder = Folder(entry.folder)
        self.names = [entry.name]

    def __contains__(self, name: str) -> bool:
        try:
            return self._folder.find(name).is_file()
        except BadImport:
            return False

    def read(self, name: str, limit: int) -> bytes:
        """Read a file by its name. Raises BadImport."""
        return self._folder.read(name, limit)


def _fill(run: DraftRun, archive: Archive | _Unpacked, traces: list[Trace]) -> None:
    calls = merged(traces)
    screens = _screens(run, archive, traces)
    for index, call in enumerate(calls):
        with run.trying(f"the call {call.name}", step=index):
            run.steps.append(_step(call, _before(call, screens)))
    _show(run, calls, screens)
    times = [time for step in run.steps for time in (step.started, step.ended) if time is not None]
    run.started, run.ended = (min(times), max(times)) if times else (traces[0].wall, None)
    run.task = next((trace.title for trace in traces if trace.title), "")
    for error in [error for trace in traces for error in trace.errors]:
        run.outcomes.append(DraftOutcome("failure", OutcomeSource.EVALUATOR, error))
    if any(call.ended is None for call in calls):
        run.status = RunStatus.INTERRUPTED
    about = next((trace.about for trace in traces if trace.about), {})
    if about:
        run.notes.append(DraftNote("Recorded by Playwright: " + ", ".join(f"{k} {v}" for k, v in about.items())))


@dataclass(slots=True)
class _Screen:
    """A picture of a page, and since when it shows it."""

    picture: DraftPicture
    page: str
    since: float
    size: tuple[int, int] | None
    """(width, height) of the page in CSS pixels."""
    shown: bool = False


def _screens(run: DraftRun, archive: Archive | _Unpacked, traces: list[Trace]) -> list[_Screen]:
    """Return the frames whose pictures are in the archive, by time."""
    found = []
    missing = 0
    for trace in traces:
        for frame in trace.frames:
            name = f"resources/{frame.name}"
            if name not in archive:
                missing += 1
                continue
            at = trace.wall_ns(frame.time)
            picture = DraftPicture(lambda name=name: archive.read(name, LIMITS.picture), name, at)  # type: ignore[misc]
            found.append(_Screen(picture, frame.page, trace.shared(frame.time), frame.size))
    if missing:
        run.problem(f"{missing} of its {missing + len(found)} pictures are not in the archive")
    return sorted(found, key=lambda screen: screen.since)


def _before(call: Call, screens: list[_Screen]) -> _Screen | None:
    """Return what the call's page showed when the call acted on it."""
    mine = [s for s in screens if s.since <= call.moment and (not call.page or s.page == call.page)]
    return mine[-1] if mine else None


def _step(call: Call, screen: _Screen | None) -> DraftStep:
    size = screen.picture.size if screen else None
    action = action_of(call, size=size, page=(screen.size if screen else None) or call.viewport)
    status = StepStatus.FAILED if call.error else StepStatus.EXECUTED
    step = DraftStep(action, status if call.ended is not None else StepStatus.UNKNOWN, call_id=call.id)
    step.started, step.ended = call.started_ns, call.ended_ns
    step.result_text, step.error = "\n".join(call.log)[:100_000], call.error
    return step


def _show(run: DraftRun, calls: list[Call], screens: list[_Screen]) -> None:
    """
    Give the steps their pictures: what was shown when a call acted, and all that came until the next one.

    A picture is one step's own, and derived where it still holds for others.
    """
    rest = list(screens)
    for index, (call, step) in enumerate(zip(calls, run.steps, strict=False)):
        following = calls[index + 1].started if index + 1 < len(calls) else float("inf")
        before = _before(call, screens)
        if before is not None:
            step.show(before.picture, FrameRole.BEFORE, derived=before.shown)
            before.shown = True
        for early in [s for s in rest if s.since <= call.moment and not s.shown]:
            step.show(early.picture, FrameRole.BETWEEN)
            early.shown = True
        rest = [s for s in rest if s.since > call.moment]
        during = [s for s in rest if s.since <= following]
        own = [s for s in during if not call.page or s.page == call.page]
        for screen in during:
            step.show(screen.picture, FrameRole.AFTER if own and screen is own[-1] else FrameRole.BETWEEN)
            screen.shown = True
        if before is not None and not own:  # no frame came: the screen did not change
            step.show(before.picture, FrameRole.AFTER, derived=True)
