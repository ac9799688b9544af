"""
Whether a long run costs more than a short one: bytes and time through the proxy, at its beginning and at its end.

    python benchmarks/long_run.py [steps]

Each request sends the whole history; of its pictures either all of the last ten, or the last three, the older ones
replaced by a text (pruned). The service answers after THINK seconds; each request is sent through the proxy and, to
compare, straight to the service. Bytes are the pages that the store's file grew by.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from messages_api import history, screen, serving

from footage.recorder.proxy.relay_process.upstream import Upstream
from footage.recorder.proxy.supervisor import Supervisor
from footage.storage import open_store
from footage.trajectory import JSON, RunStatus

THINK = 0.2
WINDOW = 20
"""Steps at each end that are measured."""


def post(base: str, body: bytes, step: int) -> float:
    """Send the request of a step on a connection of its own; return the milliseconds until its reply was there."""
    parts = urlsplit(base)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    headers = {"content-type": "application/json", "x-step": str(step)}
    begun = time.perf_counter()
    connection.request("POST", f"{parts.path}/v1/messages", body, headers)
    reply = connection.getresponse()
    assert reply.read()
    assert reply.status == 200
    connection.close()
    return (time.perf_counter() - begun) * 1e3


def pages(path: Path, steps: int) -> int:
    """Return the bytes of a store's pages, once the results of so many steps are stored."""
    with open_store(path, readonly=True) as store:
        while store.database.rows("SELECT count(*) FROM frame WHERE source = 'wire'")[0][0] < steps:
            time.sleep(0.05)
        time.sleep(0.5)
        return int(store.database.rows("PRAGMA page_count")[0][0]) * int(store.database.rows("PRAGMA page_size")[0][0])


def measure(steps: int, keep: int, upstream: str, path: Path) -> tuple[dict[int, int], list[float], list[int]]:
    """Return the store's size at the ends of both windows, each step's milliseconds added, and its request's size."""
    sizes, added, bodies = dict[int, int](), list[float](), list[int]()
    ends = {5 + keep, 5 + keep + WINDOW, steps - WINDOW - 1, steps - 1}
    screens: dict[int, JSON] = {}
    with Supervisor({"anthropic": Upstream(upstream)}, path, {"task": "long"}) as proxy:
        address = proxy.address(proxy.run)
        for number in range(steps):
            body = {"model": "m", "max_tokens": 9, "messages": history(number, screens, pictures=keep)}
            data = json.dumps(body).encode()
            direct = post(upstream, data, number)
            added.append(post(address, data, number) - direct)
            bodies.append(len(data))
            screens[number] = screen(number, 80, 160)
            screens.pop(number - keep, None)
            if number in ends:
                sizes[number] = pages(path, number)
        proxy.end(RunStatus.COMPLETED)
    return sizes, added, bodies


def growth(sizes: dict[int, int], at: int) -> float:
    """Return the bytes of a step in the window that begins there."""
    return (sizes[at + WINDOW] - sizes[at]) / WINDOW


def main(steps: int) -> None:
    print(f"{steps} steps, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| history | bytes a step, early | at the end | ratio | body, MB | ms added, early | at the end |")
    print("|---|---|---|---|---|---|---|")
    for name, keep in (("all of the last 10 pictures", 10), ("pruned to 3 pictures", 3)):
        with tempfile.TemporaryDirectory() as folder, serving(THINK) as upstream:
            sizes, added, bodies = measure(steps, keep, upstream, Path(folder) / "runs.db")
        early, late = growth(sizes, 5 + keep), growth(sizes, steps - WINDOW - 1)
        first, last = statistics.median(added[5 : 5 + WINDOW]), statistics.median(added[-WINDOW:])
        about = f"{bodies[5] / 1e6:.2f} to {bodies[-1] / 1e6:.2f}"
        print(f"| {name} | {early:,.0f} | {late:,.0f} | {late / early:.3f} | {about} | {first:.1f} | {last:.1f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
