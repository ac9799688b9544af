"""
Whether a long run costs more than a short one: bytes and time through the proxy, at its beginning and at its end.

    python benchmarks/long_run.py [steps]

Each request sends the whole history; of its pictures either all of the last ten, or the last three, the older ones
replaced by a text (pruned). The service answers after THINK seconds; each request is sent through the proxy and, to
compare, straight to the service. Bytes are the pages that the store's file grew by.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from footage.recorder.supervisor import Supervisor
from footage.recorder.upstream import Upstream
from footage.storage import open_store
from footage.trajectory import JSON, RunStatus

THINK = 0.05
WINDOW = 20
"""Steps at each end that are measured."""


class _Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        number = json.loads(self.rfile.read(int(self.headers["content-length"])))["metadata"]["step"]
        time.sleep(THINK)
        reply: JSON = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": "m"}
        reply |= {"content": said(number), "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1}}
        data = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def said(number: int) -> list[JSON]:
    """Return the n-th reply: a thought, and a click."""
    given = {"action": "left_click", "coordinate": [number % 1280, 20]}
    thought = {"type": "text", "text": f"Step {number}. " + "I look where the button is. " * 12}
    return [thought, {"type": "tool_use", "id": f"call_{number}", "name": "computer", "input": given}]


def screen(number: int) -> JSON:
    """Return the n-th screen: a window of text that changes in part, as screens do."""
    pixels = np.full((800, 1280, 3), 200, np.uint8)
    pixels[100:180, 100:260] = np.random.default_rng(number).integers(0, 255, (80, 160, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(out.getvalue()).decode()}
    return {"type": "image", "source": source}


def result(number: int, content: JSON) -> JSON:
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"call_{number}", "content": [content]}]}


def history(number: int, screens: dict[int, JSON], keep: int) -> list[Any]:
    """Return the messages of the n-th request: all that was said, and the last pictures."""
    messages: list[Any] = [{"role": "user", "content": "Do the long task."}]
    for each in range(number):
        gone = {"type": "text", "text": "(removed)"}
        shown = result(each, screens[each] if number - each <= keep else gone)
        messages += [{"role": "assistant", "content": said(each)}, shown]
    return messages


def post(base: str, body: bytes) -> float:
    """Send a request on a connection of its own; return the milliseconds until its reply was there."""
    parts = urlsplit(base)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    begun = time.perf_counter()
    connection.request("POST", f"{parts.path}/v1/messages", body, {"content-type": "application/json"})
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
            body: JSON = {"model": "m", "max_tokens": 9, "metadata": {"step": number}}
            body["messages"] = history(number, screens, keep)
            data = json.dumps(body).encode()
            direct = post(upstream, data)
            added.append(post(address, data) - direct)
            bodies.append(len(data))
            screens[number] = screen(number)
            screens.pop(number - keep, None)
            if number in ends:
                sizes[number] = pages(path, number)
        proxy.end(RunStatus.COMPLETED)
    return sizes, added, bodies


def growth(sizes: dict[int, int], at: int) -> float:
    """Return the bytes of a step in the window that begins there."""
    return (sizes[at + WINDOW] - sizes[at]) / WINDOW


def main(steps: int) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    upstream = f"http://127.0.0.1:{server.server_address[1]}"
    print(f"{steps} steps, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| history | bytes a step, early | at the end | ratio | body, MB | ms added, early | at the end |")
    print("|---|---|---|---|---|---|---|")
    for name, keep in (("all of the last 10 pictures", 10), ("pruned to 3 pictures", 3)):
        with tempfile.TemporaryDirectory() as folder:
            sizes, added, bodies = measure(steps, keep, upstream, Path(folder) / "runs.db")
        early, late = growth(sizes, 5 + keep), growth(sizes, steps - WINDOW - 1)
        first, last = statistics.median(added[5 : 5 + WINDOW]), statistics.median(added[-WINDOW:])
        about = f"{bodies[5] / 1e6:.2f} to {bodies[-1] / 1e6:.2f}"
        print(f"| {name} | {early:,.0f} | {late:,.0f} | {late / early:.3f} | {about} | {first:.1f} | {last:.1f} |")
    server.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
