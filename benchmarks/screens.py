"""
How well screen comparisons tell noise from real changes.

Real screens (lossless recordings where they are at hand, drawn pages otherwise) are changed by one thing at a time: by
noise, which should be forgiven, or by something real, which should be found. Beside ours stand a 64-bit perceptual
hash, the mean difference, and a structural similarity; each gets the best threshold it could have: just above all the
noise of its regime.

    python benchmarks/screens.py [--screens 40] [--folder PNGS] [--seed 1]
"""

from __future__ import annotations

import argparse
import io
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from footage.analysis.screens.comparison_of_screens import compare_screens
from footage.trajectory import Pixels, Region

if TYPE_CHECKING:
    Change = Callable[[ImageDraw.ImageDraw, int, int, "Colour"], object]

Colour = tuple[int, int, int]
FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"


# --- what is done to a screen ---------------------------------------------------------------------


def _write(words: str, size: int = 13) -> Change:
    font = ImageFont.load_default(size)
    return lambda draw, x, y, ink: draw.text((x, y - size // 2), words, font=font, fill=ink)


def _box(width: int, height: int, *, outline: int = 0) -> Change:
    def draw_it(draw: ImageDraw.ImageDraw, x: int, y: int, ink: Colour) -> None:
        draw.rectangle(
            (x, y, x + width - 1, y + height - 1), fill=None if outline else ink, outline=ink, width=outline or 1
        )

    return draw_it


def _arrow(draw: ImageDraw.ImageDraw, x: int, y: int, _ink: Colour) -> None:
    shape = [(0, 0), (0, 16), (4, 12), (7, 18), (9, 17), (6, 11), (11, 11)]
    draw.polygon([(x + dx, y + dy) for dx, dy in shape], fill=(255, 255, 255), outline=(0, 0, 0))


def _stray(draw: ImageDraw.ImageDraw, x: int, y: int, ink: Colour) -> None:
    draw.point(((x + 320) % 640, (y + 240) % 480), fill=ink)


NOISE: dict[str, Change] = {
    "nothing": lambda _draw, _x, _y, _ink: None,
    "caret blink": _box(1, 17),
    "stray pixel": _stray,
    "pointer": _arrow,
}
REAL: dict[str, Change] = {
    "one letter l": _write("l"),
    "one full stop": _write("."),
    "one word": _write("Saved"),
    "ticked box": lambda draw, x, y, ink: draw.line((x - 4, y, x - 1, y + 4, x + 4, y - 4), fill=ink),
    "focus ring": _box(90, 26, outline=1),
    "selected row": _box(200, 20),
    "toast 300x60": _box(300, 60),
}


def shade(screen: Pixels, x: int, y: int) -> Pixels:
    """Hover: 7 % darker or lighter in 90x26."""
    changed = screen.copy()
    part = changed[y : y + 26, x : x + 90].astype(int)
    changed[y : y + 26, x : x + 90] = np.clip(part + (18 if part.mean() < 128 else -18), 0, 255)
    return changed


def scroll(screen: Pixels, x: int, y: int) -> Pixels:
    """Scroll a pane of 400x240 by three pixels."""
    changed = screen.copy()
    pane = screen[y : y + 240, x : x + 400]
    changed[y : y + 240, x : x + 400] = np.roll(pane, -3, axis=0)
    return changed


def _applied(screen: Pixels, change: Change, x: int, y: int) -> Pixels:
    image = Image.fromarray(screen)
    dark = screen[y - 8 : y + 8, x : x + 16].mean() < 128
    change(ImageDraw.Draw(image), x, y, (235, 235, 235) if dark else (20, 20, 20))
    return np.asarray(image).copy()


def jpeg(screen: Pixels, quality: int) -> Pixels:
    """Encode and decode."""
    buffer = io.BytesIO()
    Image.fromarray(screen).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB")).copy()


# --- the others -----------------------------------------------------------------------------------


def hash_distance(a: Pixels, b: Pixels) -> float:
    """64-bit perceptual hash: bits that differ."""
    bits = []
    for screen in (a, b):
        grey = cv2.cvtColor(cv2.resize(screen, (32, 32), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        low = np.asarray(cv2.dct(grey.astype(np.float32)))[:8, :8]
        bits.append(low > np.median(low))
    return float((bits[0] != bits[1]).sum())


def mean_difference(a: Pixels, b: Pixels) -> float:
    """Mean absolute difference of all channels."""
    return float(cv2.norm(a, b, cv2.NORM_L1)) / a.size


def dissimilarity(a: Pixels, b: Pixels) -> float:
    """1 - mean SSIM of grey, 7x7 boxes."""
    x, y = (cv2.cvtColor(screen, cv2.COLOR_RGB2GRAY).astype(np.float32) for screen in (a, b))
    mx, my = cv2.blur(x, (7, 7)), cv2.blur(y, (7, 7))
    vx, vy, c = cv2.blur(x * x, (7, 7)) - mx * mx, cv2.blur(y * y, (7, 7)) - my * my, cv2.blur(x * y, (7, 7)) - mx * my
    return 1 - float((((2 * mx * my + 6.5) * (2 * c + 58.5)) / ((mx * mx + my * my + 6.5) * (vx + vy + 58.5))).mean())


OTHERS = {"pHash 64": hash_distance, "mean difference": mean_difference, "1 - SSIM": dissimilarity}


# --- measuring ------------------------------------------------------------------------------------


def screens_from(folder: Path, most: int, choose: random.Random) -> list[Pixels]:
    """Return real screens of at least 800x500 pixels; drawn pages where there are none."""
    paths = sorted(folder.glob("**/*.png"))
    choose.shuffle(paths)
    found: list[Pixels] = []
    for path in paths:
        screen = np.asarray(Image.open(path).convert("RGB")).copy()
        if screen.shape[0] >= 500 and screen.shape[1] >= 800:
            found.append(screen)
        if len(found) == most:
            break
    return found or [_drawn(number) for number in range(most)]


def _drawn(number: int) -> Pixels:
    dark = number % 3 == 0
    image = Image.new("RGB", (1024, 768), (32, 33, 36) if dark else (255, 255, 255))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    for line in range(34):
        words = " ".join(str(hash((number, line, word)) % 9973) for word in range(20))
        draw.text((30, 20 + 22 * line), words, font=font, fill=(220, 220, 220) if dark else (20, 20, 20))
    return np.asarray(image)


def changed_screens(screen: Pixels, x: int, y: int) -> dict[str, tuple[bool, Pixels]]:
    """Return each change's name, whether it is real, and the changed screen."""
    made = {name: (False, _applied(screen, change, x, y)) for name, change in NOISE.items()}
    made |= {name: (True, _applied(screen, change, x, y)) for name, change in REAL.items()}
    made["hover shade"] = (True, shade(screen, x, y))
    made["3 px scroll"] = (True, scroll(screen, x, y))
    # What was already there is no change: a caret on a dark line, a scrolled empty pane.
    return {name: made[name] for name in made if name == "nothing" or not np.array_equal(made[name][1], screen)}


def measure(screens: Sequence[Pixels], choose: random.Random, *, quality: int | None) -> None:
    """Print one table: each change's rate of being called material, ours at and far from the focus, and the others."""
    ours: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    scores: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in OTHERS}
    real: dict[str, bool] = {}
    taken = dict.fromkeys(("ours", *OTHERS), 0.0)
    for screen in screens:
        x, y = choose.randrange(60, screen.shape[1] - 420), choose.randrange(60, screen.shape[0] - 260)
        near, far = Region(x - 48, y - 48, 96, 96), Region((x + 500) % screen.shape[1], y, 40, 40)
        for name, (is_real, plain) in changed_screens(screen, x, y).items():
            other = plain if quality is None else jpeg(plain, quality)
            real[name] = is_real
            started = time.perf_counter()
            found = [
                compare_screens(
                    screen, other, exact_source=quality is None, focus=[focus], pointers=[(x, y)]
                ).is_material
                for focus in (near, far)
            ]
            taken["ours"] += (time.perf_counter() - started) / 2
            ours[name].append((found[0], found[1]))
            for method, distance in OTHERS.items():
                started = time.perf_counter()
                scores[method][name].append(distance(screen, other))
                taken[method] += time.perf_counter() - started
    _print_table(ours, scores, real, taken)


def _print_table(
    ours: dict[str, list[tuple[bool, bool]]],
    scores: dict[str, dict[str, list[float]]],
    real: dict[str, bool],
    taken: dict[str, float],
) -> None:
    print(f"{'':18} {'n':>4} {'ours, focus':>12} {'ours, far':>10}" + "".join(f"{name:>16}" for name in OTHERS))
    limits = {
        method: max(max(values) for name, values in by_name.items() if not real[name])
        for method, by_name in scores.items()
    }
    for name in sorted(real, key=lambda name: real[name]):
        at, far = (100 * sum(pair[n] for pair in ours[name]) / len(ours[name]) for n in (0, 1))
        rates = [100 * np.mean([v > limits[m] for v in scores[m][name]]) for m in OTHERS]
        kind = "" if real[name] else " (noise)"
        print(f"{name + kind:18} {len(ours[name]):4} {at:11.1f}% {far:9.1f}%" + "".join(f"{r:15.1f}%" for r in rates))
    count = sum(len(values) for values in ours.values())
    times = [1e3 * taken[name] / count for name in ("ours", *OTHERS)]
    print(f"{'ms a pair':18} {'':4} {times[0]:11.1f}  {'':10}" + "".join(f"{t:15.1f} " for t in times[1:]), "\n")


def main() -> None:
    """Print both regimes."""
    parser = argparse.ArgumentParser(description="How well screen comparisons tell noise from real changes.")
    parser.add_argument("--screens", type=int, default=40)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    choose = random.Random(options.seed)
    screens = screens_from(options.folder, options.screens, choose)
    print(f"{len(screens)} screens. Share that is called material; for the others, above the worst noise of the table.")
    for title, quality in (("The same machine", None), ("Foreign: JPEG 80", 80), ("Foreign: JPEG 90", 90)):
        print(f"\n{title}")
        measure(screens, choose, quality=quality)


if __name__ == "__main__":
    main()
