"""What a Playwright trace says: its calls, frames and clocks, whichever version wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from footage.errors import BadImport
from footage.interchange.importers.common.blocks_of_recordings import objects
from footage.interchange.importers.reasons import reason_of
from footage.interchange.importers.safety import parse_lines
from footage.providers.actions.canvas import Canvas
from footage.trajectory import JSON, Action

__all__ = ["Call", "FrameEvent", "Trace", "action_of", "merged"]

NEWEST = 8
"""The newest version of traces that is known."""
_HOUSEKEEPING = ("hook@", "fixture@", "attach@", "test.attach@")
_ACTED = ("input@", "action@")
"""How the snapshots of a page are named that are taken just before a call acts on it."""
_CLICKS = {"click": "left_click", "dblclick": "double_click", "tap": "left_click", "hover": "mouse_move"}
_MOUSE = {
    "mouseClick": "left_click",
    "mouseMove": "mouse_move",
    "mouseDown": "left_mouse_down",
    "mouseUp": "left_mouse_up",
    "touchscreenTap": "left_click",
}
_BUTTONS = {"right": "right_click", "middle": "middle_click"}


@dataclass(slots=True)
class FrameEvent:
    """A frame of the screencast: its picture's name, and the page's size when it was taken."""

    name: str
    page: str
    time: float
    size: tuple[int, int] | None


@dataclass(slots=True)
class Call:
    """One call to the API, or one step of a test."""

    id: str
    name: str
    method: str
    started: float
    """Milliseconds on the clock that all traces of an archive are brought to."""
    params: JSON = field(default_factory=dict)
    page: str = ""
    step: str = ""
    """The id of the test runner's own record of this call."""
    parent: str = ""
    acted: float | None = None
    """When it acted on the page, having waited for its target; None where that is not told."""
    ended: float | None = None
    error: str = ""
    point: tuple[Any, Any] | None = None
    log: list[str] = field(default_factory=list)
    by_test: bool = False
    viewport: tuple[int, int] | None = None
    started_ns: int | None = None
    ended_ns: int | None = None

    @property
    def moment(self) -> float:
        """When the page was as this call found it: it may have waited for that since it began."""
        return self.started if self.acted is None else self.acted


class Trace:
    """One trace: what a browser context, or the test runner, wrote down."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self.frames: list[FrameEvent] = []
        self.errors: list[str] = []
        self.problems: list[str] = []
        self.about: dict[str, str] = {}
        self.title = ""
        self.shift = 0.0
        """What brings this trace's times to the clock that all traces share."""
        self._viewport: tuple[int, int] | None = None
        self._offset: float | None = None
        self._acted: dict[str, float] = {}

    @classmethod
    def read(cls, data: bytes, name: str) -> Trace:
        """Read a trace's JSON lines; those that are broken become problems. Raises BadImport where none can be read."""
        trace = cls()
        read = 0
        for line in parse_lines(data, name):
            if line.problem:
                trace.problems.append(line.problem.rstrip("."))
                continue
            read += 1
            try:
                trace._event(line.value)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                trace.problems.append(f"line {line.number:,}: {reason_of(error)}")
        if trace.problems and not read:
            raise BadImport(trace.problems[0])
        return trace

    @property
    def wall(self) -> int | None:
        """Nanoseconds since 1970 at the start of the trace's clock."""
        return self.wall_ns(0.0)

    def wall_ns(self, time: float | None) -> int | None:
        """Return a time of this trace as nanoseconds since 1970; None where no wall clock was noted."""
        if time is None or self._offset is None:
            return None
        ms = time + self._offset
        return round(ms * 1000) * 1000 if 0 < ms < 1e13 else None  # a double holds no more than microseconds

    def shared(self, time: float) -> float:
        """Return a time of this trace on the clock that all traces share."""
        return time + (self._offset or 0.0) + self.shift

    def _event(self, event: JSON) -> None:
        kind = event["type"]
        if kind == "context-options":
            self._options(event)
        elif kind == "action" and isinstance(event.get("metadata"), dict):
            self._version3(event["metadata"])
        elif kind in {"before", "action"}:
            self._before(event)
        elif kind == "input" and event.get("callId") in self.calls:
            self._point(self.calls[event["callId"]], event.get("point"))
        elif kind == "log" and event.get("callId") in self.calls:
            self.calls[event["callId"]].log.append(str(event.get("message", "")))
        elif kind == "after" and event.get("callId") in self.calls:
            self._after(self.calls[event["callId"]], event)
        elif kind == "screencast-frame":
            size = _size(event.get("width"), event.get("height"))
            self.frames.append(
                FrameEvent(str(event["sha1"]), str(event.get("pageId", "")), _ms(event["timestamp"]), size)
            )
        elif kind == "frame-snapshot" and str(event["snapshot"].get("snapshotName")).startswith(_ACTED):
            self._acted[str(event["snapshot"]["callId"])] = _ms(event["snapshot"]["timestamp"])
        elif kind == "error":
            self.errors.append(str(event.get("message", ""))[:2000])

    def _options(self, event: JSON) -> None:
        options = event.get("options") if isinstance(event.get("options"), dict) else {}
        viewport = options.get("viewport") if isinstance(options, dict) else None
        if isinstance(viewport, dict):
            self._viewport = _size(viewport.get("width"), viewport.get("height"))
        self.title = str(event.get("title") or "")
        known = ("browserName", "playwrightVersion", "platform", "sdkLanguage")
        self.about = {key: str(event[key]) for key in known if event.get(key)}
        version: Any = event.get("version")
        if version is not None:
            self.about["trace version"] = str(version)
        if _is_number(version) and version > NEWEST:
            self.problems.append(f"its version {version} is newer than those that footage knows (up to {NEWEST})")
        if _is_number(event.get("wallTime")) and _is_number(event.get("monotonicTime")):
            self._offset = float(event["wallTime"]) - float(event["monotonicTime"])

    def _clock(self, event: JSON) -> None:
        """Learn the wall clock from a call that tells both, where the trace's head does not."""
        if self._offset is None and _is_number(event.get("wallTime")) and _is_number(event.get("startTime")):
            self._offset = float(event["wallTime"]) - float(event["startTime"])

    def _before(self, event: JSON) -> None:
        self._clock(event)
        kind, method = str(event.get("class") or ""), str(event.get("method") or "")
        name = str(event.get("title") or event.get("apiName") or f"{kind}.{method}".strip("."))
        params = event.get("params") if isinstance(event.get("params"), dict) else {}
        call = Call(str(event["callId"]), name, method, _ms(event["startTime"]), params or {})
        call.page, call.step = str(event.get("pageId") or ""), str(event.get("stepId") or "")
        call.parent, call.by_test = str(event.get("parentId") or ""), kind == "Test"
        call.viewport = self._viewport
        self._point(call, event.get("point"))
        self.calls[call.id] = call

    def _after(self, call: Call, event: JSON) -> None:
        call.ended = _ms(event["endTime"])
        call.error = _error(event.get("error"))
        call.log += [str(line) for line in event.get("log") or []]
        self._point(call, event.get("point"))

    def _version3(self, about: JSON) -> None:
        if about.get("internal") or about.get("pauseStartTime") is not None:
            return
        event = about | {"callId": about.get("id"), "class": about.get("type"), "endTime": about.get("endTime")}
        self._before(event)
        self._after(self.calls[str(event["callId"])], event)

    def _point(self, call: Call, point: Any) -> None:
        if isinstance(point, dict):
            call.point = point.get("x"), point.get("y")

    def settle(self) -> None:
        """Set the calls' times on the shared clock, once the trace's clocks are known."""
        for call in self.calls.values():
            call.started_ns, call.ended_ns = self.wall_ns(call.started), self.wall_ns(call.ended)
            call.started = self.shared(call.started)
            call.acted = self.shared(self._acted[call.id]) if call.id in self._acted else None
            call.ended = self.shared(call.ended) if call.ended is not None else None


def merged(traces: Sequence[Trace]) -> list[Call]:
    """
    Return the calls of all traces by time, each once: the test runner's record of a call made in a browser is left out.

    Its hooks, fixtures and attachments are left out too. Where the runner's clock differs from the browser's (a remote
    browser), all are brought to the runner's.
    """
    tests = [trace for trace in traces if any(call.by_test for call in trace.calls.values())]
    others = [trace for trace in traces if trace not in tests]
    own = {call.id: (trace, call) for trace in tests for call in trace.calls.values()}
    for trace in others:
        pairs = [
            (own[c.step][0].shared(own[c.step][1].started), trace.shared(c.started))
            for c in trace.calls.values()
            if c.step in own
        ]
        trace.shift = median(ours - theirs for ours, theirs in pairs) if pairs else 0.0
    for trace in traces:
        trace.settle()
    calls = [call for trace in others for call in trace.calls.values()]
    taken = {call.step for call in calls if call.step}
    named = [(call.name, call.started) for call in calls if not call.step]
    parents = {call.parent for trace in tests for call in trace.calls.values()}
    for _, call in own.values():
        same = any(name == call.name and abs(at - call.started) < 1000 for name, at in named)
        if not (call.id in taken or call.id in parents or same or call.id.startswith(_HOUSEKEEPING)):
            calls.append(call)
    return sorted(calls, key=lambda call: call.started)


def action_of(call: Call, *, size: tuple[int, int] | None, page: tuple[int, int] | None) -> Action:
    """
    Return what a call did: one on a point of the page is a computer action at that point of the picture.

    `size` is the picture's, `page` the page's in CSS pixels. Others keep their names, and have no point.
    """
    raw: JSON = {"name": call.name, "method": call.method, "params": call.params}
    if call.point is not None:
        raw["point"] = {"x": call.point[0], "y": call.point[1]}
    canvas = Canvas(size or page, page)
    name = _CLICKS.get(call.method) if call.point is not None else _MOUSE.get(call.method)
    given = call.point if call.point is not None else (call.params.get("x"), call.params.get("y"))
    if name is not None:
        point = canvas.point(*given)
        name = _BUTTONS.get(str(call.params.get("button")), name) if name == "left_click" else name
        return Action(name, {"coordinate": point} if point else {}, raw=raw, space=canvas.space)
    if call.method in {"keyboardType", "keyboardInsertText"}:
        return Action("type", {"text": str(call.params.get("text", ""))}, raw=raw)
    if call.method == "keyboardPress":
        return Action("key", {"text": str(call.params.get("key", ""))}, raw=raw)
    known = ("url", "selector", "value", "text", "key", "expression", "html")
    arguments = {key: call.params[key] for key in known if isinstance(call.params.get(key), str)}
    return Action(call.name or call.method or "unknown", arguments, "browser", raw)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _ms(value: Any) -> float:
    """Return a time in milliseconds. Raises TypeError for what is none."""
    if not _is_number(value) or abs(value) > 1e15:
        raise TypeError(f"{value!r} is no time")
    return float(value)


def _size(width: Any, height: Any) -> tuple[int, int] | None:
    if _is_number(width) and _is_number(height) and 1 <= width < 65536 and 1 <= height < 65536:
        return int(width), int(height)
    return None


def _error(given: Any) -> str:
    """Return an error's message: versions nest it differently."""
    if isinstance(given, dict):
        inner = given.get("error")
        return _error(inner) if isinstance(inner, dict) else str(given.get("message") or given.get("value") or given)
    found = objects([given])
    return str(found[0] if found else given) if given else ""
