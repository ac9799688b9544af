"""
The process that records what the relay's process passes on. It may be killed at any instant: another takes its place.

Orders come on standard input, as JSON, one a line; the first says what to record. What its supervisor must know (the
run's id, calls that were asked for, the end) goes to standard output.
"""

from __future__ import annotations

import json
import logging
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from footage.errors import FootageError
from footage.machines.shared.call_inputs import asked_json
from footage.providers.registry import all_providers
from footage.recorder.proxy.process_messages import is_alive, say
from footage.recorder.proxy.writer_process.copy_receiver import Intake
from footage.recorder.proxy.writer_process.routing import Lanes
from footage.recorder.recording import Recording, record, resume
from footage.recorder.step_book import StepEntry
from footage.storage import open_store
from footage.trajectory import JSON, Instant, RunStatus

__all__ = ["DIED", "LATE", "UNCONFIRMED", "UNRECORDED", "Scribe", "main"]

DIED = "The process that records was killed. Another took its place and was told again what was still remembered."
"""The gap that one which takes another's place begins with."""
LATE = "The store could not be used when the run began: what came before is missing."
"""The gap that a run begins with which could not be stored at first."""
UNRECORDED = "unrecorded"
"""The name that requests come by where there is no run for them."""
_LATE_SECONDS = 2.0
UNCONFIRMED = (
    "Exchanges were passed on that nobody had confirmed as stored when the recording ended: they may be missing."
)
_ORPHANED = "The footage command was killed before the agent's end."
_LOOK_SECONDS = 0.5
_LOOK_NS = 100_000_000
"""Nanoseconds after which a look at the screen is waited for no more, however long the agent would be."""
_ANSWER_NS = 5_000_000
"""Nanoseconds that it takes to tell the process which holds the reply back that it need not any more."""
_FOR_EVER = 1 << 63
_GOODBYE_SECONDS = 60.0
_ORPHAN_SECONDS = 130.0
"""Longer than the process that passes requests on waits for the last reply."""


class Scribe:
    """Carries out the orders of a supervisor."""

    def __init__(self, order: JSON) -> None:
        self._store = Path(order["store"])
        self._secrets: Sequence[str] = order["secrets"]
        self._options: JSON = order["record"]
        self._name = self._options.pop("name", "")
        self._known: dict[str, str] = order["runs"]
        self._idle: float | None = order["idle"]
        self._lock = threading.Lock()
        self._command: int | None = order["command"]
        self._runs: list[Recording] = []
        self._over = threading.Event()
        all_providers()  # now, and not while the first reply is held back
        several = self._idle is not None
        self._lanes = Lanes(self._open_run if several else None)
        self._late: threading.Thread | None = None
        self._watched: bool = order.get("watched", False)
        """Whether somebody looks at a screen when a call is told of."""
        self._looks: dict[int, threading.Event] = {}
        self._count = 0
        self._uncounted = ""
        """Why more is lost than was counted; "" where it is not."""
        if not several:
            run = self._open_run("")
            self._lanes.add(run, run.id or UNRECORDED)
            if not run.id:
                self._late = threading.Thread(target=self._begin_late, name="footage-late", daemon=True)
                self._late.start()
        self._intake = Intake(socket.socket(fileno=order["listener"]), self._lanes)
        self._say({"ready": True})

    def _open_run(self, name: str) -> Recording:
        """Begin the run of a name, or go on with it where an earlier process had begun."""
        known = self._known.pop(name, "")
        if known:
            run = resume(known, store=self._store, secrets=self._secrets, layer="proxy")
            run.gap(DIED)
        else:
            tags = [*self._options.get("tags", ()), *([name] if name else [])]
            options = {**self._options, "tags": tags}
            run = record(**options, store=self._store, secrets=self._secrets, join=False, layer="proxy")
        self._take(run, name)
        return run

    def _take(self, run: Recording, name: str) -> None:
        """Take a run over, and tell the supervisor of it and of its calls."""
        self._runs.append(run)
        run.otherwise = name or self._name
        run.wire.on_calls = self._tell_calls
        run.wire.results.on_results = self._tell_results
        self._say({"run": run.id, "name": name})

    def _begin_late(self) -> None:
        """Begin the run as soon as the store takes it: the disk that was full may have room again."""
        while not self._over.wait(_LATE_SECONDS):
            options = {**self._options, "strict": True}
            try:
                run = record(**options, store=self._store, secrets=self._secrets, join=False, layer="proxy")
            except (FootageError, OSError):
                continue
            run.guard.strict = False
            run.gap(LATE)
            self._uncounted = LATE
            self._take(run, "")
            self._lanes.add(run, UNRECORDED)
            return

    def _tell_calls(self, entries: Sequence[StepEntry], since: Instant, until_ns: int | None) -> None:
        """Tell of calls before the agent hears of them; where a screen is looked at, wait until it was."""
        calls = [
            asked_json(entry.index, entry.action, secret=entry.secret) for entry in entries if entry.index is not None
        ]
        said: JSON = {"asked": [call["step"] for call in calls], "calls": calls, "since": since.monotonic_ns}
        if not self._watched:
            self._say(said)
            return
        until_ns = min((until_ns or _FOR_EVER) - _ANSWER_NS, time.monotonic_ns() + _LOOK_NS)
        with self._lock:
            self._count += 1
            number, looked = self._count, threading.Event()
            self._looks[number] = looked
        self._say(said | {"until": until_ns, "look": number})
        looked.wait(max(0.0, (until_ns - time.monotonic_ns()) / 1e9))
        self._looks.pop(number, None)

    def _tell_results(self, entries: Sequence[StepEntry], since: Instant) -> None:
        self._say({"told": [entry.index for entry in entries], "since": since.monotonic_ns})

    def _say(self, said: JSON) -> None:
        with self._lock:
            try:
                say(said)
            except OSError:  # the supervisor was killed
                logging.getLogger("footage").debug("nobody hears: %s", said)

    # --- orders ---

    def obey(self) -> None:
        """Carry out orders until the end is ordered, or everybody is gone."""
        if self._idle is not None:
            threading.Thread(target=self._end_idle, args=(self._idle,), name="footage-idle", daemon=True).start()
        for line in sys.stdin:
            order = json.loads(line)
            if "watched" in order:
                self._watched = order["watched"]
            if "looked" in order and (looked := self._looks.get(order["looked"])):
                looked.set()
            if "command" in order:
                self._command = order["command"]
            if "end" in order:
                self._intake.wait(_GOODBYE_SECONDS)
                if unconfirmed := order.get("unconfirmed"):  # none from a supervisor that began before an upgrade
                    self._uncounted = UNCONFIRMED
                    for run in self._runs:
                        run.gap(UNCONFIRMED, lost=unconfirmed)
                self._end(RunStatus(order["end"]), order["error"])
                self._say({"ended": True, **self._seen()})
                return
        while is_alive(self._command):
            time.sleep(_LOOK_SECONDS)
        self._intake.wait(_ORPHAN_SECONDS)
        self._end(RunStatus.INTERRUPTED, _ORPHANED)

    def _end_idle(self, seconds: float) -> None:
        while not self._over.wait(1.0):
            if not self._intake.busy:
                for run in self._lanes.end_idle(seconds):
                    self._runs.remove(run)
                    self._tell_losses(run)
                    self._say({"over": run.id})

    def _end(self, status: RunStatus, error: str) -> None:
        self._over.set()
        if self._late is not None:
            self._late.join()
        self._lanes.close()
        for run in self._runs:
            run.end(status, error=error)
            self._tell_losses(run)

    def _seen(self) -> JSON:
        """
        Return what was seen of the one run's agent: {"empty", "turns", "raw"}.

        `empty`: no request, and no step by other ways. `raw` are [path, error] of what no provider reads.
        """
        try:
            with open_store(self._store, readonly=True) as store:
                runs = [] if self._idle is not None else [store.run(run.id) for run in self._runs if run.id]
                raw = [head for run in runs for head in store.raw_heads(run.id)]
                empty = bool(runs) and not raw and not any(run.turns or run.steps for run in runs)
                return {"empty": empty, "turns": sum(run.turns for run in runs), "raw": raw}
        except (FootageError, OSError):  # the store has failed meanwhile, which was told
            return {}

    def _tell_losses(self, run: Recording) -> None:
        """Tell the supervisor what is lost of a run that has ended."""
        guard = run.guard
        if run.id and (guard.lost_in_all or self._uncounted):
            lost = None if self._uncounted else guard.lost_in_all
            why = guard.why or self._uncounted
            self._say({"incomplete": run.id, "lost": lost, "ended": not guard.lost, "why": why})


def main() -> int:
    """Record as ordered on standard input."""
    order: dict[str, Any] = json.loads(sys.stdin.readline())
    try:
        scribe = Scribe(order)
    except FootageError as error:
        say({"failed": error.told()})
        return error.exit_code
    scribe.obey()
    return 0
