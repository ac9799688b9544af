"""
What pictures cost: ours, PNG, lossless WebP and lossless video side by side, every pixel checked.

On three sessions of the desktop machine (see sessions.py), and on the lossless pictures of other people's recordings
below `--folder`: of each run of thirty screens or more, and of each source, its runs joined. Bytes of ours are what the
pictures take in the store's file. Times are CPU times of one thread, of PNG and ours by turns, so that a busy computer
weighs on both.

    python benchmarks/pictures.py [--cache FOLDER] [--folder RECORDINGS] [--long 2000]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sessions import CACHE, SESSIONS, recorded

from footage.interchange.importers import import_paths
from footage.storage import Store, open_store
from footage.storage.pictures.reading import PictureReader
from footage.storage.pictures.writing import Encoded, PictureWriter
from footage.storage.upkeep.sealing import seal_runs
from footage.storage.upkeep.space import store_bytes
from footage.trajectory import Pixels

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"
ENOUGH, FEW = 30, 20  # screens of a run, of a source: fewer are left out
EVERY = 8  # of the screens, for methods that are slow


@dataclass
class Cost:
    """Bytes and CPU milliseconds of each screen."""

    bytes: list[int] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)

    def of(self, work: Callable[..., int], *arguments: object) -> None:
        """Measure some work, which returns how many bytes it made."""
        started = time.process_time()
        self.bytes.append(work(*arguments))
        self.ms.append(1e3 * (time.process_time() - started))

    @property
    def size(self) -> float:
        return statistics.mean(self.bytes) if self.bytes else float("nan")

    @property
    def time(self) -> float:
        return statistics.mean(self.ms) if self.ms else float("nan")


# --- the others -----------------------------------------------------------------------------------------------------


def png(screen: Pixels) -> int:
    return _still(screen, "PNG")


def webp(screen: Pixels) -> int:
    return _still(screen, "WEBP", lossless=True)


def _still(screen: Pixels, form: str, **options: Any) -> int:
    out = io.BytesIO()
    Image.fromarray(screen).save(out, form, **options)
    return out.tell()


def video(screens: Sequence[Pixels]) -> Cost:
    """Encode as x264 does RGB without loss, a key picture every 30; decode and compare. Empty without PyAV."""
    cost = Cost()
    try:
        import av
    except ImportError:
        return cost
    height, width = (side & ~1 for side in screens[0].shape[:2])
    made = io.BytesIO()
    with av.open(made, "w", format="matroska") as container:
        stream = container.add_stream("libx264rgb", rate=1, options={"qp": "0", "preset": "veryfast", "g": "30"})
        stream.width, stream.height, stream.pix_fmt, stream.codec_context.thread_count = width, height, "rgb24", 1
        started = time.process_time()
        for screen in screens:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(screen[:height, :width]), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
        cost.ms = [1e3 * (time.process_time() - started) / len(screens)]
    cost.bytes = [made.tell() // len(screens)]
    with av.open(io.BytesIO(made.getvalue()), "r") as encoded:
        for screen, picture in zip(screens, encoded.decode(video=0), strict=True):
            assert np.array_equal(picture.to_ndarray(format="rgb24"), screen[:height, :width])
    return cost


# --- ours -----------------------------------------------------------------------------------------------------------


@dataclass
class Ours:
    """A session's pictures in a store of their own."""

    store: Store
    run: str
    writer: PictureWriter
    pictures: list[int] = field(default_factory=list)
    encoding: Cost = field(default_factory=Cost)
    """Hashing, comparing, finding and compressing; without the transaction."""

    def add(self, screen: Pixels) -> None:
        made: list[Encoded] = []
        self.encoding.of(self._encode, screen, made)
        with self.store.database.transaction(durable=False) as connection:
            self.pictures.append(self.writer.insert(connection, made[0]))

    def _encode(self, screen: Pixels, made: list[Encoded]) -> int:
        made.append(self.writer.encode(self.writer.prepare(screen)))
        return 0

    def check(self, screens: Sequence[Pixels]) -> None:
        """Compare every pixel."""
        reader = PictureReader(self.store.database)
        for picture, screen in zip(self.pictures, screens, strict=True):
            assert np.array_equal(reader.load(picture), screen)


@contextlib.contextmanager
def new_store() -> Iterator[Ours]:
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "runs.db") as store:
        run = store.begin_run()
        run.end()
        family = int(store.database.rows("SELECT family FROM run")[0][0])
        yield Ours(store, run.run_id, PictureWriter(store.database, family))


@dataclass
class Found:
    """What a session costs."""

    png: Cost
    encoding: Cost
    recorded: float
    """Bytes a screen."""
    sealed: float
    sealing: float
    """CPU ms a screen."""


def ours(screens: Sequence[Pixels]) -> Found:
    with new_store() as made:
        stills, empty = Cost(), store_bytes(made.store.database)
        for screen in screens:
            stills.of(png, screen)
            made.add(screen)
        recorded = (store_bytes(made.store.database) - empty) / len(screens)
        made.check(screens)
        started = time.process_time()
        seal_runs(made.store, [made.run])
        sealing = 1e3 * (time.process_time() - started) / len(screens)
        made.check(screens)
        sealed = (store_bytes(made.store.database) - empty) / len(screens)
        return Found(stills, made.encoding, recorded, sealed, sealing)


# --- reading a long run ---------------------------------------------------------------------------------------------


def laps(screens: Sequence[Pixels]) -> Iterator[Pixels]:
    """Yield the screens again and again, in other colours each time, so that nothing is known from the lap before."""
    for lap in itertools.count():
        for screen in screens:
            yield screen + np.uint8(5 * lap % 256)


def reading(screens: Sequence[Pixels], steps: int) -> list[str]:
    """Return CPU ms of reading a picture of a long run: cold, and the next one; recorded, then sealed."""
    cells = []
    with new_store() as made:
        for screen in itertools.islice(laps(screens), steps):
            made.add(screen)
        for sealed in (False, True):
            if sealed:
                seal_runs(made.store, [made.run])
            cold, stepping, reader = Cost(), Cost(), PictureReader(made.store.database)
            for picture in random.Random(1).sample(made.pictures, min(150, steps)):
                cold.of(_load, PictureReader(made.store.database), picture)
            for picture in made.pictures[: 3 * len(screens)]:
                stepping.of(_load, reader, picture)
            cells += [f"{statistics.median(found):.1f} ({max(found):.0f})" for found in (cold.ms, stepping.ms)]
    return cells


def _load(reader: PictureReader, picture: int) -> int:
    return reader.load(picture).size


# --- tables ---------------------------------------------------------------------------------------------------------


def sessions(cache: Path, folder: Path) -> Iterator[tuple[str, list[Pixels]]]:
    """Yield (name, screens): the desktop's sessions, then recordings at hand."""
    for name in SESSIONS:
        yield name, list(recorded(name, cache))
    yield from recordings(folder)


def recordings(folder: Path) -> Iterator[tuple[str, list[Pixels]]]:
    """
    Yield the lossless screens of other people's recordings: each run that has enough, then all of a source, joined.

    Joined are screens of one size, run by run in the order of their time: what such runs share is little.
    """
    with tempfile.TemporaryDirectory() as made, open_store(Path(made) / "runs.db") as store:
        import_paths(store, [folder])
        joined: dict[tuple[str, tuple[int, ...]], list[list[Pixels]]] = defaultdict(list)
        for run in sorted(store.runs(limit=store.count_runs()), key=lambda run: run.started.wall_ns):
            frames = {frame.picture: frame for frame in store.frames(run.id) if not frame.lossy}
            screens = [store.pixels(picture) for picture in frames]
            for shape in {screen.shape for screen in screens}:
                alike = [screen for screen in screens if screen.shape == shape]
                joined[run.source_format, shape].append(alike)
                if len(alike) >= ENOUGH:
                    yield f"{run.source_format}, one run", alike
        for (source, _), runs in sorted(joined.items()):
            screens = list(itertools.chain.from_iterable(runs))
            if len(screens) >= FEW:
                yield f"{source} ({len(runs)} runs)", screens


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table in Markdown."""
    print(f"\n### {title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description="What pictures cost.")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--long", type=int, default=2000, help="Steps of the run that is read; 0 for none.")
    options = parser.parse_args()
    sizes: list[Sequence[object]] = []
    times: list[Sequence[object]] = []
    for name, screens in sessions(options.cache, options.folder):
        found, stills, moving = ours(screens), Cost(), video(screens)
        for screen in screens[::EVERY]:
            stills.of(webp, screen)
        least = found.png.size
        others = (stills.size, moving.size, found.recorded, found.sealed)
        height, width = screens[0].shape[:2]
        cells = [f"{size / 1000:.1f} ({least / size:.1f})" for size in others]
        sizes.append((name, f"{len(screens)} of {width}x{height}", f"{least / 1000:.1f}", *cells))
        spent = (found.png.time, stills.time, moving.time, found.encoding.time)
        share = f"{found.encoding.time / found.png.time:.2f}"
        times.append((name, *(f"{ms:.1f}" for ms in spent), share, f"{found.sealing:.0f}"))
    sizes_head = ("session", "screens", "PNG", "WebP", "x264rgb qp 0", "recorded", "sealed")
    table("Bytes: KB a screen (PNG / it)", sizes_head, sizes)
    times_head = ("session", "PNG", "WebP", "x264rgb qp 0", "ours", "ours / PNG", "sealing")
    table("Encoding: CPU ms a screen", times_head, times)
    if not options.long:
        return
    rows = [(name, *reading(recorded(name, options.cache), options.long)) for name in SESSIONS]
    rows_head = ("session", "cold", "next", "cold, sealed", "next, sealed")
    table(f"Reading a picture of a run of {options.long:,} steps: CPU ms, median (worst)", rows_head, rows)


if __name__ == "__main__":
    main()
