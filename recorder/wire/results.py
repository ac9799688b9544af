"""What the model was told of its tool calls: results become the end of steps, their pictures `observed` frames."""

from __future__ import annotations

from collections.abc import Callable

from footage.providers.call_results import ResultShare, is_failed, shares_of, zoomed
from footage.providers.common_form import content_of
from footage.providers.uploads import Uploads
from footage.recorder.screen.frame_queue import PictureQueue, QueuedFrame
from footage.recorder.step_book import StepBook, StepEntry
from footage.trajectory import JSON, FrameRole, Instant, StepStatus

__all__ = ["ResultReader"]


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
        shares = shares_of(
            content_of(block), len(entries), failed=is_failed(block), picture_of=self.uploads.image_bytes
        )
        for entry, share in zip(entries, shares, strict=True):
            entry.answered = entry.claimed = True
            self._finish(entry, share)

    def _finish(self, entry: StepEntry, share: ResultShare[bytes]) -> None:
        known = entry.status if entry.status is not StepStatus.INTENDED else None
        if share.status is StepStatus.FAILED:
            self._steps.finish(entry, StepStatus.FAILED, error=share.text)
        elif share.status is StepStatus.NOT_EXECUTED and known is None:
            self._steps.finish(entry, StepStatus.NOT_EXECUTED, error=share.text)
        else:
            self._steps.finish(entry, known or StepStatus.EXECUTED, result_text=share.text, hearsay=True)
        for image in share.pictures[entry.observed :]:
            self._observe(entry, image)
        entry.observed = max(entry.observed, len(share.pictures))

    def _observe(self, entry: StepEntry, image: bytes) -> None:
        if entry.index is None:
            return
        roles = [(entry.index, FrameRole.OBSERVED)]
        screen, region = self._screen(), zoomed(entry.action)
        self._pictures.put(QueuedFrame(image, Instant.now(), roles, screen=screen, region=region, source="wire"))
