"""
Keeping programs: whatever a machine starts ends with it, however its owner ends.

The programs are children of a small process of their own (supervisor.py), not of the owner: a program that dies with
its parent *thread* would die in the middle of a session when a worker thread ends, and one that dies with nobody
would outlive a `kill -9`.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from footage.errors import MachineError
from footage.stopping import held

PATIENCE = 10.0
"""Seconds the supervisor gets for an answer, or for ending everything."""


class Keeper:
    """A supervisor, the folders that vanish with it, and the programs it was asked to start."""

    def __init__(self, name: str = "desktop", *, within: Path | None = None) -> None:
        """`name` is part of the folders' names, for people; `within` is where large files may lie."""
        self._owner = os.getpid()
        undo: Callable[[], object] = bool
        try:
            with held():  # what is made is known by then, and can be undone
                self.folder = Path(tempfile.mkdtemp(prefix=f"footage-{name}-", dir=within))
                """Private to the user; for anything a machine needs on a disk."""
                undo = partial(_remove, self.folder)
                self.memory = Path(tempfile.mkdtemp(prefix="footage-screen-", dir=_memory_folder()))
                """Private to the user; in memory where the system has such a place."""
                undo = partial(_remove, self.folder, self.memory)
                self._process = self._supervisor()
                undo = self.stop
        except BaseException:
            undo()
            raise

    def _supervisor(self) -> subprocess.Popen[bytes]:
        script = str(Path(__file__).with_name("process_supervisor.py"))
        return subprocess.Popen(
            [sys.executable, "-I", "-S", script, str(self._owner), str(self.folder), str(self.memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C in the owner's terminal is the owner's affair
        )

    @property
    def pid(self) -> int:
        """Process id of the supervisor."""
        return self._process.pid

    def start(self, argv: Sequence[str], *, log: Path, stdin: Path | None = None) -> int:
        """
        Start a program and return its process id.

        Its output goes to `<log>.out` and `<log>.err`; `stdin` may name a fifo. Raises MachineError where the program
        cannot be started.
        """
        answer = self._ask(
            {
                "argv": [*argv],
                "stdin": str(stdin) if stdin else None,
                "stdout": f"{log}.out",
                "stderr": f"{log}.err",
            }
        )
        if "pid" not in answer:
            raise MachineError(f"{argv[0]} could not be started: {answer.get('error', 'no answer')}.")
        return int(answer["pid"])

    def remove_at_end(self, path: Path) -> None:
        """Have a file removed, where it exists, when everything has ended."""
        self._ask({"remove": str(path)})

    def end_programs(self) -> None:
        """End every program that was started; the folders stay."""
        self._ask({})

    def stop(self) -> None:
        """End every program, remove the folders. Safe to call twice; does nothing in a forked child."""
        if os.getpid() != self._owner or self._process.stdin is None or self._process.stdin.closed:
            return
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        _remove(self.folder, self.memory)

    def _ask(self, request: dict[str, object]) -> dict[str, str | int]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None or stdin.closed:
            raise MachineError("The machine is closed.")
        try:
            stdin.write(json.dumps(request).encode() + b"\n")
            stdin.flush()
            if not select.select([stdout], [], [], PATIENCE)[0]:
                return {"error": "no answer"}
            return dict(json.loads(stdout.readline() or b"{}"))
        except (BrokenPipeError, ValueError):
            return {"error": "the supervisor is gone"}


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _memory_folder() -> str | None:
    """Return /dev/shm where it can be written to (None: the ordinary temporary folder)."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a private folder is made in it
