"""Screens for tests: drawn with Pillow, or taken from other people's recordings where those are at hand."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from places import SHARED_DATA

if TYPE_CHECKING:
    from footage.trajectory import Pixels

RECORDINGS = SHARED_DATA
"""Recordings by other people's agents, beside the repository; absent in most places."""

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
Colour = tuple[int, int, int]


def page(
    title: str = "Notes",
    *,
    width: int = 640,
    height: int = 400,
    paper: Colour = WHITE,
    ink: Colour = BLACK,
    lines: int = 12,
) -> Image.Image:
    """Return a window-like page: a title bar and lines of text, all of which depend on the title."""
    image = Image.new("RGB", (width, height), paper)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width, 24), fill=(70, 90, 120))
    draw.text((8, 4), title, font=ImageFont.load_default(14), fill=WHITE)
    for line in range(lines):
        draw.text((20, 40 + 22 * line), f"{line}. {title}: {title[::-1]} {line * 37} " * 3, font=font(13), fill=ink)
    return image


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font, antialiased, in pixels."""
    return ImageFont.load_default(size)


def pixels(image: Image.Image) -> Pixels:
    """Return an image as (height, width, 3) RGB."""
    return np.asarray(image.convert("RGB")).copy()


def drawn_on(image: Image.Image, *marks: Callable[[ImageDraw.ImageDraw], object]) -> Pixels:
    """Return the image's pixels with marks drawn on them; the image itself stays."""
    copy = image.copy()
    draw = ImageDraw.Draw(copy)
    for mark in marks:
        mark(draw)
    return pixels(copy)


def encoded(image: Pixels, form: str = "JPEG", quality: int = 80) -> Pixels:
    """Return what a lossy encoding makes of a screen."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, form, quality=quality)
    return pixels(Image.open(buffer))


def recorded_screens(most: int) -> list[Pixels]:
    """Return up to `most` lossless real screens spread over the recordings at hand; none where there are none."""
    paths = sorted(RECORDINGS.glob("*/**/*.png"))
    chosen = paths[:: max(1, len(paths) // most)][:most]
    return [pixels(Image.open(path)) for path in chosen]


def text(at: tuple[int, int], words: str, *, size: int = 13, ink: Colour = BLACK) -> Callable[..., object]:
    """Return a mark: words."""
    return lambda draw: draw.text(at, words, font=font(size), fill=ink)


def bar(x: int, y: int, width: int, height: int, ink: Colour = BLACK) -> Callable[..., object]:
    """Return a mark: a filled box, such as a caret."""
    return lambda draw: draw.rectangle((x, y, x + width - 1, y + height - 1), fill=ink)


def tick(x: int, y: int, ink: Colour = BLACK) -> Callable[..., object]:
    """Return a mark: a tick of 9x9 pixels, centred on (x, y)."""
    return lambda draw: draw.line((x - 4, y, x - 1, y + 4, x + 4, y - 4), fill=ink)


def arrow(x: int, y: int) -> Callable[..., object]:
    """Return a mark: a white mouse pointer with a black outline, its hot spot at (x, y)."""
    shape = [(0, 0), (0, 16), (4, 12), (7, 18), (9, 17), (6, 11), (11, 11)]
    return lambda draw: draw.polygon([(x + dx, y + dy) for dx, dy in shape], fill=WHITE, outline=BLACK)


def beam(x: int, y: int) -> Callable[..., object]:
    """Return a mark: an I-beam pointer, its hot spot at (x, y)."""

    def draw_it(draw: ImageDraw.ImageDraw) -> None:
        draw.rectangle((x - 1, y - 8, x - 1, y + 7), fill=BLACK)
        for end in (y - 8, y + 7):
            draw.rectangle((x - 3, end, x + 1, end), fill=BLACK)
            draw.rectangle((x - 4, end - 1, x + 3, end + 1), outline=(180, 180, 180))

    return draw_it
