"""
What recording costs an agent: none, in process and through the proxy, side by side in the same run.

    python benchmarks/overhead.py [rounds]

A request carries a history with ten screenshots (2 MB) and one that is new; the service answers with one tool call
after THINK seconds, a small part of what a model takes. Delay is what the agent waits for a reply; own CPU is that of
the agent's thread, CPU that of its process; the proxy's processes have lines of their own. A durable commit of one
small row, by SQLite alone and on the same disk, is measured between them: no recorder that keeps its promise can be
faster.
"""

from __future__ import annotations

import base64
import io
import json
import multiprocessing
import os
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from anthropic import Anthropic
from PIL import Image

from footage.recorder.session import record
from footage.recorder.supervisor import Supervisor
from footage.recorder.upstream import Upstream
from footage.trajectory import JSON

PICTURES = 10
THINK = 0.2


class _Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    count = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        time.sleep(THINK)
        _Service.count += 1
        given = {"action": "left_click", "coordinate": [10, 20]}
        call = {"type": "tool_use", "id": f"call_{_Service.count}", "name": "computer", "input": given}
        reply: dict[str, object] = {
            "id": f"msg_{_Service.count}",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [call],
        }
        reply |= {"stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1}}
        data = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def _serve(pipe: Connection) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    pipe.send(f"http://127.0.0.1:{server.server_address[1]}")
    server.serve_forever()


@contextmanager
def child(work: Callable[..., None], *arguments: object) -> Iterator[tuple[str, Connection]]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=work, args=(there, *arguments), daemon=True)
    process.start()
    try:
        yield here.recv(), here
    finally:
        process.terminate()
        process.join()


def picture(number: int) -> JSON:
    noise = np.random.default_rng(number).integers(0, 255, (180, 270, 3), dtype=np.uint8)
    screen = np.full((800, 1280, 3), 200, np.uint8)
    screen[number : number + 180, 100:370] = noise
    out = io.BytesIO()
    Image.fromarray(screen).save(out, "PNG")
    data = base64.b64encode(out.getvalue()).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}


def history(number: int) -> list[Any]:
    """Return the messages of the n-th request of a conversation that keeps its last pictures."""
    messages: list[Any] = [{"role": "user", "content": f"Add two numbers, trial {number // 1000}"}]
    for each in range(max(0, number - PICTURES), number + 1):
        call = {"type": "tool_use", "id": f"old_{each}", "name": "computer", "input": {"action": "screenshot"}}
        messages.append({"role": "assistant", "content": [call]})
        result = {"type": "tool_result", "tool_use_id": f"old_{each}", "content": [SCREENS[each]]}
        messages.append({"role": "user", "content": [result]})
    return messages


SCREENS: dict[int, JSON] = {}


def main(rounds: int) -> None:
    SCREENS.update({number: picture(number) for number in range(rounds + 1)})
    tool: Any = {"type": "computer_20251124", "name": "computer", "display_width_px": 1280, "display_height_px": 800}
    folder = Path(tempfile.mkdtemp())
    with (
        child(_serve) as (url, _),
        Supervisor({"anthropic": Upstream(url)}, folder / "proxy.db", {"task": "overhead"}) as supervisor,
    ):
        address = supervisor.address(supervisor.run)
        run = record(store=folder / "in-process.db")
        bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
        bare.execute("PRAGMA journal_mode=WAL")
        bare.execute("PRAGMA synchronous=FULL")
        bare.execute("CREATE TABLE row (body BLOB)")
        ways = {
            "none": Anthropic(base_url=url, api_key="none"),
            "in process": run.attach(Anthropic(base_url=url, api_key="none")),
            "proxy": Anthropic(base_url=address, api_key="none"),
        }
        commits: list[float] = []
        delays: dict[str, list[float]] = {way: [] for way in ways}
        cpu: dict[str, list[float]] = {way: [] for way in ways}
        thread: dict[str, list[float]] = {way: [] for way in ways}
        size = 0
        for number in range(rounds):
            messages = history(number)
            size = max(size, len(json.dumps(messages)))
            commits.append(commit(bare))
            for way, client in sorted(ways.items(), key=lambda item: hash((number, item[0]))):
                begun, used, own = time.perf_counter(), time.process_time(), time.thread_time()
                client.beta.messages.create(model="m", max_tokens=9, tools=[tool], messages=messages)
                delays[way].append((time.perf_counter() - begun) * 1e3)
                thread[way].append((time.thread_time() - own) * 1e3)
                run.flush()
                cpu[way].append((time.process_time() - used) * 1e3)
        used_by = {name: cpu_of(process) / rounds for name, process in supervisor.processes.items()}
        run.end()
        bare.close()
    report(rounds, size, delays, thread, cpu, used_by)
    commits.sort()
    print(f"a durable commit alone: median {commits[rounds // 2]:.1f} ms, p99 {commits[int(rounds * 0.99)]:.1f} ms")


def cpu_of(process: int) -> float:
    """Return the milliseconds of CPU that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1e3 / os.sysconf("SC_CLK_TCK")


def commit(bare: sqlite3.Connection) -> float:
    begun = time.perf_counter()
    bare.execute("INSERT INTO row VALUES (zeroblob(2000))")
    return (time.perf_counter() - begun) * 1e3


def report(
    rounds: int,
    size: int,
    delays: dict[str, list[float]],
    thread: dict[str, list[float]],
    cpu: dict[str, list[float]],
    used_by: dict[str, float],
) -> None:
    print(f"{rounds} requests of up to {size / 1e6:.1f} MB, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print(
        f"{'recorder':12} {'median':>9} {'added':>9} {'p99':>9} {'added':>9} {'own CPU':>9} {'CPU':>9}   (ms a request)"
    )
    none = sorted(delays["none"])  # "added" at p99: by the recorder, whatever the machine adds to every way
    for way, values in delays.items():
        ordered = sorted(values)
        median, high = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
        added = statistics.median(a - b for a, b in zip(values, delays["none"], strict=True))
        over = high - none[int(len(none) * 0.99)]
        used, own = statistics.median(cpu[way]), statistics.median(thread[way])
        print(f"{way:12} {median:9.1f} {added:9.1f} {high:9.1f} {over:9.1f} {own:9.1f} {used:9.1f}")
    each = ", ".join(f"{name} {value:.1f}" for name, value in used_by.items())
    print(f"\nthe processes of the proxy, ms CPU a request: {each}; threads here: {threading.active_count()}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
