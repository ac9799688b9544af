"""
A QEMU that records itself: every source of chance (interrupts, input, clocks) goes into a log (`-icount …,rr=record`).

A screen and an instruction count belong together where the screen is the same before and after the count. So the guest
runs on while it is looked at, and is stopped for checkpoints alone. Stops are what a replay can fail at (QEMU 7.2):
they are not in the log.

- Time that passed while the guest's processor halted (whenever it is idle) is lost to its clock where a stop comes just
  as that time is up; on a busy host it often does. A replay that runs on there stands still for good. So a replay goes
  from each checkpoint to the next one, and on in another process.
- While the processor halts, turns of QEMU's main loop are in the log, even while the guest is stopped. A replay that is
  stopped there for more turns than the recording was eats what comes next, and stands still as well. Where instructions
  come next in the log, nothing is eaten. So a look counts as made a few instructions later, when a halted processor has
  woken: there a replay stops. Only at a snapshot is it stopped while halted, for a moment (see `Reexecution`); the
  recording turns more often than that there.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from footage.errors import MachineError, MissingProgram
from footage.machines.qemu.exact.checkpoints import Checkpoints
from footage.machines.qemu.guest_activity import Halts, halted
from footage.machines.qemu.guests.known_guests import Guest, command
from footage.machines.qemu.packing import Packing
from footage.machines.qemu.qemu_process import PROMPT, Process
from footage.machines.shared.process_keeper import Keeper

if TYPE_CHECKING:
    from footage.trajectory import Pixels

__all__ = ["BUDGET", "INTERVAL", "Left", "Recorder", "drive", "escaped", "icount_option", "make_empty"]

BUDGET = 4 << 30
"""Bytes that the checkpoints of one recording may take, by default."""
INTERVAL = 10.0
"""Seconds from one checkpoint to the next, at the least."""
START = 120.0
"""Seconds QEMU gets to load a snapshot and to save it as the start of its log: busy hosts are slow at it."""
_SAVE = 120.0
_RARER = (
    2.0  # times as far apart are checkpoints for each second that one takes: a twentieth of the time goes into them
)
_TURNS = 250  # of the main loop, while stopped at a snapshot: more than any replay makes there
_AWAKE = 20  # instructions after a halt: those of an interrupt's entry, which draws nothing and takes more than these
_LOOKS = 10  # tries to find the screen the same twice in a row
_TICK = 0.1  # seconds in which any guest has a tick of its clock: each executes instructions
_TURNS_TO_TAKE = 3  # after which it has read what came through a socket
_RUN_ON = 0.5  # seconds at the end: what lies at the very end of a log is lost to the shutdown that follows it
_SAMPLE = 0.05
_FIRST = "start"


@dataclass(frozen=True, slots=True)
class Left:
    """What a recording leaves behind, in a folder that vanishes with its recorder."""

    log: Path
    """Packed."""
    end: int
    """Instruction count at the end of the log."""
    checkpoints: list[tuple[str, int, Path]]
    """(name, instruction count, packed file); the first is where it starts."""
    timeline: list[tuple[int, int]]
    """(instruction count, monotonic ns)."""
    dropped: int
    """Checkpoints that had to go again for want of room."""


class Recorder:
    """A guest that runs under its record log. Thread-safe."""

    lags = True

    def __init__(
        self,
        guest: Guest,
        snapshot: Callable[[Path], str],
        *,
        budget: int = BUDGET,
        interval: float = INTERVAL,
        remote: bool = False,
    ) -> None:
        """
        Start the guest from a snapshot that was made under a record log, and begin a log of its own.

        `snapshot` puts a file with the snapshot where it is told to, and returns the snapshot's name in it. With
        `remote` QEMU's VNC server listens on this host. Raises MissingProgram, CannotDo, MachineError.
        """
        self._keeper = Keeper("recording", within=guest.folder)
        self._end = weakref.finalize(self, self._keeper.stop)
        self.folder = self._keeper.folder
        self.address = ""
        """Where its VNC server listens, host:port."""
        self._interval = interval
        self._lock = threading.RLock()
        self._timeline: list[tuple[int, int]] = []
        self._stopped = threading.Event()
        self._sampler: threading.Thread | None = None
        self._checkpoints = Checkpoints(budget)
        self._log = self.folder / "log"
        self._first = _FIRST
        self._reached = 0
        self._template = self.folder / "empty.qcow2"
        try:
            start = self.folder / f"{_FIRST}.qcow2"
            name = snapshot(start)
            make_empty(self._template)
            if name == _FIRST:  # the start of another recording: the log needs a snapshot of its own beside it
                self._first = "begin"
            option = icount_option("record", self._log, self._first)
            extra = ("-loadvm", name, "-S", *(("-vnc", f"127.0.0.1:0,to=999,{PROMPT}") if remote else ()))
            self.process = Process(command(guest, icount=option, drives=[drive(start)], extra=extra), start=START)
            self.process.hmp(f"delvm {name}", timeout=_SAVE)
            self._checkpoints.start = self.icount()
            self._timeline.append((self._checkpoints.start, time.monotonic_ns()))
            if remote:
                found = self.process.execute("query-vnc")
                self.address = f"{found['host']}:{found['service']}"
            self._turn()
            self.process.execute("cont")
        except BaseException:
            self.close()
            raise
        self._made_at, self._took = time.monotonic(), 0.0
        self._sampler = threading.Thread(target=self._sample, name="footage-timeline", daemon=True)
        self._sampler.start()

    # --- looking ---

    def icount(self) -> int:
        """Return how many instructions have been executed, the last look among them; a running guest is past that."""
        return max(self._reached, self._count())

    def _count(self) -> int:
        return int(self.process.execute("query-replay")["icount"])

    def halted(self) -> bool:
        """Tell whether the guest's processor is halted, since there is nothing for it to do."""
        with self._lock:
            return halted(self.process)

    def rest(self, at_most: float) -> bool:
        """Wait until the guest is idle; False if it is not within `at_most` seconds."""
        return Halts(self.halted).rest(at_most)

    def send(self, events: Sequence[Mapping[str, Any]]) -> int:
        """Give the guest input events, never while it is stopped for a look; return the instruction count then."""
        with self._lock:
            self.process.execute("input-send-event", {"events": [*events]})
            return self.icount()

    def admit(self, act: Callable[[], object]) -> int:
        """Have something give the guest input by another way than `send`, under the same conditions."""
        with self._lock:
            act()
            for _ in range(_TURNS_TO_TAKE):
                self.process.execute("query-status")
            return self.icount()

    def look(self, *, checkpoint: bool = False) -> tuple[Pixels, int]:
        """
        Return the screen and the instruction count that belongs to it.

        With `checkpoint` one is made at that very instant, if the last one is long enough ago and there is room.
        """
        with self._lock:
            if checkpoint and self._due() and self._checkpoints.room():
                return self._look_stopped(save=True)
        found = self._look_running()  # a guest that runs takes input meanwhile: a click is not held up by a look
        with self._lock:
            return found or self._look_stopped()

    def _due(self) -> bool:
        """Tell whether the last checkpoint is long enough ago: longer on a busy host, where each takes long."""
        rarer = max(1.0, _RARER * self._took)
        return time.monotonic() - self._made_at >= self._interval * rarer

    def _look_running(self) -> tuple[Pixels, int] | None:
        """Return a screen that was the same before and after some instant; None where it changes all the time."""
        import numpy as np

        pixels = self.process.screendump()
        for _ in range(_LOOKS):
            count, last = self._next_count(), pixels
            pixels = self.process.screendump()
            if np.array_equal(last, pixels):
                return pixels, self._mark(count)
        return None

    def _look_stopped(self, *, save: bool = False) -> tuple[Pixels, int]:
        """Return the screen of the stopped guest, and save a checkpoint."""
        begun = time.monotonic()
        self.process.execute("stop")
        try:
            count, pixels = self._count(), self.process.screendump()
            if save:
                self._save(count)
                self._turn()
                self._took = time.monotonic() - begun
            return pixels, self._mark(count)
        finally:
            if self.process.alive:
                self.process.execute("cont")

    def _next_count(self) -> int:
        """Return an instruction count of later than the call: QEMU tells the last one that was noted."""
        first, deadline = self._count(), time.monotonic() + _TICK
        while (count := self._count()) == first and time.monotonic() < deadline:
            time.sleep(0.001)
        return count

    def _mark(self, count: int) -> int:
        """Note that the guest was looked at; return the count that the look goes by."""
        with self._lock:
            reached = count + _AWAKE
            self._reached = max(self._reached, reached)
            self._timeline.append((reached, time.monotonic_ns()))
            return reached

    def _turn(self, times: int = _TURNS) -> None:
        """Have QEMU's main loop turn; by default so often that no replay turns more often at this stop."""
        for _ in range(times):
            self.process.execute("query-status")

    def _save(self, icount: int) -> None:
        """Save a snapshot into a file of its own, which is no part of the guest. It must be stopped."""
        name = f"at-{icount}"
        path = self.folder / f"{name}.qcow2"
        shutil.copyfile(self._template, path)
        run = self.process.execute
        node = {"driver": "qcow2", "node-name": name, "file": {"driver": "file", "filename": str(path)}}
        run("blockdev-add", {**node, "cache": {"no-flush": True}})
        job = {"job-id": name, "tag": name, "vmstate": name, "devices": [name]}
        try:
            run("snapshot-save", job)
            error = self._wait_for_job(name)
        finally:
            run("blockdev-del", {"node-name": name})
        if error:  # QEMU is between two events of its log: the next look will do
            path.unlink(missing_ok=True)
            return
        self._checkpoints.add(name, icount, path)
        self._made_at = time.monotonic()

    def _wait_for_job(self, name: str) -> str:
        """Wait until a job is over; return its error ("" for none). Raises MachineError after `_SAVE` seconds."""
        deadline = time.monotonic() + _SAVE
        while time.monotonic() < deadline:
            for job in self.process.execute("query-jobs"):
                if job["id"] == name and job["status"] == "concluded":
                    self.process.execute("job-dismiss", {"id": name})
                    return str(job.get("error", ""))
            time.sleep(0.01)
        self.process.kill()
        raise MachineError("QEMU did not come to the end of a snapshot, and was ended.")

    def _sample(self) -> None:
        """Note when the guest is where, so that a moment between two looks can be found again."""
        while not self._stopped.wait(_SAMPLE):
            try:
                with self._lock:
                    self._timeline.append((self.icount(), time.monotonic_ns()))
            except MachineError:
                return

    # --- the end ---

    def finish(self, on_progress: Callable[[int, int], None] | None = None) -> Left:
        """
        End the recording; return what it leaves behind, to be taken before `close`.

        Raises MachineError where QEMU is gone: a log that was not ended cannot be replayed.
        """
        time.sleep(_RUN_ON)
        self._stop_sampling()
        with self._lock:
            self.process.execute("stop")
            end = self.icount()
            self._timeline.append((end, time.monotonic_ns()))
            whole = self.process.quit(START)
        if not whole:
            raise MachineError("QEMU did not end by itself, so its log is not whole.")
        log, start = Packing(self._log), Packing(self.folder / f"{_FIRST}.qcow2")
        try:
            made = self._checkpoints.finish(on_progress)
            checkpoints = [(self._first, self._checkpoints.start, start.wait()), *made]
            return Left(log.wait(), end, checkpoints, _growing(self._timeline), self._checkpoints.dropped)
        except BaseException:
            log.cancel()
            start.cancel()
            raise

    def close(self) -> None:
        """End QEMU and remove what it left. Safe to call twice."""
        if not self._end.alive:
            return
        self._stop_sampling()
        process = getattr(self, "process", None)
        if process is not None:
            process.close()
        self._checkpoints.cancel()
        self._end()

    def _stop_sampling(self) -> None:
        self._stopped.set()
        if self._sampler is not None and self._sampler is not threading.current_thread():
            self._sampler.join()


def icount_option(mode: str, log: Path, snapshot: str) -> str:
    """Return the value of `-icount` for `record` or `replay`. An instruction takes 4 ns of the guest's time."""
    return f"shift=2,rr={mode},rrfile={escaped(log)},rrsnapshot={snapshot}"


def drive(path: Path) -> str:
    """Return the value of `-drive` for a file of snapshots that is no part of the guest."""
    return f"file={escaped(path)},if=none,id=snapshots,format=qcow2,cache=unsafe,discard=unmap"


def escaped(path: Path) -> str:
    """Return a path as it stands in QEMU's options."""
    return str(path).replace(",", ",,")


def make_empty(path: Path) -> None:
    """Make a file for snapshots. Raises MissingProgram."""
    if shutil.which("qemu-img") is None:
        raise MissingProgram("qemu-img is not installed.", hint="apt-get install qemu-utils")
    command = ["qemu-img", "create", "-q", "-f", "qcow2", str(path), "1M"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _growing(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Leave out where nothing was executed between two samples."""
    kept: list[tuple[int, int]] = []
    for icount, ns in sorted(pairs, key=lambda pair: pair[1]):
        if not kept or icount > kept[-1][0]:
            kept.append((icount, ns))
    return kept
