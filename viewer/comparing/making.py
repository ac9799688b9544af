"""
Comparisons in the making: each in a process of its own, so that the viewer goes on answering.

Comparing is mostly computing, under Python's global lock: in a thread of the viewer it would hold up every page.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from footage.analysis.runs.diff import RunDiff
from footage.errors import CannotDo, FootageError
from footage.storage import Store
from footage.trajectory import Run, RunStatus
from footage.viewer.pages.comparison import Comparison

__all__ = ["Comparisons", "Making"]

AT_ONCE = max(4, os.cpu_count() or 1)
"""Comparisons that are made at the same time; the others wait for their turn."""
KEPT = 8
STILL_GOOD = 10.0
"""Seconds for which the comparison of a run that is being recorded is shown: it is never of the latest state."""

_PROGRAM = Path(__file__).with_name("comparer.py")

State = tuple[object, ...]


@dataclass(eq=False)
class Making:
    """One comparison, from when it is asked for. When `ended` is set, either `comparison` or `error` is there."""

    a: str
    b: str
    state: State
    """What the runs were like when it was asked for."""
    ended: threading.Event = field(default_factory=threading.Event)
    done: int = 0
    total: int = 0
    """How far it is, of how much; 0 of 0 while the runs are being read."""
    waits: bool = True
    """Whether it has not begun, because as many as can be made at once are being made."""
    comparison: Comparison | None = None
    error: FootageError | None = None
    ended_at: float = 0.0
    stopped: bool = False
    process: subprocess.Popen[bytes] | None = None

    def result(self) -> Comparison:
        """Return what was made. Raises what the making failed with."""
        if self.comparison is None:
            raise self.error or CannotDo("The comparison was stopped.")
        return self.comparison


class Comparisons:
    """The comparisons of a store that are being made, and those shown last. Safe to use from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._makings: OrderedDict[tuple[str, str], Making] = OrderedDict()
        self._turn = threading.Lock()
        self._places = threading.Semaphore(AT_ONCE)
        self._closed = False

    def ask(self, a: Run, b: Run) -> Making:
        """Return the comparison of two runs as they are now, begun if need be. Who asks for the same shares it."""
        key, state = (a.id, b.id), (_state(a), _state(b))
        live = RunStatus.RECORDING in {a.status, b.status}
        with self._turn:
            making = self._makings.get(key)
            if making is None or not _is_good(making, state, live=live):
                making = self._makings[key] = Making(a.id, b.id, state)
                threading.Thread(target=self._make, args=(making,), name="comparison", daemon=True).start()
            self._makings.move_to_end(key)
            ended = [name for name, other in self._makings.items() if other.ended.is_set()]
            for name in ended[: max(0, len(ended) - KEPT)]:
                del self._makings[name]
        return making

    def find(self, a: str, b: str) -> Making | None:
        """Return the comparison of two runs where one is kept or being made; begins none."""
        with self._turn:
            return self._makings.get((a, b))

    def forget(self, making: Making) -> None:
        """Keep it no longer: whoever asks again gets a new one. One that is being made is stopped."""
        with self._turn:
            if self._makings.get((making.a, making.b)) is making:
                del self._makings[making.a, making.b]
            _stop(making)

    def close(self) -> None:
        """Stop everything that is being made, and wait until its processes have ended."""
        with self._turn:
            self._closed = True
            makings = list(self._makings.values())
            for making in makings:
                _stop(making)
        for making in makings:
            making.ended.wait()

    def _make(self, making: Making) -> None:
        try:
            with self._places:
                making.waits = False
                found = self._found(making)
                if found is not None:
                    making.comparison = Comparison(self._store, making.a, making.b, found)
        except FootageError as error:
            making.error = error
        except Exception as error:  # noqa: BLE001 - whoever waits is to be told
            making.error = FootageError(f"The comparison failed: {type(error).__name__}: {error}")
        finally:
            making.ended_at = time.monotonic()
            making.ended.set()

    def _found(self, making: Making) -> RunDiff | None:
        """Have a process compare the runs; None where it was stopped."""
        command = [sys.executable, "-P", str(_PROGRAM), str(self._store.path), making.a, making.b]
        with self._turn:
            if making.stopped or self._closed:
                return None
            try:
                making.process = process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                )
            except OSError as error:
                raise CannotDo(f"The process that compares cannot be started: {error.strerror}.") from error
        try:
            return _listen(making, process)
        except (EOFError, pickle.UnpicklingError) as error:
            if making.stopped:
                return None
            code = process.wait()
            how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
            raise CannotDo(f"The process that compares {how}.", hint="Load the page again to try again.") from error
        finally:
            process.kill()
            process.communicate()


def _listen(making: Making, process: subprocess.Popen[bytes]) -> RunDiff:
    """Take what the process says until it is done. Raises EOFError where it breaks off, and what it says it failed."""
    assert process.stdout is not None
    while True:
        kind, *words = pickle.load(process.stdout)  # noqa: S301 - written by comparer.py, a program of this package
        if kind == "at":
            making.done, making.total = words
        elif kind == "made":
            found: RunDiff = words[0]
            return found
        else:
            raise FootageError.from_told(*words)


def _stop(making: Making) -> None:
    making.stopped = True
    if making.process is not None:
        making.process.kill()


def _is_good(making: Making, state: State, *, live: bool) -> bool:
    """Tell whether a comparison is to be waited for or shown. One that is being made is, so that it comes to an end."""
    if not making.ended.is_set() or making.state == state:
        return not making.stopped
    return live and time.monotonic() - making.ended_at < STILL_GOOD


def _state(run: Run) -> State:
    """Return what tells two readings of a run apart, as far as a comparison goes."""
    machine = run.machine or {}
    return run.id, run.status, run.steps, run.turns, run.task, repr(machine)
