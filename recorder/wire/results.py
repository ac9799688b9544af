"""What the model was told of its tool calls: results become the end of steps, their pictures `observed` frames."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from footage.providers.common_form import content_of, says_not_executed
from footage.providers.uploads import Uploads
from footage.recorder.screen.frame_queue import PictureQueue, QueuedFrame
from footage.recorder.step_book import StepBook, StepEntry
from footage.trajectory import JSON, FrameRole, Instant, Region, StepStatus

__all__ = ["ResultReader"]

_LABEL = re.compile(r"\[(\d+)[:\]]")
"""How batch tools mark the result of each action: "[0:left_click] (ok)"."""


@dataclass(slots=True)
class _Part:
    """The share of a result that belongs to one step."""

    texts: list[str] = field(default_factory=list)
    images: list[bytes] = field(default_factory=list)


class ResultReader:
    """Takes the results in requests; each call's result counts once, however often it is sent again."""

    def __init__(self, steps: StepBook, pictures: PictureQueue, screen: Callable[[], tuple[int, int] | None]) -> None:
        self._steps = steps
        self._pictures = pictures
        self._screen = screen
        self.uploads = Uploads()
        self.on_results: Callable[[list[StepEntry], Instant], None] = lambda _entries, _since: None
        """Told of a call's steps when the model is about to be told of them, and of when that request came."""

    def take(self, block: JSON, since: Instant, *, again: bool = False) -> None:
        """
        Record one result block of a request that came at `since`; one of an unknown call changes nothing.

        `again`: a recorder that died may have stored some of it; what it has not is stored now.
        """
        entries = self._steps.of_call(str(block.get("tool_use_id") or ""))
        if not entries or (entries[0].answered and not again):
            return
        self.on_results(entries, since)
        failed = bool(block.get("is_error")) or _is_error(block.get("content"))
        parts, labelled = _shares(block, len(entries), self.uploads)
        for number, (entry, part) in enumerate(zip(entries, parts, strict=True)):
            entry.answered = entry.claimed = True
            last = labelled is None or number == labelled
            skipped = labelled is not None and number > labelled
            self._finish(entry, part, failed=failed and last, skipped=failed and skipped)

    def _finish(self, entry: StepEntry, part: _Part, *, failed: bool, skipped: bool) -> None:
        text = "\n".join(part.texts)
        unsaid = skipped or (failed and says_not_executed(text))
        if unsaid and entry.status is StepStatus.INTENDED:
            self._steps.finish(entry, StepStatus.NOT_EXECUTED, error=text)
        elif failed:
            self._steps.finish(entry, StepStatus.FAILED, error=text)
        else:
            known = entry.status if entry.status is not StepStatus.INTENDED else StepStatus.EXECUTED
            self._steps.finish(entry, known, result_text=text, hearsay=True)
        for image in part.images[entry.observed :]:
            self._observe(entry, image)
        entry.observed = max(entry.observed, len(part.images))

    def _observe(self, entry: StepEntry, image: bytes) -> None:
        if entry.index is None:
            return
        roles = [(entry.index, FrameRole.OBSERVED)]
        screen, region = self._screen(), _zoomed(entry)
        self._pictures.put(QueuedFrame(image, Instant.now(), roles, screen=screen, region=region, source="wire"))


def _zoomed(entry: StepEntry) -> Region | None:
    """Return the part of the screen that a zoom's picture shows."""
    if entry.action.name != "zoom" or "region" not in entry.action.arguments:
        return None
    x0, y0, x1, y1 = entry.action.arguments["region"]
    return Region(x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None


def _is_error(content: object) -> bool:
    """Whether the service's own tools report an error, as content of a type that says so."""
    return isinstance(content, dict) and str(content.get("type") or "").endswith("_error")


def _shares(block: JSON, count: int, uploads: Uploads) -> tuple[list[_Part], int | None]:
    """
    Share a result out among `count` steps; return the parts, and the last label seen (None without labels).

    By labels where the tool sets them; else all of it belongs to the last step, or one picture to each where the
    numbers agree.
    """
    parts, images = [_Part() for _ in range(count)], list[bytes]()
    at, label = count - 1, None
    for item in content_of(block):
        if item.get("type") == "image":
            data = uploads.image_bytes(item)
            if data is not None:
                parts[at].images.append(data)
                images.append(data)
        elif isinstance(item.get("text"), str):
            found = _LABEL.match(item["text"]) if count > 1 else None
            if found and int(found[1]) < count:
                at = label = int(found[1])
            parts[at].texts.append(item["text"])
    if label is None and count > 1 and len(images) == count:
        for part, image in zip(parts, images, strict=True):
            part.images = [image]
    return parts, label
