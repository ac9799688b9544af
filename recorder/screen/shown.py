"""
Screens that a request shows outside of all results, as agents do that tell their history anew each time.

The one picture of the newest message that no result holds, and that was not shown before, is the screen as the agent
saw it: after the last call of the turn before (`observed`), and before the first call of the reply (`before`, where no
machine is watched). Whether it is a screen, and no picture that a person shows, is known where it follows calls, or has
the size of the declared display, of the one before it, or of the result after it. Where several are new, none is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from footage.providers.common_form import content_of, objects, tool_results
from footage.providers.uploads import Uploads
from footage.recorder.screen.frame_queue import PictureQueue, QueuedFrame
from footage.recorder.step_book import StepEntry
from footage.trajectory import JSON, FrameRole, Instant

__all__ = ["Showing", "ShownScreens"]


@dataclass(slots=True, eq=False)
class _Shown:
    """A picture in a request, and the steps that it stands between."""

    picture: bytes
    size: tuple[int, int]
    captured: Instant
    """When the request came: it was taken before."""
    follows: StepEntry | None
    precedes: StepEntry | None = None


@dataclass(slots=True, eq=False)
class Showing:
    """What the requests of one conversation show outside of results, so far."""

    last: _Shown | None = None
    """In the last request."""
    sure: bool = False
    """Whether that is a screen."""
    seen: frozenset[int] = frozenset()
    """Fingerprints of all that the last request showed so."""
    calls: list[StepEntry] = field(default_factory=list)
    """The steps of the last reply."""


class ShownScreens:
    """Makes frames of the screens that requests show. Its caller takes care that one thread at a time is here."""

    def __init__(self, pictures: PictureQueue, uploads: Uploads, screen: Callable[[], tuple[int, int] | None]) -> None:
        self._pictures = pictures
        self._uploads = uploads
        self._screen = screen

    def ask(
        self, showing: Showing, messages: Sequence[JSON], at: Instant, *, declared: tuple[int, int] | None, again: bool
    ) -> None:
        """Take in the messages of a request that came `at`; `again`: another attempt at the last one."""
        calls, showing.calls = showing.calls, []
        if again:
            if showing.last is not None:
                showing.last.precedes = None  # nobody performs the calls of a reply that was cut
            return
        earlier = showing.last
        showing.last = self._find(showing, messages, at, calls[-1] if calls else None)
        size = showing.last.size if showing.last is not None else None
        follows = earlier is not None and bool(calls) and earlier.size in {size, self._answered(messages)}
        if follows and not showing.sure and earlier is not None:
            self._keep(earlier, earlier.follows, earlier.precedes)
        showing.sure = showing.last is not None and (follows or bool(calls) or size == declared)

    def reply(self, showing: Showing, calls: Sequence[StepEntry]) -> None:
        """Take in steps that a reply asks for, as they are stored."""
        shown = showing.last
        if shown is not None and shown.precedes is None and calls:
            shown.precedes = calls[0]
            if showing.sure:
                self._keep(shown, shown.follows, shown.precedes)
        showing.calls += calls

    def end(self, showing: Showing) -> None:
        """Take note that a reply is over: one without calls tells nothing more of the screen it answers."""
        if showing.last is not None and showing.sure:
            self._keep(showing.last, showing.last.follows, None)

    def _answered(self, messages: Sequence[JSON]) -> tuple[int, int] | None:
        """Return the size of the last picture that the newest results hold."""
        pictures = [image for result in tool_results(list(messages[-1:])) for image in _images(result)]
        return self._uploads.size_of(pictures[-1]) if pictures else None

    def _find(
        self, showing: Showing, messages: Sequence[JSON], at: Instant, follows: StepEntry | None
    ) -> _Shown | None:
        """Return the one picture of the newest message that may be a screen."""
        newest: list[JSON] = []
        for message in reversed(messages):
            if message.get("role") == "assistant":
                break
            newest.insert(0, message)
        everywhere = {_print(block) for message in messages for block in _images(message)}
        before, showing.seen = showing.seen, frozenset(everywhere)
        if any(True for block in tool_results(newest) for _ in _images(block)):
            return None
        shown = [block for message in newest for block in _images(message)]
        new = [block for block in shown if _print(block) not in before]
        found = new or shown
        picture = self._uploads.image_bytes(found[0]) if len(found) == 1 else None
        size = self._uploads.size_of(found[0]) if picture is not None else None
        return _Shown(picture, size, at, follows) if picture is not None and size is not None else None

    def _keep(self, shown: _Shown, follows: StepEntry | None, precedes: StepEntry | None) -> None:
        screen = self._screen()
        roles = list[tuple[int, FrameRole]]()
        if follows is not None and follows.index is not None and not follows.observed:
            follows.observed += 1
            roles.append((follows.index, FrameRole.OBSERVED))
        if precedes is not None and precedes.index is not None and screen is None:
            roles.append((precedes.index, FrameRole.BEFORE))
        if roles:
            self._pictures.put(QueuedFrame(shown.picture, shown.captured, roles, screen=screen, source="wire"))


def _images(holder: JSON) -> list[JSON]:
    """Return the pictures that a message, or a result, holds itself."""
    return [block for block in objects(content_of(holder)) if block.get("type") == "image"]


def _print(block: JSON) -> int:
    """Return a fingerprint (valid in this process) of a picture, as it stands in a request."""
    source = block.get("source")
    known = source if isinstance(source, dict) else {}
    return hash(tuple(str(known.get(name) or "") for name in ("data", "file_id", "url")))
