"""Pictures in the page itself: each defined once, as the one before it and what is new in it."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from markupsafe import Markup

from footage.errors import StoreCorrupt
from footage.storage import Store
from footage.trajectory import Frame, Pixels, Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["define", "patches", "picture"]

CHAIN = 6
"""How many pictures may stand upon each other: a browser draws them all."""

_CELL = 16  # pixels
_MARGIN = 2  # around what is new, so that no seam shows where the picture is scaled
_MOST = 12  # pieces of one picture
_LARGE = 0.5  # of a picture: then it is written whole
_DAMAGED = '<rect width="100%" height="100%" fill="#888"/>'


def picture(frame: Frame, label: str = "") -> Markup:
    """Return what shows a frame's picture, which is defined elsewhere in the page."""
    size = f'viewBox="0 0 {frame.width} {frame.height}" preserveAspectRatio="xMinYMin slice"'
    said = Markup('role="img" aria-label="{}"').format(label) if label else 'aria-hidden="true"'
    names = f"picture size-{frame.width}x{frame.height}"
    return Markup(f'<svg class="{names}" {size} {said}><use href="#p{frame.picture}"/></svg>')  # noqa: S704 - numbers


def define(store: Store, frames: Sequence[Frame]) -> Iterator[Markup]:
    """Yield the definition of each picture, the ones that others stand upon first; a damaged one is grey."""
    before: tuple[int, Pixels] | None = None
    depth = 0
    for frame in {frame.picture: frame for frame in frames}.values():
        try:
            pixels = store.pixels(frame.picture)
        except StoreCorrupt:
            yield _group(frame.picture, _DAMAGED)
            continue
        new = None if before is None or depth >= CHAIN else patches(before[1], pixels)
        if new is None or before is None:
            depth = 0
            content = _image(pixels, Region(0, 0, frame.width, frame.height))
        else:
            depth += 1
            content = f'<use href="#p{before[0]}"/>' + "".join(_image(pixels, region) for region in new)
        yield _group(frame.picture, content)
        before = frame.picture, pixels


def patches(before: Pixels, after: Pixels) -> list[Region] | None:
    """Return the rectangles in which two pictures differ; None where they are better written whole."""
    if before.shape != after.shape:
        return None
    height, width = after.shape[:2]
    changed = (before != after).any(axis=2)
    ys, xs = np.nonzero(changed)
    cells = np.zeros((-(-height // _CELL), -(-width // _CELL)), np.uint8)
    cells[ys // _CELL, xs // _CELL] = 1
    _, _, boxes, _ = cv2.connectedComponentsWithStats(cells, connectivity=8)
    found = [_around(box * _CELL, width, height) for box in boxes[1:]]
    if len(found) > _MOST or sum(one.width * one.height for one in found) > _LARGE * width * height:
        return None
    return found


def _around(box: NDArray[np.int32], width: int, height: int) -> Region:
    x, y, across, down = (int(value) for value in box[:4])
    left, top = max(x - _MARGIN, 0), max(y - _MARGIN, 0)
    right, bottom = min(x + across + _MARGIN, width), min(y + down + _MARGIN, height)
    return Region(left, top, right - left, bottom - top)


def _image(pixels: Pixels, region: Region) -> str:
    from PIL import Image

    out = io.BytesIO()
    part = np.ascontiguousarray(pixels[region.y : region.bottom, region.x : region.right])
    Image.fromarray(part).save(out, "WEBP", lossless=True, method=1, quality=30)  # lossless: quality is effort here
    data = base64.b64encode(out.getvalue()).decode("ascii")
    place = f'x="{region.x}" y="{region.y}" width="{region.width}" height="{region.height}"'
    return f'<image {place} href="data:image/webp;base64,{data}"/>'


def _group(picture: int, content: str) -> Markup:
    return Markup(f'<g id="p{picture}">{content}</g>')  # noqa: S704 - numbers and base64
