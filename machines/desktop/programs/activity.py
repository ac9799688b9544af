"""
Whether programs have come to rest: read from /proc, so that a slow machine is not mistaken for a quiet one.

A screen that has not changed for a while says little under load: the program that will change it may be waiting for
its turn. Here a group of processes is at rest when every thread sleeps and none has run between two looks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

LOOK = 0.02
"""Seconds between two looks."""


def descendants(pid: int) -> list[int]:
    """Return `pid` and every process below it; empty where it is gone."""
    found, queue = [], [pid]
    while queue:
        above = queue.pop()
        found.append(above)
        for thread in _names(f"/proc/{above}/task"):
            queue += [int(child) for child in _read(f"/proc/{above}/task/{thread}/children").split()]
    return found


def switches(pids: Iterable[int]) -> dict[str, str] | None:
    """
    Return how often each thread of the processes has been given up or taken the processor, by thread id.

    None where one of them runs, or waits for its turn to run.
    """
    counts: dict[str, str] = {}
    for pid in pids:
        for thread in _names(f"/proc/{pid}/task"):
            status = _read(f"/proc/{pid}/task/{thread}/status")
            if "\nState:\tR" in status or "\nState:\tD" in status:
                return None
            counts[thread] = status.partition("\nvoluntary_ctxt_switches:")[2]
    return counts


def wait_for_rest(processes: Callable[[], Iterable[int]], *, at_most: float, look: float = LOOK) -> bool:
    """Wait until nothing in `processes` has run for two looks, `look` seconds each; False after `at_most` s."""
    deadline = time.monotonic() + at_most
    before, calm = switches(processes()), 0
    while calm < 2:
        if time.monotonic() > deadline:
            return False
        time.sleep(look)
        now = switches(processes())
        calm = calm + 1 if now is not None and now == before else 0
        before = now
    return True


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names are all that is needed, many times a second
    except OSError:
        return []


def _read(path: str) -> str:
    try:
        return Path(path).read_text("ascii", "replace")
    except OSError:
        return ""
