"""
Every machine in one table: what recording, replaying, forking and looking take.

    python benchmarks/machines.py [times] [machine …]

One session on each machine is recorded and replayed, `times` over (3 by default, the median is told): that of
benchmarks/exact.py, or as much of it as the machine has programs for. On qemu/desktop the plain and the exact machine
take turns, and the ratio is the median of those of the pairs. `fork` is the time until a fork in the middle is ready
for its first action: from a checkpoint where there is one, else from the first step on. `look` is one screenshot.
Checkpoints are as footage makes them, at most one in ten seconds.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from exact import SESSION, press, ready_at, write

from footage.machines.contract import Machine
from footage.machines.opening import open_machine
from footage.recorder.recording import record
from footage.replay.engine import begin_again, replay_run
from footage.replay.exact.forking import machine_at, steps_behind
from footage.replay.exact.log_keeping import keeping
from footage.replay.exact.replaying import replay_exactly
from footage.storage import Store, open_store
from footage.storage.exact_records import exact_recording
from footage.trajectory import Action, RunKind

LOOKS = 20
CALCULATOR_AND_EDITOR = SESSION[:17]
PAGES = [press("Down"), press("Down"), press("Up"), press("End"), press("Home"), press("Page_Down")]
TERMINAL = [Action("left_click", {"coordinate": [300, 200]}), write("echo one"), press("Return")] * 3


@dataclass
class Kind:
    """A machine that is measured."""

    name: str
    start: Callable[[], AbstractContextManager[Machine]]
    session: list[Action]
    exact: bool = False


@dataclass
class Times:
    """What was measured of one machine: seconds, but where it says otherwise."""

    start: list[float] = field(default_factory=list)
    look: list[float] = field(default_factory=list)
    record: list[float] = field(default_factory=list)
    replay: list[float] = field(default_factory=list)
    fork: list[float] = field(default_factory=list)
    log: list[float] = field(default_factory=list)
    """Bytes a step."""
    snapshots: list[float] = field(default_factory=list)
    """Bytes a step."""
    verdicts: list[str] = field(default_factory=list)


@contextmanager
def opened(name: str, **options: bool) -> Iterator[Machine]:
    with closing(open_machine(name, **options)) as machine:
        yield machine


@contextmanager
def over_vnc() -> Iterator[Machine]:
    """QEMU's own VNC server, with the desktop guest behind it."""
    with (
        opened("qemu/desktop", exact=True, remote=True) as guest,
        opened(f"vnc:{guest.environment['FOOTAGE_VNC']}") as machine,
    ):
        yield machine


@contextmanager
def tiger() -> Iterator[Machine]:
    """A TigerVNC server of its own, with a terminal on it."""
    port, (there, here) = free_port(), os.pipe()
    command = ["Xtigervnc", "-displayfd", str(here), "-rfbport", str(port), "-localhost", "-geometry", "1280x800"]
    command += ["-depth", "24", "-SecurityTypes", "None"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, pass_fds=[here]) as server:
        os.close(here)
        with os.fdopen(there) as told:
            number = told.readline().strip()
        shell = ["xterm", "-geometry", "80x24+100+80", "-xrm", "XTerm*cursorBlink: false", "-e", "bash", "--norc"]
        with subprocess.Popen(shell, env={**os.environ, "DISPLAY": f":{number}", "PS1": "$ "}) as window:
            try:
                with closing(open_machine(f"vnc:127.0.0.1:{port}")) as machine:
                    while machine.screenshot().pixels.max() == machine.screenshot().pixels.min():
                        time.sleep(0.05)
                    time.sleep(0.5)
                    yield machine
            finally:
                window.terminate()
                server.terminate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


KINDS = [
    Kind("desktop", partial(opened, "desktop"), CALCULATOR_AND_EDITOR),
    Kind("qemu/desktop", partial(opened, "qemu/desktop"), SESSION),
    Kind("qemu/desktop --exact", partial(opened, "qemu/desktop", exact=True), SESSION, exact=True),
    Kind("qemu/installer", partial(opened, "qemu/installer"), PAGES),
    Kind("vnc, QEMU's server", over_vnc, CALCULATOR_AND_EDITOR[:12]),
    *([Kind("vnc, TigerVNC", tiger, TERMINAL)] if shutil.which("Xtigervnc") else []),
]


def one(store: Store, kind: Kind, times: Times) -> None:
    """Record once, replay once, fork once."""
    begun = time.monotonic()
    with kind.start() as machine:
        times.start.append(time.monotonic() - begun)
        for _ in range(LOOKS):
            begun = time.monotonic()
            machine.screenshot()
            times.look.append(time.monotonic() - begun)
        recording = record(kind.name, store=store, machine=machine, strict=True)
        with recording, keeping(store, recording, machine):
            watched, begun = recording.watch(machine), time.monotonic()
            for action in kind.session:
                watched.perform(action)
            times.record.append(time.monotonic() - begun)
    kept = exact_recording(store, recording.id)
    if kept is not None:
        times.log.append(kept.log.bytes / len(kind.session))
        times.snapshots.append(sum(c.artefact.bytes for c in kept.checkpoints) / len(kind.session))
    begun = time.monotonic()
    if kind.exact:
        times.verdicts.append(replay_exactly(store, recording.id).verdict)
        times.replay.append(time.monotonic() - begun)
    else:
        with kind.start() as machine:
            times.verdicts.append(replay_run(store, recording.id, machine).verdict)
            times.replay.append(time.monotonic() - begun)
    times.fork.append(fork(store, kind, recording.id))


def fork(store: Store, kind: Kind, run: str) -> float:
    """Return the seconds until a fork in the middle of a run is ready for its first action."""
    source, at, begun = store.run(run), len(kind.session) // 2, time.monotonic()
    start = partial(closing, machine_at(store, source, at)) if kind.exact else kind.start
    with start() as machine:
        writer = begin_again(store, source, RunKind.FORK, machine, at=at)
        ready_at(store, source, at, writer, machine, steps_behind(store, run, at) if kind.exact else 0)
        took = time.monotonic() - begun
        writer.end()
    return took


def row(kind: Kind, times: Times) -> str:
    median = statistics.median
    replay = median(b / a for a, b in zip(times.record, times.replay, strict=True))
    good = sum(verdict in {"reproduced", "cosmetic"} for verdict in times.verdicts)
    sizes = (f"{median(times.log) / 1e3:.1f} KB", f"{median(times.snapshots) / 1e6:.1f} MB") if times.log else ("", "")
    cells = [
        *(kind.name, str(len(kind.session)), f"{median(times.start):.1f} s", f"{1e3 * median(times.look):.0f} ms"),
        *(f"{median(times.record):.1f} s", f"{median(times.replay):.1f} s ({replay:.2f})"),
        *(f"{good} of {len(times.verdicts)}", f"{median(times.fork):.1f} s", *sizes),
    ]
    return f"| {' | '.join(cells)} |"


def main(times: int, names: list[str]) -> None:
    kinds = [kind for kind in KINDS if not names or kind.name in names]
    found = {kind.name: Times() for kind in kinds}
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "runs.db") as store:
        for turn in range(times):
            for kind in kinds:
                one(store, kind, found[kind.name])
                load = os.getloadavg()[0]
                print(f"{turn + 1}: {kind.name}: {found[kind.name].record[-1]:.1f} s, load {load:.1f}", file=sys.stderr)
    sizes = "log a step | checkpoints a step"
    print(f"| machine | steps | start | look | record | replay (of record) | same | fork | {sizes} |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for kind in kinds:
        print(row(kind, found[kind.name]))
    plain, exact = (found.get(name) for name in ("qemu/desktop", "qemu/desktop --exact"))
    if plain and exact:
        ratios = [b / a for a, b in zip(plain.record, exact.record, strict=True)]
        told = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"\nexact against plain: {statistics.median(ratios):.2f} (each pair: {told})")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else 3, given[1:])
