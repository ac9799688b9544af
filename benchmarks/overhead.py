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

import json
import os
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from anthropic import Anthropic
from messages_api import TOOL, cpu_of, history, screen, serving

from footage.recorder.proxy.relay_process.upstream import Upstream
from footage.recorder.proxy.supervisor import Supervisor
from footage.recorder.recording import record

PICTURES = 11
THINK = 0.2


def main(rounds: int) -> None:
    screens = {number: screen(number, 180, 270, top=number % 600) for number in range(rounds + PICTURES)}
    folder = Path(tempfile.mkdtemp())
    with (
        serving(THINK) as url,
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
            step = number + PICTURES
            messages = history(step, screens, pictures=PICTURES, exchanges=PICTURES)
            size = max(size, len(json.dumps(messages)))
            commits.append(commit(bare))
            for way, client in sorted(ways.items(), key=lambda item: hash((number, item[0]))):
                begun, used, own = time.perf_counter(), time.process_time(), time.thread_time()
                client.beta.messages.create(
                    model="m", max_tokens=9, tools=[TOOL], messages=messages, extra_headers={"x-step": str(step)}
                )
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
