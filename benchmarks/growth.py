"""
What the time that recording adds grows with: the size of a request's body, and not the number of the step.

    python benchmarks/growth.py [rounds]

First the same size of body at steps 5, 50 and 500 of one run; then bodies of 0.1 to 8 MB, each size in a run of its
own. A body is as many screenshots of 98 kB as fit, of which one is new each time. Each request is sent straight to the
service, attached in process and through the proxy, in turn; the service thinks for THINK seconds. CPU is that of all
threads of the agent's process beyond what the request alone takes, and that of the proxy's two processes; both until
everything is stored.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from anthropic import Anthropic
from messages_api import TOOL, cpu_of, history, screen, serving

from footage.recorder.proxy.relay_process.upstream import Upstream
from footage.recorder.proxy.supervisor import Supervisor
from footage.recorder.recording import Recording, record
from footage.storage import open_store

THINK = 0.1
STEPS = (5, 50, 500)
SAME = 10
"""Pictures of a body where all have the same size: 1 MB."""
SIZES = {0.1: 1, 0.5: 5, 2.0: 20, 8.0: 82}
"""MB of a body, and pictures that make them."""
WAYS = ("direct", "in process", "proxy")


class Cost(NamedTuple):
    """Of one request, in milliseconds."""

    delay: float
    cpu: float


class Ways:
    """Clients that ask the same, and what records two of them."""

    def __init__(self, stack: ExitStack, url: str) -> None:
        self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self._run: Recording = stack.enter_context(record("growth", store=self._folder / "in-process.db"))
        services = {"anthropic": Upstream(url)}
        self._proxy = stack.enter_context(Supervisor(services, self._folder / "proxy.db", {"task": "growth"}))
        self._store = stack.enter_context(open_store(self._folder / "proxy.db", readonly=True))
        address = self._proxy.address(self._proxy.run)
        self._clients = {
            "direct": Anthropic(base_url=url, api_key="none"),
            "in process": self._run.attach(Anthropic(base_url=url, api_key="none")),
            "proxy": Anthropic(base_url=address, api_key="none"),
        }
        self._screens: dict[int, Any] = {}
        self._asked = 0

    def ask(self, step: int, pictures: int) -> dict[str, Cost]:
        """Send the request of a step, with its last pictures, each way."""
        for each in range(max(0, step - pictures), step):
            self._screens.setdefault(each, screen(each, 128, 192, top=100 + each % 500))
        self._screens.pop(step - pictures - 1, None)
        messages = history(step, self._screens, pictures=pictures, exchanges=pictures)
        self._asked += 1
        return {way: self._one(way, step, messages) for way in sorted(WAYS, key=lambda way: hash((step, way)))}

    def _one(self, way: str, step: int, messages: list[Any]) -> Cost:
        used, begun = self._used(way), time.perf_counter()
        self._clients[way].beta.messages.create(
            model="m", max_tokens=9, tools=[TOOL], messages=messages, extra_headers={"x-step": str(step)}
        )
        delay = (time.perf_counter() - begun) * 1e3
        if way == "in process":
            self._run.flush()
        elif way == "proxy":
            self._wait()
        return Cost(delay, self._used(way) - used)

    def _wait(self) -> None:
        """Wait until the proxy has stored all that was asked, frames too."""
        rows = "SELECT (SELECT count(*) FROM turn WHERE status = 'completed') FROM run"
        while self._store.database.rows(rows)[0][0] < self._asked:
            time.sleep(0.005)
        time.sleep(0.05)

    def _used(self, way: str) -> float:
        own = time.process_time() * 1e3
        return sum(map(cpu_of, self._proxy.processes.values())) if way == "proxy" else own


@contextmanager
def ways(think: float) -> Iterator[Ways]:
    with ExitStack() as stack:
        yield Ways(stack, stack.enter_context(serving(think)))


def row(title: str, costs: list[dict[str, Cost]]) -> None:
    """Print the medians of what was added."""

    def added(way: str) -> tuple[float, float]:
        delay = statistics.median(cost[way].delay - cost["direct"].delay for cost in costs)
        alone = 0.0 if way == "proxy" else statistics.median(cost["direct"].cpu for cost in costs)
        return delay, statistics.mean(cost[way].cpu for cost in costs) - alone

    (inside, inside_cpu), (proxy, proxy_cpu) = added("in process"), added("proxy")
    print(f"| {title} | {inside:.1f} | {inside_cpu:.0f} | {proxy:.1f} | {proxy_cpu:.0f} |", flush=True)


def main(rounds: int) -> None:
    print(f"{rounds} requests each, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| | in process: ms added | ms CPU | proxy: ms added | ms CPU |")
    print("|---|---|---|---|---|")
    with ways(THINK) as asking:
        costs = {step: asking.ask(step + SAME, SAME) for step in range(max(STEPS) + rounds)}
    for step in STEPS:
        about = [costs[each] for each in range(step, step + rounds)]
        row(f"step {step}, {SAME * 0.1:.0f} MB", about)
    for size, pictures in SIZES.items():
        with ways(THINK) as asking:
            asking.ask(pictures, pictures)  # in which all of them are new
            row(f"{size:.1f} MB", [asking.ask(step, pictures) for step in range(pictures + 1, pictures + 1 + rounds)])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
