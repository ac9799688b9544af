"""
What a store costs: bytes and time for requests, durable events, opening and listing; for pictures see pictures.py.

The screens are those of the sample run that ships with footage. Times of requests are CPU times of one thread, times of
events are wall times.

    python benchmarks/store.py [--steps 40] [--seconds 5]
"""

from __future__ import annotations

import argparse
import base64
import copy
import io
import json
import multiprocessing
import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import cycle, groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from PIL import Image

from footage.sample import sample_path
from footage.storage import RunWriter, Store, open_store
from footage.trajectory import JSON, Action, FrameRole, Instant, Pixels, StepStatus

MARK = {"cache_control": {"type": "ephemeral"}}
CLICK = Action("left_click", {"coordinate": [100, 200]})


# --- screens ---


def sample_screens() -> list[Pixels]:
    """Return the screens of the sample runs as they were recorded; of equal ones in a row, the first."""
    with open_store(sample_path(), readonly=True) as store:
        pictures = [frame.picture for run in reversed(store.runs()) for frame in store.frames(run.id)]
        return [store.pixels(picture) for picture, _ in groupby(pictures)]


def png(pixels: Pixels) -> bytes:
    """Return a screen as Pillow writes PNG by default."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table in Markdown."""
    print(f"\n### {title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |")


# --- requests ---


def exchange(number: int, picture: str) -> list[JSON]:
    """Return one reply with a call, and its result with a screenshot."""
    thinking = {"type": "thinking", "thinking": f"Step {number}. " + "I look where the button is. " * 12}
    thinking["signature"] = base64.b64encode(np.random.default_rng(number).bytes(400)).decode("ascii")
    call = {"type": "tool_use", "id": f"toolu_{number}", "name": "computer", "input": {"action": "left_click"}}
    source = {"type": "base64", "media_type": "image/png", "data": picture}
    result = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": [{"type": "image", "source": source}]}
    return [{"role": "assistant", "content": [thinking, call]}, {"role": "user", "content": [result]}]


def body(messages: list[JSON]) -> JSON:
    """Return a request with a system prompt and tools of a usual size."""
    tools = [{"type": "computer_20251124", "name": "computer", "description": "x" * 3000}]
    return {
        "model": "m",
        "max_tokens": 4096,
        "system": "You use a computer. " * 100,
        "tools": tools,
        "messages": messages,
    }


def only_new(messages: list[JSON]) -> JSON:
    return body(messages[-2:])


def whole(messages: list[JSON]) -> JSON:
    return body(messages)


def parsed_anew(messages: list[JSON]) -> JSON:
    parsed: JSON = json.loads(json.dumps(body(messages)))
    return parsed


def with_moved_marks(messages: list[JSON]) -> JSON:
    last = copy.deepcopy(messages[-1])
    last["content"][-1] |= MARK
    return body([*messages[:-1], last])


def pruned(messages: list[JSON]) -> JSON:
    """Return a request that keeps the three newest pictures."""
    old = copy.deepcopy(messages[2:-6:2])
    for message in old:
        message["content"][0]["content"] = [{"type": "text", "text": "(removed)"}]
    kept = list(messages)
    kept[2:-6:2] = old
    return body(kept)


def record_requests(
    folder: Path, pictures: Sequence[str], made: Callable[[list[JSON]], JSON]
) -> tuple[int, list[float]]:
    """Record steps with such requests; return the bytes they took, and the CPU milliseconds of each step."""
    path = folder / "runs.db"
    messages: list[JSON] = [{"role": "user", "content": "Do the task."}]
    times = []
    with open_store(path) as store:
        empty = size_of(store)
        writer = store.begin_run()
        for number, picture in enumerate(pictures):
            messages += exchange(number, picture)
            request = made(messages)
            screen = base64.b64decode(picture)
            started = time.process_time()
            record_step(writer, request, number, screen)
            times.append(1e3 * (time.process_time() - started))
        writer.end()
        return size_of(store) - empty, times


def record_step(writer: RunWriter, request: JSON, number: int, screen: bytes) -> None:
    turn = writer.begin_turn(model="m", started=Instant.now(), request=request)
    content = exchange(number, "")[0]["content"]
    writer.end_turn(turn, content=content, ended=Instant.now(), usage={"input_tokens": 5000, "output_tokens": 80})
    index = writer.intend(CLICK, turn=turn, call_id=f"toolu_{number}")
    writer.frame(screen, captured=Instant.now(), roles=[(index, FrameRole.AFTER)])
    writer.finish(index, status=StepStatus.EXECUTED, ended=Instant.now())


def size_of(store: Store) -> int:
    """Return the bytes of a store's pages, whether in the file or in its WAL."""
    (pages,) = store.database.rows("PRAGMA page_count")[0]
    (page,) = store.database.rows("PRAGMA page_size")[0]
    return int(pages) * int(page)


def compare_requests(steps: int) -> None:
    screens = sample_screens()
    pictures = [base64.b64encode(png(screen)).decode("ascii") for screen in islice(cycle(screens), steps)]
    ways = {
        "new messages only": only_new,
        "full histories": whole,
        "full, parsed anew each time": parsed_anew,
        "full, cache mark moved": with_moved_marks,
        "full, pictures pruned to 3": pruned,
    }
    rows: list[Sequence[object]] = []
    least = 0
    for name, made in ways.items():
        sizes, early, late = [], [], []
        for _ in range(5):
            with tempfile.TemporaryDirectory() as folder:
                size, times = record_requests(Path(folder), pictures, made)
            sizes.append(size)
            early.append(statistics.median(times[2:7]))
            late.append(statistics.median(times[-5:]))
        least = least or min(sizes)
        ratio = f"{min(sizes) / least:.3f}"
        rows.append((name, f"{min(sizes) / steps:,.0f}", ratio, f"{min(early):.1f}", f"{min(late):.1f}"))
    sent = sum(len(json.dumps(exchange(0, picture))) * (steps - i) for i, picture in enumerate(pictures))
    title = f"Requests: {steps} steps, each sending the history so far ({sent / 1e6:,.0f} MB in all)"
    table(title, ("requests hold", "bytes a step", "ratio", "ms at step 5", f"ms at step {steps}"), rows)


def spent(work: Callable[..., Any], *arguments: object, **options: object) -> tuple[float, Any]:
    """Return the CPU milliseconds that the work took, and its result."""
    started = time.process_time()
    result = work(*arguments, **options)
    return 1e3 * (time.process_time() - started), result


# --- durable events ---


def write_events(path: str, seconds: float, seed: int) -> list[float]:
    """Write events for so long; return the wall milliseconds of each."""
    times = []
    with open_store(path) as store:
        writer = store.begin_run()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            started = time.perf_counter()
            writer.intend(CLICK, call_id=f"{seed}")
            times.append(1e3 * (time.perf_counter() - started))
            time.sleep(0.01)
        writer.end()
    return times


def bare_syncs(folder: Path, count: int = 200) -> list[float]:
    """Return the wall milliseconds of appending 4 KB to a file and syncing it: the least that durable can cost."""
    times = []
    with (folder / "bare").open("wb", buffering=0) as file:
        for _ in range(count):
            started = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            times.append(1e3 * (time.perf_counter() - started))
    return times


def measure_events(seconds: float) -> None:
    rows: list[Sequence[object]] = []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        rows.append(("4 KB and fdatasync, no store", *percentiles(bare_syncs(Path(folder)))))
        for writers in (1, 2, 8):
            path = str(Path(folder) / f"{writers}.db")
            open_store(path).close()
            with multiprocessing.get_context("spawn").Pool(writers) as pool:
                found = pool.starmap(write_events, [(path, seconds, seed) for seed in range(writers)])
            times = [ms for part in found for ms in part]
            rows.append((f"{writers} writing, 10 ms apart", *percentiles(times)))
    table("Durable events: wall ms", ("", "events", "p50", "p90", "p99", "worst"), rows)


def percentiles(times: list[float]) -> tuple[str, ...]:
    ordered = sorted(times)
    found = [ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.9, 0.99, 1)]
    return (f"{len(times):,}", *(f"{ms:.2f}" for ms in found))


# --- opening and listing ---


def measure_opening() -> None:
    rows: list[Sequence[object]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.db"
        rows.append(("make a store", f"{spent(lambda: open_store(path).close())[0]:.1f}"))
        with open_store(path) as store:
            for number in range(1000):
                store.begin_run(task=f"task {number}").end()
        opening = [spent(lambda: open_store(path).close())[0] for _ in range(20)]
        rows.append(("open one", f"{statistics.median(opening):.1f}"))
        with open_store(path, readonly=True) as store:
            listing = [spent(store.runs, limit=50)[0] for _ in range(20)]
            rows.append(("list the newest 50 of 1,000 runs", f"{statistics.median(listing):.1f}"))
    table("Opening and listing: CPU ms", ("", "ms"), rows)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description="What a store costs.")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, Pillow {PIL.__version__}")
    compare_requests(options.steps)
    measure_events(options.seconds)
    measure_opening()


if __name__ == "__main__":
    main()
