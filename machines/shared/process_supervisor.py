"""
The process that keeps a machine's programs: a script of its own, run by `keeper.Keeper`, stdlib only.

    python -I -S supervisor.py OWNER_PID FOLDER...

Each line on stdin is a JSON object: {"argv", "stdin", "stdout", "stderr"} (the last three are paths) starts a
program, {} ends all of them, {"remove": path} names a file to remove with the folders; the answer is a line {"pid"},
{"error"} or {}. When stdin ends, or the owner dies (even by `kill -9`, even while forks of it hold the pipe), all
programs are ended, folders and files are removed, and this process ends too.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - nothing is made there, only removed
GRACE = 1.0
"""Seconds between asking a program to end and ending it."""


def _start(request: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start one program, its three streams on files. A fifo as stdin is opened both ways: it never ends."""
    stdin = os.open(request["stdin"] or os.devnull, os.O_RDWR)
    stdout = os.open(request["stdout"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    stderr = os.open(request["stderr"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(request["argv"], stdin=stdin, stdout=stdout, stderr=stderr)
    finally:
        for descriptor in (stdin, stdout, stderr):
            os.close(descriptor)


def _descendants() -> list[int]:
    """Return every process below this one, read from /proc."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_bytes().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
    found, queue = [], [os.getpid()]
    while queue:
        above = queue.pop()
        below = [pid for pid, parent in parents.items() if parent == above]
        found += below
        queue += below
    return found


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _end(programs: list[subprocess.Popen[bytes]]) -> None:
    """End all programs, the last started first: politely, then by force, with whatever they left behind."""
    for program in reversed(programs):
        program.terminate()
    deadline = time.monotonic() + GRACE
    for program in reversed(programs):
        try:
            program.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            break
    while left := _descendants():
        _signal(left, signal.SIGKILL)
        while True:
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break
        time.sleep(0.005)
    for program in programs:
        # A killed program cannot remove what libfaketime has put there for it.
        for name in (f"faketime_shm_{program.pid}", f"sem.faketime_sem_{program.pid}"):
            (SHARED_MEMORY / name).unlink(missing_ok=True)


def _adopt_orphans() -> None:
    """Make processes that lose their parent ours (prctl PR_SET_CHILD_SUBREAPER), so that none is forgotten."""
    import ctypes

    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


class _Kept:
    """What is to be ended and removed."""

    def __init__(self, folders: list[str]) -> None:
        self.programs: list[subprocess.Popen[bytes]] = []
        self.folders = folders
        self.files: list[str] = []

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked for and return the answer."""
        if not request:
            _end(self.programs)
            self.programs.clear()
            return {}
        if "remove" in request:
            self.files.append(request["remove"])
            return {}
        try:
            self.programs.append(_start(request))
        except OSError as error:
            return {"error": str(error)}
        return {"pid": self.programs[-1].pid}

    def end(self) -> None:
        """End and remove everything."""
        _end(self.programs)
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
        for file in self.files:
            with contextlib.suppress(OSError):
                Path(file).unlink()


def _serve(requests: IO[bytes], owner: int, kept: _Kept) -> None:
    """Answer requests until there is nobody left to ask."""
    poller = select.poll()
    poller.register(requests, select.POLLIN)
    watch = os.pidfd_open(owner)
    poller.register(watch, select.POLLIN)
    while watch not in dict(poller.poll()) and (line := requests.readline()):
        sys.stdout.write(json.dumps(kept.answer(json.loads(line))) + "\n")
        sys.stdout.flush()


def main(arguments: list[str]) -> None:
    """Serve the owner, then clean up."""
    owner, kept = int(arguments[0]), _Kept(arguments[1:])
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    _adopt_orphans()
    try:
        if os.getppid() == owner:
            _serve(os.fdopen(0, "rb", buffering=0), owner, kept)
    finally:
        kept.end()


if __name__ == "__main__":
    main(sys.argv[1:])
