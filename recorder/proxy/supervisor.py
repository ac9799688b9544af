"""
Keeps two processes going: one passes requests on (`relay_process`), one records them (`writer_process`).

Either may be killed at any instant, and is started again at once: the sockets they serve stay open here. While nobody
records, requests pass all the same, and are told to the next one that does. When this process is killed, the two go on
until the agent has ended.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Self

from footage import errors
from footage.errors import CannotDo, FootageError, StoreError
from footage.http1.accepting import address_of
from footage.recorder.proxy.listener import listen
from footage.recorder.proxy.relay_process.upstream import Upstream
from footage.stopping import asked
from footage.trajectory import JSON, RunStatus

__all__ = ["Supervisor"]

_log = logging.getLogger("footage")
_PATIENCE = 20
"""How many times in a row a process may end by itself in its first second before it is given up."""
_NOT_ITS_DOING = frozenset({-signal.SIGKILL, StoreError.exit_code})
"""How a process ends that may well run the next time: killed, or without room on the disk."""
_START_SECONDS = 60.0
_RETRY_SECONDS = 1.0
_GOODBYE_SECONDS = 10.0
_CONFIRM_SECONDS = 120.0
"""How long, at the end, nothing need be confirmed as stored before what is left is given up."""
_END_SECONDS = 120.0
"""How long the process that records may take for the end of its runs, once it was told to end them."""
_STOPPED_SECONDS = 3.0
"""How long the end is waited for once this process itself is asked to stop."""


class _Child:
    """A Python process that is started again when it ends, as long as `again` says so; `first` are its first orders."""

    def __init__(
        self,
        module: str,
        descriptor: int,
        first: Callable[[], list[JSON]],
        hear: Callable[[JSON], None],
        again: Callable[[], bool],
    ) -> None:
        self._module = module
        self._descriptor = descriptor
        self._first = first
        self._hear = hear
        self._again = again
        self._lock = threading.Lock()
        self.given_up = threading.Event()
        self._process = self._start()
        self._thread = threading.Thread(target=self._watch, name="footage-child", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        return self._process.pid

    def tell(self, order: JSON) -> None:
        """Give an order; one that a dying process does not hear is part of what the next one is told first."""
        with self._lock:
            _write(self._process.stdin, order)

    def close(self, seconds: float | None = None) -> None:
        """Wait for its end; kill it where it takes too long. The caller has ordered it to stop."""
        with self._lock:
            process = self._process
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        self._thread.join(5)

    def kill(self) -> None:
        """End it at once. The caller does not want it started again."""
        with self._lock:
            self._process.kill()
        self._thread.join(5)

    def _start(self) -> subprocess.Popen[bytes]:
        # The environment and the way to the package are this process's own; the folder it stands in is no way (-P).
        root = str(Path(errors.__file__).parent.parent)
        ways = f"from {self._module} import main; from footage.recorder.proxy.process_messages import leave"
        code = f"import sys; sys.path.append({root!r}); {ways}; leave(main())"
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(self._descriptor,),
            start_new_session=True,  # a terminal's Ctrl-C is not meant for it
        )
        for order in self._first():
            _write(process.stdin, order)
        return process

    def _watch(self) -> None:
        early, faults = 0, 0
        while True:
            begun, process = time.monotonic(), self._process
            assert process.stdout is not None
            for line in process.stdout:
                if line.endswith(b"\n"):  # what it was about to say when it was killed tells nothing
                    self._hear(json.loads(line))
            process.wait()
            self._close_pipes(process)
            early = early + 1 if time.monotonic() - begun < 1 else 0
            faults = faults + 1 if early and process.returncode not in _NOT_ITS_DOING else 0
            time.sleep(0.0 if early < 3 else min(2.0, 0.01 * 2 ** min(early, 8)))
            if not self._start_again(f"ended ({process.returncode})", hopeless=faults >= _PATIENCE):
                break
        self.given_up.set()

    def _start_again(self, why: str, *, hopeless: bool) -> bool:
        """Start the next process; False where none is wanted any more, or it would be in vain."""
        while True:
            with self._lock:
                if not self._again():
                    return False
                what_next = "it is not started again: it cannot run" if hopeless else "it is started again"
                _log.warning("The process %s %s; %s.", self._module, why, what_next)
                if hopeless:
                    return False
                try:
                    self._process = self._start()
                except OSError as error:  # no memory, too many processes
                    why = f"could not be started ({error.strerror})"
                else:
                    return True
            time.sleep(_RETRY_SECONDS)

    def _close_pipes(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):  # an order that it did not hear any more
                    assert pipe is not None
                    pipe.close()


def _write(file: IO[bytes] | None, order: JSON) -> None:
    assert file is not None
    try:
        file.write(json.dumps(order).encode() + b"\n")
        file.flush()
    except (OSError, ValueError):  # it has ended; its pipe may be closed
        _log.debug("An order was not heard: %s", next(iter(order)))


class Supervisor:
    """
    A recording proxy on 127.0.0.1 in processes of its own, until `close`. A context manager.

    `services` are where to pass requests on to, by name. Requests are recorded into one run (`record` are the options
    of `footage.record`, and `name`, the task where nobody says one), or with `idle`, in seconds, into one for each name
    they come by. `on_said` is told of what the recording process says: {"run": id, "name": …}; {"asked": [steps],
    "calls": what each asks for, "since": when the request came}; {"told": [steps], "since": …}; and when a run has
    ended that is not stored as a whole {"incomplete": id, "lost": events, "ended": …, "why": …}, where `lost` is None
    if nobody knows how many, and `ended` says whether the end is stored.
    Raises CannotDo where the port is taken, and what `footage.record` raises.
    """

    def __init__(
        self,
        services: Mapping[str, Upstream],
        store: Path,
        record: JSON,
        *,
        secrets: Sequence[str] = (),
        port: int = 0,
        idle: float | None = None,
        on_said: Callable[[JSON], None] = lambda _: None,
    ) -> None:
        self._services = {name: upstream.base for name, upstream in services.items()}
        self._record, self._store, self._secrets, self._idle = record, store, list(secrets), idle
        self._on_said = on_said
        self._runs: dict[str, str] = {}
        self._command: int | None = None
        self._answers: dict[int, int] = {}
        self._failure: JSON | None = None
        self._last_failure = ""
        self._unconfirmed = 0
        self._begun, self._heard, self._ended = threading.Event(), threading.Event(), threading.Event()
        self._stopped = self._watched = self._overdue = False
        self._end: JSON = {}
        self._listener = listen(port)
        self._folder = Path(tempfile.mkdtemp(prefix="footage-"))
        self._post = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._post.bind(str(self._folder / "post"))
        self._post.listen(16)
        self._scribe = _Child(
            "footage.recorder.proxy.writer_process.main",
            self._post.fileno(),
            self._scribes_orders,
            self._said,
            lambda: not self._ended.is_set() and self._failure is None and not self._overdue,
        )
        try:
            self._front = _Child(  # loads meanwhile, and passes nothing on before somebody records
                "footage.recorder.proxy.relay_process.main",
                self._listener.fileno(),
                self._fronts_orders,
                self._told,
                lambda: not self._stopped,
            )
            try:
                self._wait_for_scribe()
                self._front.tell({"begin": True})
            except BaseException:
                self._stopped = True
                self._front.kill()
                raise
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                self._scribe.tell({"end": str(RunStatus.INTERRUPTED), "error": "Interrupted."})
                self._scribe.close(_GOODBYE_SECONDS)
            self._let_go()
            raise

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return address_of(self._listener)

    @property
    def run(self) -> str:
        """The id of the one run; "" where it cannot be recorded."""
        return self._runs.get("", "")

    @property
    def processes(self) -> dict[str, int]:
        """The process that passes on (`front`) and the one that records (`scribe`), as they are now."""
        return {"front": self._front.pid, "scribe": self._scribe.pid}

    def address(self, run: str, service: str = "anthropic") -> str:
        """Return the base address for the clients of a service whose requests belong to a run, by its name here."""
        return f"{self.url}/run/{run}" + ("" if service == "anthropic" else f"/via/{service}")

    def watch(self, command: int) -> None:
        """Have both go on for as long as this process runs, should this one be killed."""
        self._command = command
        for child in (self._front, self._scribe):
            child.tell({"command": command})

    def looks(self, *, watched: bool) -> None:
        """
        Have each call told with {"look": number, "until": instant}, before the agent hears of it; or no more.

        It is held until `looked` is told, or until that instant (monotonic, ns).
        """
        self._watched = watched
        self._scribe.tell({"watched": watched})

    def looked(self, number: int) -> None:
        """Take note that the screen from before a call was looked at."""
        self._scribe.tell({"looked": number})

    def drain(self, seconds: float) -> bool:
        """
        Wait until every reply that is under way has come to its end; False where that took too long.

        The time that the process which passes on takes until it says anything, since it has just begun, does not count.
        """
        deadline, number = time.monotonic() + _START_SECONDS, len(self._answers)
        heard = False
        while True:
            number += 1
            self._heard.clear()
            self._front.tell({"ask": number})
            self._heard.wait(0.1)
            if self._answers and not heard:
                heard, deadline = True, time.monotonic() + seconds
            if self._answers.get(number) == 0:
                return True
            if time.monotonic() > deadline or self._front.given_up.is_set():
                return False
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop passing on, once all that passed is stored; where nobody can store it, at once. Safe to call twice."""
        if self._stopped:
            return
        self._stopped = True
        self._front.tell({"stop": True})
        try:
            self._await(self._front.given_up)
        finally:  # also where somebody does not want to wait any longer
            self._front.close(1)

    def end(self, status: RunStatus, error: str = "") -> None:
        """Stop, and end every run. Safe to call twice."""
        if self._end:
            return
        self.stop()
        self._end = {"end": str(status), "error": error, "unconfirmed": self._unconfirmed}
        self._scribe.tell(self._end)
        self._overdue = not self._await(self._ended, _END_SECONDS)
        if self._overdue:
            self._last_failure = "the process that records did not end, and was killed"
            self._scribe.kill()
        self._scribe.close(_GOODBYE_SECONDS)
        if not self._ended.is_set():  # nobody was there to say so
            for run in filter(None, self._runs.values()):
                self._on_said({"incomplete": run, "lost": None, "ended": False, "why": self._last_failure})
        self._let_go()

    def _await(self, done: threading.Event, seconds: float = math.inf) -> bool:
        """Wait until it is done, or nobody is there any more to do it; False where that took too long."""
        until = time.monotonic() + seconds
        hurried = False
        while not done.wait(0.1) and not self._scribe.given_up.is_set():
            if asked() and not hurried:
                hurried, until = True, min(until, time.monotonic() + _STOPPED_SECONDS)
            if time.monotonic() > until:
                return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        status = RunStatus.ERRORED if error is not None else RunStatus.COMPLETED
        self.end(status, f"{type(error).__name__}: {error}" if error is not None else "")

    def _wait_for_scribe(self) -> None:
        if not self._begun.wait(_START_SECONDS):
            raise CannotDo("The process that records did not start within a minute.")
        if self._failure is not None:
            raise FootageError.from_told(self._failure)

    def _let_go(self) -> None:
        self._listener.close()
        self._post.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    # --- what the two are told, and say ---

    def _scribes_orders(self) -> list[JSON]:
        order: JSON = {"store": os.path.realpath(self._store), "secrets": self._secrets, "record": self._record}
        order |= {"runs": {name: run for name, run in self._runs.items() if run}, "idle": self._idle}
        order |= {"command": self._command, "listener": self._post.fileno(), "watched": self._watched}
        return [order, self._end] if self._end else [order]

    def _fronts_orders(self) -> list[JSON]:
        order: JSON = {"services": self._services, "post": str(self._folder / "post"), "command": self._command}
        order |= {"patience": _CONFIRM_SECONDS, "begin": self._begun.is_set()}
        return [order | {"listener": self._listener.fileno()}]

    def _said(self, said: JSON) -> None:
        if "run" in said:
            known = said["name"] in self._runs
            self._runs[said["name"]] = said["run"]
            if known:
                return
        if "ready" in said:
            self._begun.set()
        if "over" in said:
            self._runs = {name: run for name, run in self._runs.items() if run != said["over"]}
        if "failed" in said:
            self._failed(said["failed"])
        if "ended" in said:
            self._ended.set()
        self._on_said(said)

    def _failed(self, failure: JSON) -> None:
        """Take note that a recording process cannot begin. Another one tries again, as long as it would be in time."""
        if not self._begun.is_set() or self._end:
            self._failure = failure
        if self._begun.is_set() and failure["message"] != self._last_failure:
            _log.warning("Nothing is recorded at the moment: %s", failure["message"])
        self._last_failure = failure["message"]
        self._begun.set()

    def _told(self, said: JSON) -> None:
        if "unconfirmed" in said:
            self._unconfirmed = said["unconfirmed"]
            return
        self._answers[said["ask"]] = said["under_way"]
        self._heard.set()
