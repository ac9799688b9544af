"""
Forking a process while the threads of its recording are at work: no child hangs, and none loses what it records.

    python benchmarks/soak_forks.py [FORKS]

Each child has one second to record a frame and a turn of its own; prints how many did, how many hung, and the times.
"""

from __future__ import annotations

import os
import select
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import footage
from footage.trajectory import Pixels

PATIENCE = 20.0  # seconds after which a child hangs


def main() -> None:
    forks = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    random = np.random.default_rng(7)
    hung = failed = 0
    took: list[float] = []
    begun = time.monotonic()
    while len(took) + hung + failed < forks:
        with tempfile.TemporaryDirectory() as folder, footage.record("fork", store=Path(folder) / "runs.db") as run:
            for number in range(min(50, forks - len(took) - hung - failed)):
                run.frame(_picture(random))  # its threads compress and store it while the process forks
                started = time.monotonic()
                code = _child(run, number)
                if code is None:
                    hung += 1
                elif code:
                    failed += 1
                else:
                    took.append(time.monotonic() - started)
    print(f"{forks} forks in {time.monotonic() - begun:.0f} s: {hung} hung, {failed} failed")
    if took:
        print(
            f"a child's own frame, stored: median {statistics.median(took) * 1000:.0f} ms, worst {max(took) * 1000:.0f}"
        )
    sys.exit(bool(hung or failed))


def _picture(random: np.random.Generator) -> Pixels:
    picture = np.zeros((480, 640, 3), np.uint8)
    y, x = int(random.integers(400)), int(random.integers(500))
    picture[y : y + 80, x : x + 140] = random.integers(0, 255, (80, 140, 3), np.uint8)
    return picture


def _child(run: footage.Recording, number: int) -> int | None:
    """Fork; return the child's exit code, None where it hung (it is killed then)."""
    child = os.fork()
    if child == 0:
        run.frame(np.full((48, 64, 3), number % 251, np.uint8))
        run.flush()
        os._exit(0)
    descriptor = os.pidfd_open(child)
    try:
        if not select.select([descriptor], [], [], PATIENCE)[0]:
            os.kill(child, 9)
            os.waitpid(child, 0)
            return None
    finally:
        os.close(descriptor)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    main()
