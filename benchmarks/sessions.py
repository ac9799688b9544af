"""
Three sessions of 120 steps on the desktop machine, for benchmarks of pictures: office work, a terminal, a browser.

Each is a list of screens, one a step, kept as .npz in a cache folder so that a benchmark can be run again on the same
pixels. The photos that the browser shows are made here: fractal noise with light and grain, as JPEG.

    python benchmarks/sessions.py [--cache FOLDER]
"""

from __future__ import annotations

import argparse
import base64
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from footage.machines.desktop.machine import Desktop
from footage.machines.desktop.programs.starting import Program
from footage.trajectory import Action, Pixels, Region

CACHE = Path.home() / ".cache" / "footage-benchmarks"
STEPS = 120


# --- actions --------------------------------------------------------------------------------------------------------


def click(x: int, y: int, name: str = "left_click") -> Action:
    return Action(name, {"coordinate": [x, y]})


def drag(start: tuple[int, int], end: tuple[int, int]) -> Action:
    return Action("left_click_drag", {"start_coordinate": [*start], "coordinate": [*end]})


def typed(text: str) -> Action:
    return Action("type", {"text": text})


def key(*names: str) -> list[Action]:
    return [Action("key", {"text": name}) for name in names]


def scroll(x: int, y: int, amount: int) -> Action:
    direction = "down" if amount > 0 else "up"
    arguments = {"coordinate": [x, y], "scroll_direction": direction, "scroll_amount": abs(amount)}
    return Action("scroll", arguments)


def play(desktop: Desktop, actions: Iterator[Action], pause: float) -> list[Pixels]:
    """Perform actions until there are enough screens; one screen after each, once the programs are at rest."""
    screens = []
    for action in actions:
        desktop.perform(action)
        desktop.rest()
        time.sleep(pause)
        screens.append(desktop.screenshot().pixels.copy())
        if len(screens) == STEPS:
            break
    return screens


# --- office work ----------------------------------------------------------------------------------------------------

TEXT = "the report lists income and costs of each month since the office moved to a larger house by the river"
WORDS = TEXT.split()


def prose(chance: random.Random, words: int) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(words))


def office() -> list[Pixels]:
    """Two editors and a calculator: typing, menus, dialogs, sums, windows moved and brought to the front."""
    chance = random.Random(1)
    files = {"notes.txt": "\n".join(prose(chance, 14) for _ in range(60)), "plan.txt": prose(chance, 200)}
    programs = [
        Program(("galculator",), Region(60, 80, 360, 480)),
        Program(("mousepad", "--disable-server", "~/notes.txt"), Region(300, 60, 760, 560)),
        Program(("mousepad", "--disable-server", "~/plan.txt"), Region(520, 220, 700, 500)),
    ]
    with Desktop(programs=programs, files=files) as desktop:
        return play(desktop, _office_actions(chance), 0.1)


def _office_actions(chance: random.Random) -> Iterator[Action]:
    title = {"plan": (1120, 232), "notes": (600, 72)}
    while True:
        yield click(*title["plan"])
        yield click(800, 500)
        yield typed(prose(chance, 8) + ". ")
        yield from key("Return", "ctrl+s", "ctrl+f", "Escape", "ctrl+a", "End")
        yield click(548, 258)
        yield from key("Right", "Right", "Escape", "Escape")
        yield click(*title["notes"])
        yield scroll(500, 400, 5)
        yield scroll(500, 400, chance.choice([3, 10, -4]))
        yield click(420, 300)
        yield typed(prose(chance, 5))
        yield from key("ctrl+z", "ctrl+h", "Escape", "Return")
        yield click(120, 92)
        yield typed(f"{chance.randrange(900)}*{chance.randrange(90)}=")
        yield click(140, 400)
        yield click(220, 440)
        end = title["plan"][0] - chance.randrange(20, 160), title["plan"][1] + chance.randrange(-60, 20)
        yield drag(title["plan"], end)
        yield drag(end, title["plan"])
        yield click(1240, 780, "right_click")
        yield from key("Escape")


# --- a terminal -----------------------------------------------------------------------------------------------------

COMMANDS = (
    "ls -la /usr/bin | head -300",
    "ls -C /usr/lib",
    "cd ~ && for i in 1 2 3 4 5 6 7 8; do date; done",
    "grep -rn include /usr/include | head -40",
    "ls -l /usr/share | head -25",
    "python3 -c 'import this'",
    "cat notes.txt | sort | uniq -c | sort -rn | head -30",
    "find /usr/share/fonts | head -50",
    "seq 1 400 | column -c 120",
    "echo done",
    "df -h; uname -a",
    "wc -l /usr/share/common-licenses/*",
)


def terminal() -> list[Pixels]:
    """Use a large terminal and a small one: ls, less, scrolling, output of programs."""
    chance = random.Random(2)
    files = {"notes.txt": "\n".join(prose(chance, 9) for _ in range(400))}
    look = ("xterm", "-fa", "DejaVu Sans Mono", "-fs", "10", "-sb", "-sl", "4000")
    programs = [
        Program((*look, "-bg", "black", "-fg", "gray90"), Region(20, 20, 900, 700)),
        Program(look, Region(760, 300, 500, 440)),
    ]
    with Desktop(programs=programs, files=files) as desktop:
        return play(desktop, _terminal_actions(chance), 0.25)


def _terminal_actions(chance: random.Random) -> Iterator[Action]:
    while True:
        yield click(400, 30)
        for command in chance.sample(COMMANDS, 4):
            yield typed(command)
            yield from key("Return")
        yield typed("less notes.txt\n")
        for _ in range(6):
            yield from key(chance.choice(["space", "space", "Down", "b", "d"]))
        yield typed("/income\n")
        yield from key("n", "n", "q", "shift+Prior", "shift+Prior", "shift+Next")
        yield scroll(300, 400, -5)
        yield scroll(300, 400, 10)
        yield click(1100, 310)
        yield typed(chance.choice(COMMANDS) + "\n")
        yield typed("ls\n")


# --- a browser with photos ------------------------------------------------------------------------------------------


def photo(number: int, width: int, height: int) -> bytes:
    """Return a picture with the statistics of a photo, as JPEG: noise of every scale, light, shapes, grain."""
    chance = np.random.default_rng(number)
    total = np.zeros((height, width, 3), np.float32)
    for octave in range(8):
        size = 2 << octave
        noise = chance.normal(size=(size, size, 3)).astype(np.float32)
        grey = np.float32(0.75) * noise.mean(axis=2, keepdims=True) + np.float32(0.25) * noise
        total += cv2.resize(grey, (width, height), interpolation=cv2.INTER_CUBIC) / (1.55**octave)
    total += np.linspace(1.2, -1.2, height, dtype=np.float32)[:, None, None] * chance.normal(size=3)
    for _ in range(5):
        mask = np.zeros((height, width), np.float32)
        centre = int(chance.integers(width)), int(chance.integers(height))
        axes = int(chance.integers(20, width // 3)), int(chance.integers(20, height // 3))
        cv2.ellipse(mask, centre, axes, float(chance.integers(180)), 0, 360, 1.0, -1)
        soft = cv2.GaussianBlur(mask, (0, 0), float(chance.uniform(0.6, 8)))
        total += soft[:, :, None] * chance.normal(scale=1.1, size=3).astype(np.float32)
    lit = 118 + 46 * total + chance.normal(scale=3.0, size=total.shape)
    done, data = cv2.imencode(".jpg", np.clip(lit, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert done
    return data.tobytes()


def _image(number: int, width: int, height: int) -> str:
    data = base64.b64encode(photo(number, width, height)).decode("ascii")
    return f'<img width={width} height={height} src="data:image/jpeg;base64,{data}">'


_STYLE = "<meta charset=utf-8><style>body{font:16px sans-serif;margin:24px 40px;color:#222}a{color:#06c}img{border:0}"
_STYLE += ".g{display:grid;grid-template-columns:repeat(3,1fr);gap:16px}input,textarea{font:16px sans-serif}</style>"


def _pages(chance: random.Random) -> dict[str, str]:
    pages = {}
    cells = []
    for number in range(18):
        cells.append(f'<div><a href="p{number}.html">{_image(number, 370, 250)}</a><p>{prose(chance, 6)}</div>')
        pages[f"p{number}.html"] = (
            f"{_STYLE}<title>Photo {number}</title><h2>{prose(chance, 4)}</h2>{_image(number, 1000, 620)}"
            f"<p>{prose(chance, 60)}<p><a href=index.html>back</a>"
        )
    pages["index.html"] = f"{_STYLE}<title>Gallery</title><h1>Gallery</h1><div class=g>{''.join(cells)}</div>"
    paragraphs = [f"<p>{prose(chance, 90)}" for _ in range(16)]
    paragraphs[3] += f"<p>{_image(40, 900, 420)}"
    paragraphs[9] += f"<p>{_image(41, 900, 420)}"
    pages["article.html"] = f"{_STYLE}<title>Article</title><h1>{prose(chance, 5)}</h1>{''.join(paragraphs)}"
    fields = "".join(f"<p>{word}<br><input size=50>" for word in ("Name", "Street", "Town", "Mail"))
    photos = "".join(f"<p>{_image(50 + i, 300, 200)} {prose(chance, 8)} <button>Add</button>" for i in range(5))
    pages["shop.html"] = (
        f"{_STYLE}<title>Shop</title><h1>Order</h1>{fields}<textarea cols=60 rows=4></textarea>{photos}"
    )
    return pages


def browser() -> list[Pixels]:
    """Use Chromium: a gallery, photos, an article, a form; scrolling, going back, tabs, menus."""
    chance = random.Random(3)
    command: tuple[str, ...] = (
        "/usr/lib/chromium/chromium",
        "--no-sandbox",
        "--test-type",
        "--disable-gpu",
        "--no-first-run",
    )
    command += ("--user-data-dir=/tmp/profile", "--disable-dev-shm-usage", "--disable-smooth-scrolling")
    command += ("--window-size=1280,800", "--window-position=0,0", "file:///home/user/index.html")
    with Desktop(programs=[Program(command)], files=_pages(chance), clock=None) as desktop:
        time.sleep(8)
        return play(desktop, _browser_actions(chance), 0.6)


def _browser_actions(chance: random.Random) -> Iterator[Action]:
    while True:
        yield from _open("index.html")
        for _ in range(3):
            for _ in range(chance.randrange(1, 4)):
                yield scroll(640, 500, chance.choice([2, 3, 5]))
            yield click(chance.choice([200, 600, 1000]), chance.choice([300, 420, 560]))
            yield scroll(640, 500, 3)
            yield from key("alt+Left")
        yield Action("key", {"text": "ctrl+t"})
        yield from _open("article.html")
        for _ in range(5):
            yield scroll(640, 500, chance.choice([3, 5, 10, -3]))
        yield click(400, 400, "right_click")
        yield from key("Escape", "ctrl+Tab", "ctrl+Tab")
        yield from _open("shop.html")
        for y in (240, 310, 380):
            yield click(200, y)
            yield typed(prose(chance, 3))
        yield scroll(640, 500, 5)
        yield scroll(640, 500, 10)
        yield from key("ctrl+w")


def _open(page: str) -> Iterator[Action]:
    yield from key("ctrl+l")
    yield typed(f"file:///home/user/{page}\n")


# --- keeping them ---------------------------------------------------------------------------------------------------

SESSIONS: dict[str, Callable[[], list[Pixels]]] = {"office": office, "terminal": terminal, "browser": browser}


def recorded(name: str, cache: Path = CACHE) -> Sequence[Pixels]:
    """Return a session's screens: those kept in the cache, else recorded now and kept."""
    path = cache / f"{name}.npz"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        made = path.with_suffix(".new.npz")
        np.savez_compressed(made, screens=np.stack(SESSIONS[name]()))
        made.rename(path)
    with np.load(path) as kept:
        return list(kept["screens"])


def main() -> None:
    """Record what is not in the cache."""
    parser = argparse.ArgumentParser(description="Record three sessions on the desktop machine.")
    parser.add_argument("--cache", type=Path, default=CACHE)
    cache = parser.parse_args().cache
    for name in SESSIONS:
        screens = recorded(name, cache)
        print(f"{name}: {len(screens)} screens of {screens[0].shape[1]}x{screens[0].shape[0]} in {cache}")


if __name__ == "__main__":
    main()
