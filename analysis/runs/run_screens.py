"""How a screen of one run compares with a screen of the other; pictures are loaded only where that needs them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np

from footage.analysis.runs.align import Pair, changed_from_afar
from footage.analysis.runs.sides import Side
from footage.analysis.screens.blobs import clip, crop, touches
from footage.analysis.screens.comparison_of_screens import (
    ANOTHER_PAGE,
    IDENTICAL,
    VOLATILE,
    ScreenDifference,
    ScreenVerdict,
    changed_cells,
    compare_screens,
    effect_regions,
    focus_regions,
)
from footage.analysis.screens.volatile import joined, learn_between, learn_volatile, volatile_of
from footage.storage import Store
from footage.storage.pictures.signatures import GRID
from footage.trajectory import JSON, Action, Frame, Pixels, Region

if TYPE_CHECKING:
    from footage.analysis.runs.align import Signature
    from footage.storage.pictures.parts import Parts

_T = TypeVar("_T")

_KEPT_PICTURES = 12
_REACH = 48
_FEW_PIXELS = 3
"""A difference of fewer pixels than this counts only if the next screens show it too."""
_MUCH = 0.05
"""Screens that differ in this share of the cells of their signatures are not looked at to know that they do."""
_WHOLE_AHEAD = 2
"""Pairs of screens that are loaded whole, the one that is compared among them."""
_MOST_STRETCHES = 40
_MOST_PAIRS = 16
_TOUCHED = 16
"""So far around a point of an action, in pixels, no clock is learned."""
_STANDS_STILL = 180
"""Seconds after which a clock would have changed."""


class Screens:
    """Compares screens of two runs; loads pictures only where their hashes differ."""

    def __init__(self, store: Store, a: Side, b: Side, volatile: Sequence[Region] = ()) -> None:
        self._store = store
        store.forget_pictures()
        self._sides = (a, b)
        drivers = [(side.run.machine or {}).get("driver") for side in (a, b)]
        self._same_machine = (drivers[0] is not None and drivers[0] == drivers[1]) or _share_a_screen(a, b)
        self._volatile = (*volatile, *volatile_of(a.run), *volatile_of(b.run))
        self._learned = False
        self._pairs: Sequence[tuple[int, int]] = ()
        self.left_out: tuple[Region, ...] = ()
        """Regions that were found to be clocks, of which the two runs show different times."""
        self._pictures: OrderedDict[str, Pixels] = OrderedDict()
        self._signatures: dict[str, Signature] = {}
        self._coming: dict[str, Future[Pixels]] = {}
        self._parts_coming: dict[tuple[int, int], Future[Parts | None]] = {}
        self._seen: set[tuple[int, int]] = set()
        self._loader = ThreadPoolExecutor(2, thread_name_prefix="footage-diff")

    def aligned(self, pairs: Sequence[Pair]) -> None:
        """Take note of which steps stand for each other."""
        ends = len(self._sides[0].steps), len(self._sides[1].steps)
        self._pairs = [(i, j) for i, j in [*pairs, ends] if i is not None and j is not None]

    def pixels(self, frame: Frame) -> Pixels:
        """Return a frame in the size of its screen."""
        key = _name(frame)
        if key not in self._pictures:
            coming = self._coming.pop(frame.sha256, None)
            pixels = self._store.pixels(frame.picture) if coming is None else coming.result()
            if pixels.shape[:2] != (frame.screen_height, frame.screen_width):
                size = (frame.screen_width, frame.screen_height)
                pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
            self._pictures[key] = pixels
            if len(self._pictures) > _KEPT_PICTURES:
                self._pictures.popitem(last=False)
        self._pictures.move_to_end(key)
        return self._pictures[key]

    def expect(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Begin to read what differs before pairs of steps that are compared soon; of the next, whole pictures too."""
        a, b = self._sides
        for number, (i, j) in enumerate(pairs):
            one, two = a.before(i), b.before(j)
            if one is None or two is None or one.sha256 == two.sha256:
                continue
            if self._may_be_slight(one, two):
                key = one.picture, two.picture
                if key not in self._seen:
                    self._seen.add(key)
                    self._parts_coming[key] = self._loader.submit(self._store.parts, *key)
            elif number < _WHOLE_AHEAD:
                for frame in (one, two):
                    if _name(frame) not in self._pictures and frame.sha256 not in self._coming:
                        self._coming[frame.sha256] = self._loader.submit(self._store.pixels, frame.picture)

    def _may_be_slight(self, a: Frame, b: Frame) -> bool:
        """Tell whether two frames are of one renderer and alike from afar: where they differ is then read first."""
        return self._exact(a, b) and changed_from_afar(self.signature(a), self.signature(b)).mean() < _MUCH

    def close(self) -> None:
        """Load no more."""
        self._loader.shutdown(cancel_futures=True)

    def signature(self, frame: Frame) -> Signature:
        """Return a frame's signature, see `align.signature_costs`."""
        if frame.sha256 not in self._signatures:
            found = self._store.signatures([frame.picture])[frame.picture]
            self._signatures[frame.sha256] = np.frombuffer(found, np.uint8)
        return self._signatures[frame.sha256]

    def load_signatures(self, frames: Sequence[Frame], on_made: Callable[[], None] = lambda: None) -> None:
        """Load the signatures of many frames at once."""
        pictures = {frame.picture: frame.sha256 for frame in {frame.sha256: frame for frame in frames}.values()}
        for picture, signature in self._store.signatures(pictures, on_made).items():
            self._signatures[pictures[picture]] = np.frombuffer(signature, np.uint8)

    def roughly(self, i: int, j: int) -> ScreenDifference | None:
        """Compare the screens before two steps from afar; None where that does not show that they differ much."""
        a, b = self._sides
        one, two = a.before(i), b.before(j)
        if one is None or two is None or (one.screen_width, one.screen_height) != (two.screen_width, two.screen_height):
            return None
        changed = changed_from_afar(self.signature(one), self.signature(two))
        width, height = one.screen_width, one.screen_height
        for ignored in self._volatile:
            cells = clip(ignored, (height, width))
            top, bottom = cells.y * GRID[1] // height, (cells.bottom * GRID[1] - 1) // height + 1
            left, right = cells.x * GRID[0] // width, (cells.right * GRID[0] - 1) // width + 1
            changed[top:bottom, left:right] = False
        share = float(changed.mean())
        if share < _MUCH:
            return None
        rows, columns = np.nonzero(changed)
        x, y = int(columns.min()) * width // GRID[0], int(rows.min()) * height // GRID[1]
        right, bottom = (int(columns.max()) + 1) * width // GRID[0], (int(rows.max()) + 1) * height // GRID[1]
        what = "another page" if share >= ANOTHER_PAGE else "much changed"
        region = Region(x, y, right - x, bottom - y)
        why = f"{what}: about {100 * share:.0f} % of the screen"
        return ScreenDifference(ScreenVerdict.MATERIAL, (region,), region.width * region.height, why, share)

    def is_slight(self, difference: ScreenDifference | None) -> bool:
        """Tell whether a material difference is of so few pixels, or so thin a line, that it may be an accident."""
        if difference is None or not difference.is_material or difference.resized:
            return False
        thin = len(difference.regions) == 1 and difference.regions[0].width == 1
        return thin or difference.changed_pixels < _FEW_PIXELS

    def are_later(self, pair: tuple[int, int], later: tuple[int, int]) -> bool:
        """Tell whether a later pair of steps began with screens that were captured anew."""
        return all(
            (frame := side.before(index)) is not None and (before is None or frame.id != before.id)
            for side, index, before in zip(
                self._sides, later, (self._sides[0].before(pair[0]), self._sides[1].before(pair[1])), strict=True
            )
        )

    def lasts(self, difference: ScreenDifference, pair: tuple[int, int], later: tuple[int, int]) -> bool:
        """Tell whether the screens before two later steps still show the few pixels in which these differ."""
        shown = []
        for side, index, after in zip(self._sides, pair, later, strict=True):
            now, then = side.before(index), side.before(after)
            if now is None or then is None:
                return False
            shown.append((self.pixels(now), self.pixels(then)))
        return all(
            bool(np.array_equal(crop(now, clip(r, now.shape)), crop(then, clip(r, then.shape))))
            for now, then in shown
            for r in difference.regions
        )

    def before(self, i: int, j: int, last: tuple[int, int] | None = None) -> ScreenDifference | None:
        """Compare the screens before two steps; `last` is the pair of acting steps whose effect they show."""
        a, b = self._sides
        frames = a.before(i), b.before(j)
        pointers = [*a.pointers(i), *b.pointers(j)]

        def focus() -> list[Region]:
            regions = [*_around(a.action(i)), *_around(b.action(j))]
            return regions if last is None else regions + self._effect_regions(last, frames)

        return self.compare(*frames, focus=focus, pointers=pointers)

    def after(self, i: int, j: int) -> ScreenDifference | None:
        """Compare the screens after two steps, where both were captured."""
        a, b = self._sides
        frames = a.after(i), b.after(j)

        pointers = [*a.pointers(i + 1), *b.pointers(j + 1)]
        return self.compare(*frames, focus=lambda: self._effect_regions((i, j), frames), pointers=pointers)

    def _effect_regions(self, steps: tuple[int, int], after: Sequence[Frame | None]) -> list[Region]:
        """
        Return where two steps took effect: around their points, and where both changed their screens.

        What only one of them changed may be a stray pixel; it counts only for typing that did nothing in the other.
        """
        changed: list[list[Region]] = []
        around: list[Region] = []
        idle = False
        for side, index, frame in zip(self._sides, steps, after, strict=True):
            before, action = side.before(index), side.steps[index].action
            around += focus_regions(action)
            if before is None or frame is None:
                changed.append([])
                continue
            idle = idle or before.sha256 == frame.sha256
            changed.append(self._changed_by(action, before, frame))
        one, two = changed
        if idle and self._sides[0].steps[steps[0]].action.name == "type":
            return [*around, *one, *two]
        return around + [r for r in one if touches(r, two)] + [r for r in two if touches(r, one)]

    def _changed_by(self, action: Action, before: Frame, after: Frame) -> list[Region]:
        """Return the places that an action changed on its run's screen; none where it brought another page."""
        afar = changed_from_afar(self.signature(before), self.signature(after))
        if before.sha256 == after.sha256 or afar.mean() >= ANOTHER_PAGE:
            return []
        parts = self._parts(before, after) if _as_shown(before) and _as_shown(after) else None
        if parts is not None:
            found = effect_regions(action, parts.a, parts.b, before.width * before.height)
            return [_moved(region, parts.x, parts.y) for region in found]
        one, two = self.pixels(before), self.pixels(after)
        return effect_regions(action, one, two, one.shape[0] * one.shape[1]) if one.shape == two.shape else []

    def effect(self, side: Side, index: int) -> ScreenDifference | None:
        """Return what a step changed on its own run's screen; None where that is unknown."""
        pointers = [*side.pointers(index), *side.pointers(index + 1)]
        before, after = side.before(index), side.after(index) or side.before(index + 1)

        def focus() -> list[Region]:
            around = _around(side.action(index))
            if before is None or (around and not before.lossy):
                return around
            return [Region(0, 0, before.screen_width, before.screen_height)]

        return self.compare(before, after, focus=focus, pointers=pointers, one_run=True)

    def acted_there(self, side: Side, index: int, effect: ScreenDifference, *, entirely: bool = False) -> bool:
        """Tell whether a change (all its regions: `entirely`) is around an action; without a point it always is."""
        around = _around(side.action(index))
        touching = [touches(region, around) for region in effect.regions]
        return not around or (all(touching) if entirely else any(touching))

    def compare(
        self,
        a: Frame | None,
        b: Frame | None,
        *,
        focus: Callable[[], Sequence[Region]] = list,
        pointers: Sequence[tuple[int, int]] = (),
        one_run: bool = False,
    ) -> ScreenDifference | None:
        """Compare two frames; None where one is missing. A material difference is looked at again without clocks."""
        if a is None or b is None:
            return None
        sizes = [(f.screen_width, f.screen_height) for f in (a, b)]
        if a.sha256 == b.sha256 and sizes[0] == sizes[1]:
            return IDENTICAL
        alike = (sizes[0] != (a.width, a.height)) == (sizes[1] != (b.width, b.height))
        exact = self._exact(a, b, one_run=one_run)
        if exact and self._may_be_slight(a, b) and (slight := self._slightly(a, b, focus, pointers)) is not None:
            return slight
        one, two = self.pixels(a), self.pixels(b)
        near: Sequence[Region] | None = None if alike and exact else focus() if alike else ()
        while True:
            ignored, looked_at = self._volatile, near or ()
            difference = compare_screens(
                one, two, exact_source=exact, focus=looked_at, pointers=pointers, volatile=ignored
            )
            if difference.is_material and not self._learned:
                self._learn()
            elif near is None and difference.has_specks:
                near = focus()  # a single pixel counts there, and finding out where takes two more pictures
            else:
                return difference

    def _slightly(
        self, a: Frame, b: Frame, focus: Callable[[], Sequence[Region]], pointers: Sequence[tuple[int, int]]
    ) -> ScreenDifference | None:
        """
        Compare two frames of one renderer by the tiles that differ; None where that shows more than can be forgiven.

        Such frames are then loaded whole, and checked.
        """
        parts = self._parts(a, b)
        if parts is None:
            return None
        x, y, near = parts.x, parts.y, list[Region]()
        while True:
            difference = compare_screens(
                parts.a,
                parts.b,
                focus=[_moved(region, -x, -y) for region in near],
                pointers=[(px - x, py - y) for px, py in pointers],
                volatile=[_moved(region, -x, -y) for region in self._volatile],
            )
            if difference.is_material:
                return None
            if not difference.has_specks or near or not (near := list(focus())):
                return self._placed(difference, parts, a)

    def _placed(self, difference: ScreenDifference, parts: Parts, frame: Frame) -> ScreenDifference:
        """Return what was found in a part of the screen as it is in the whole screen."""
        if difference.why == VOLATILE:
            shape = frame.height, frame.width
            return replace(difference, regions=tuple(clip(region, shape) for region in self._volatile))
        return replace(difference, regions=tuple(_moved(region, parts.x, parts.y) for region in difference.regions))

    def _parts(self, a: Frame, b: Frame) -> Parts | None:
        coming = self._parts_coming.pop((a.picture, b.picture), None)
        return self._store.parts(a.picture, b.picture) if coming is None else coming.result()

    def _exact(self, a: Frame, b: Frame, *, one_run: bool = False) -> bool:
        """Tell whether two frames come from one renderer, as they were shown."""
        return (one_run or self._same_machine) and not (a.lossy or b.lossy) and _as_shown(a) and _as_shown(b)

    def compare_pictures(self, a: JSON, b: JSON) -> ScreenDifference:
        """Compare two images of requests, as `Store.request` names them."""
        one, two = (self._store.pixels(int(source["picture"])) for source in (a, b))
        exact = self._same_machine and a.get("media_type") == b.get("media_type") == "image/png"
        difference = compare_screens(one, two, exact_source=exact, volatile=self._scaled(one))
        if difference.is_material and not self._learned:
            self._learn()
            difference = compare_screens(one, two, exact_source=exact, volatile=self._scaled(one))
        return difference

    def _scaled(self, picture: Pixels) -> Sequence[Region]:
        """Return the volatile regions in a picture that shows the whole screen, maybe smaller."""
        frame = self._sides[0].before(0)
        height, width = picture.shape[:2]
        if frame is None or (width, height) == (frame.screen_width, frame.screen_height):
            return self._volatile
        across, down = width / frame.screen_width, height / frame.screen_height
        if abs(across - down) * max(width, height) > 2:  # it is a part of the screen
            return ()
        return [
            Region(int(r.x * across) - 1, int(r.y * down) - 1, int(r.width * across) + 3, int(r.height * down) + 3)
            for r in self._volatile
        ]

    def _learn(self) -> None:
        """Learn what changes by itself in either run; once, and only when there is a difference to explain."""
        self._learned = True
        for side in self._sides:
            stretches = _spread(list(side.idle()), _MOST_STRETCHES)
            changed = [(one, two) for one, two in stretches if one.sha256 != two.sha256]
            pairs = ((self.pixels(one), self.pixels(two)) for one, two in changed)
            self._volatile += learn_volatile(pairs, unchanged=len(stretches) - len(changed))
        self.left_out = self._learn_between()
        self._volatile += self.left_out

    def _learn_between(self) -> tuple[Region, ...]:
        """Return where the runs differ in every pair of screens, in a small place that no action touched."""
        a, b = self._sides
        found = [(one, two) for i, j in self._pairs if (one := a.before(i)) and (two := b.before(j))]
        sizes = {(f.screen_width, f.screen_height) for pair in found for f in pair}
        shown = list({(one.sha256, two.sha256): (one, two) for one, two in found}.values())
        if len(sizes) != 1 or sum(one.sha256 == two.sha256 for one, two in found) * 5 > len(found):
            return ()
        spread = _spread(shown, _MOST_PAIRS)
        masks = [
            changed_cells(self.pixels(one), self.pixels(two), exact_source=self._exact(one, two)) for one, two in spread
        ]
        points = [point for side in self._sides for step in side.steps if (point := step.action.point)]
        touched = [Region(x - _TOUCHED, y - _TOUCHED, 2 * _TOUCHED, 2 * _TOUCHED) for x, y in points]
        regions = learn_between(masks, *sizes.pop(), touched)
        return tuple(region for region in joined(regions) if not self._stands_still(region, spread))

    def _stands_still(self, region: Region, pairs: Sequence[tuple[Frame, Frame]]) -> bool:
        """Tell whether a region showed the same all along, in either run, for longer than a clock does."""
        for side in (0, 1):
            frames = [pair[side] for pair in pairs]
            walls = [frame.captured.wall_ns for frame in frames]
            shown = {crop(self.pixels(frame), clip(region, self.pixels(frame).shape)).tobytes() for frame in frames}
            if len(shown) == 1 and max(walls) - min(walls) > _STANDS_STILL * 10**9:
                return True
        return False


def _spread(items: Sequence[_T], most: int) -> Sequence[_T]:
    """Return so many items at most, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return items
    return [items[round(n * (len(items) - 1) / (most - 1))] for n in range(most)]


def _share_a_screen(a: Side, b: Side) -> bool:
    """Tell whether two runs showed the same lossless screen to the last pixel, which no two renderers do."""
    one, two = (
        {frame.sha256 for index in range(len(side.steps)) if (frame := side.before(index)) and not frame.lossy}
        for side in (a, b)
    )
    return not one.isdisjoint(two)


def _name(frame: Frame) -> str:
    return f"{frame.sha256} {frame.screen_width} {frame.screen_height}"


def _as_shown(frame: Frame) -> bool:
    """Tell whether a frame was stored in the size of its screen."""
    return (frame.screen_width, frame.screen_height) == (frame.width, frame.height)


def _moved(region: Region, x: int, y: int) -> Region:
    return replace(region, x=region.x + x, y=region.y + y)


def _around(action: Action | None) -> list[Region]:
    return [] if action is None else list(focus_regions(action, reach=_REACH))
