"""
Talking to QEMU's monitor (QMP) from ordinary code: every call comes back within its time limit.

The library is asyncio; its loop runs in a thread of its own. A QEMU that does not answer in time is ended (`stuck`),
since nothing it says later could be trusted: some commands of QEMU 7.2 never return, and it ignores SIGTERM then.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from footage.errors import CannotDo, MachineError

if TYPE_CHECKING:
    from qemu.qmp import QMPClient

TIMEOUT = 10.0
"""Seconds a command gets by default."""
_CLOSING = 2.0


@dataclass(frozen=True, slots=True)
class QmpEvent:
    """Something QEMU told of by itself: STOP, RESUME, SHUTDOWN, RESET, MIGRATION and others."""

    name: str
    data: Mapping[str, Any]
    seconds: float
    """QEMU's own time stamp, seconds since 1970."""


class Qmp:
    """A connection to the monitor of one QEMU process. Thread-safe: commands are answered one after another."""

    def __init__(self, socket: Path, *, stuck: Callable[[], None], gone: Callable[[], str], timeout: float) -> None:
        """
        Connect within `timeout` seconds.

        `stuck` ends the process; it is called where an answer does not come in time. `gone` says why the process
        ended, or "" while it lives. Raises CannotDo where the library is missing, MachineError where QEMU does not
        let itself be connected to.
        """
        try:
            from qemu.qmp import QMPClient
        except ImportError:
            raise CannotDo("The Python package qemu.qmp is missing.", hint="pip install 'footage[qemu]'") from None
        logging.getLogger("qemu.qmp").addHandler(logging.NullHandler())  # what matters is raised
        self._stuck = stuck
        self._gone = gone
        self._events: list[QmpEvent] = []
        self._news = threading.Condition()
        self._handing = threading.Lock()
        self._closing = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="footage-qmp", daemon=True)
        self._thread.start()
        self._client: QMPClient = QMPClient("footage")
        self._listener: asyncio.Task[None] | None = None
        try:
            self._connect(socket, time.monotonic() + timeout)
        except BaseException:
            self.close()
            raise

    def execute(self, command: str, arguments: Mapping[str, Any] | None = None, *, timeout: float = TIMEOUT) -> Any:
        """
        Carry out a command and return its answer (a JSON value; most answer {}).

        Raises MachineError where QEMU refuses it, is gone, or does not answer within `timeout` seconds; in the last
        case the process has been ended.
        """
        from qemu.qmp import ExecuteError, QMPError

        try:
            return self._run(self._client.execute(command, dict(arguments or {})), timeout)
        except ExecuteError as error:
            raise MachineError(f"QEMU refused {command}: {error}") from error
        except concurrent.futures.TimeoutError:
            self._stuck()
            raise MachineError(f"QEMU did not answer {command} within {timeout:g} s, and was ended.") from None
        except (QMPError, OSError, EOFError, RuntimeError) as error:
            raise MachineError(f"QEMU is gone: {self._gone() or error}") from error

    def hmp(self, line: str, *, timeout: float = TIMEOUT) -> str:
        """Carry out a line of the human monitor and return what it says; errors are part of that text."""
        return str(self.execute("human-monitor-command", {"command-line": line}, timeout=timeout)).strip()

    @property
    def events(self) -> tuple[QmpEvent, ...]:
        """Every event so far, oldest first."""
        with self._news:
            return tuple(self._events)

    def wait_for(self, names: Collection[str], *, since: int = 0, timeout: float = TIMEOUT) -> QmpEvent:
        """
        Wait for an event of one of these names and return it; the first `since` events are passed over.

        Raises MachineError after `timeout` seconds, or once QEMU is gone.
        """
        deadline = time.monotonic() + timeout
        with self._news:
            while True:
                for event in self._events[since:]:
                    if event.name in names:
                        return event
                if reason := self._gone():
                    raise MachineError(f"QEMU is gone: {reason}")
                if (left := deadline - time.monotonic()) <= 0:
                    raise MachineError(f"QEMU did not come to {' or '.join(sorted(names))} within {timeout:g} s.")
                self._news.wait(min(left, 0.2))

    def close(self) -> None:
        """Let go of the connection; the process goes on. Safe to call twice."""
        with self._handing:
            if self._closing:
                return
            self._closing = True
            left = asyncio.run_coroutine_threadsafe(self._disconnect(), self._loop)
        with contextlib.suppress(Exception):
            left.result(_CLOSING)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSING)
        if not self._thread.is_alive():
            self._loop.close()

    # --- in the loop's thread ---------------------------------------------------------------------------------------

    def _run(self, work: Coroutine[Any, Any, Any], timeout: float) -> Any:
        with self._handing:  # what is handed over before the end is ended by it
            if self._closing:
                work.close()
                raise MachineError("The connection to QEMU is closed.")
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout)
        except concurrent.futures.CancelledError:
            raise MachineError("The connection to QEMU was closed meanwhile.") from None
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise

    def _connect(self, socket: Path, deadline: float) -> None:
        """Try until QEMU has made its socket."""
        from qemu.qmp import ConnectError

        while not socket.exists() and not self._gone() and time.monotonic() < deadline:
            time.sleep(0.01)
        while True:
            left = deadline - time.monotonic()
            try:
                return self._run(self._open(str(socket)), max(left, 0.1))  # type: ignore[no-any-return]  # None
            except ConnectError as error:
                if reason := self._gone():
                    raise MachineError(f"QEMU did not start: {reason}") from error
                if left <= 0:
                    self._stuck()
                    raise MachineError("QEMU started, but does not let itself be connected to.") from error
                time.sleep(0.01)
            except concurrent.futures.TimeoutError:
                self._stuck()
                raise MachineError("QEMU started, but does not answer.") from None

    async def _open(self, socket: str) -> None:
        await self._client.connect(socket)
        self._listener = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        async for event in self._client.events:
            stamp = event["timestamp"]
            seconds = stamp["seconds"] + stamp["microseconds"] / 1e6  # type: ignore[index]  # JSON
            data = event.get("data", {})
            with self._news:
                self._events.append(QmpEvent(str(event["event"]), dict(data), seconds))  # type: ignore[call-overload]  # JSON
                self._news.notify_all()

    async def _disconnect(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        under_way = asyncio.all_tasks() - {asyncio.current_task()}
        with contextlib.suppress(Exception):  # it raises what ended the connection, which was told before
            await self._client.disconnect()
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
