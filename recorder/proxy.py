"""
The recording proxy: agents in any language are recorded by the address they send their requests to.

    ANTHROPIC_BASE_URL=http://127.0.0.1:PORT/run/NAME

NAME tells apart the runs of several agents; `/run/NAME/via/openai` leads to another provider. The proxy listens on the
loopback interface only, passes everything on as it comes, and loads nothing of the SDK.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Self

from footage.errors import CannotDo
from footage.recorder.relay import Relay
from footage.recorder.session import Recording
from footage.recorder.tee import MessageTee, NoTee, RawTee, Tee
from footage.recorder.upstream import Upstream
from footage.recorder.worker import Worker

__all__ = ["Proxy"]

_log = logging.getLogger("footage")
_PATH = re.compile(
    r"(?:/run/(?P<run>[\w.-]{1,80})(?=[/?]|$))?(?:/via/(?P<via>\w{1,40})(?=[/?]|$))?(?P<rest>.*)", re.DOTALL
)
_AHEAD = "A tool call was passed on before it was stored: the store took longer than 50 ms."


@dataclass(slots=True, eq=False)
class _Lane:
    """A run that is recorded through the proxy."""

    recording: Recording
    worker: Worker
    used: float = field(default_factory=time.monotonic)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """Take note of a connection that broke."""
        _log.debug("A connection to the proxy broke.", exc_info=True)


class Proxy:
    """
    A proxy on 127.0.0.1, from the moment it is made until `close`. A context manager.

    `services` are the services by name; "anthropic" is the one that paths without a name lead to. `open_run` begins a
    recording for a name that no run was added by ("" for a path without one); without it such requests go to the only
    run, or pass unrecorded. `port` 0 is any free one; raises CannotDo where it is taken.
    """

    def __init__(
        self, services: Mapping[str, Upstream], *, port: int = 0, open_run: Callable[[str], Recording] | None = None
    ) -> None:
        self._services = dict(services)
        self._open_run = open_run
        self._lanes: dict[str, _Lane] = {}
        self._lock = threading.Lock()
        self._under_way = 0
        self._idle = threading.Condition()
        handler = type("_Relay", (Relay,), {"proxy": self})
        try:
            self._server = _Server(("127.0.0.1", port), handler)
        except OSError as error:
            raise CannotDo(
                f"Port {port} cannot be had: {error.strerror}.", hint="Choose another with --port."
            ) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="footage-proxy", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def address(self, run: str, service: str = "anthropic") -> str:
        """Return the base address for the clients of a service whose requests belong to a run, by its name here."""
        return f"{self.url}/run/{run}" + ("" if service == "anthropic" else f"/via/{service}")

    def add(self, recording: Recording, name: str) -> None:
        """Record the requests that come by this name into a run."""
        with self._lock:
            self._lanes[name] = _Lane(recording, Worker(recording.guard))

    # --- for the relays ---

    def route(self, method: str, path: str, headers: Iterable[tuple[str, str]]) -> tuple[Upstream, str, Tee]:
        """Return where a request goes, its path there, and what remembers it."""
        found = _PATH.fullmatch(path)
        assert found is not None  # the pattern takes any text
        service = found["via"] if found["via"] in self._services else "anthropic"
        rest = found["rest"] if service == (found["via"] or "anthropic") else f"/via/{found['via']}{found['rest']}"
        lane = self._lane(found["run"] or "")
        upstream, rest = self._services[service], rest if rest.startswith("/") else f"/{rest}" if rest else ""
        if lane is None:
            return upstream, rest, NoTee()
        given = list(headers)
        guard = lane.recording.guard
        guard.secrets.learn(dict(given), path)
        if service == "anthropic" and method == "POST" and rest.split("?")[0].rstrip("/").endswith("/v1/messages"):
            retries = {name.lower(): value for name, value in given}.get("x-stainless-retry-count", "0")
            return upstream, rest, MessageTee(lane.recording.wire, lane.worker, retry=retries not in {"", "0"})
        named = "" if service == "anthropic" else f"/via/{service}"
        return upstream, rest, RawTee(guard, lane.worker, method, named + rest, given)

    def was_ahead(self, path: str) -> None:
        """Take note that a tool call was let go before it was stored."""
        found = _PATH.fullmatch(path)
        lane = self._lane(found["run"] or "" if found else "")
        if lane is not None:
            guard = lane.recording.guard
            lane.worker.do(lambda: guard.write("a gap", lambda w: w.gap(_AHEAD)))

    def _lane(self, name: str) -> _Lane | None:
        with self._lock:
            lane = self._lanes.get(name)
            if lane is None and self._open_run is not None:
                recording = self._open_run(name)
                lane = self._lanes[name] = _Lane(recording, Worker(recording.guard))
            if lane is None and len(self._lanes) == 1:
                (lane,) = self._lanes.values()
            if lane is not None:
                lane.used = time.monotonic()
            return lane

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Count a request as under way."""
        with self._idle:
            self._under_way += 1
        try:
            yield
        finally:
            with self._idle:
                self._under_way -= 1
                self._idle.notify_all()

    # --- the end ---

    def end_idle(self, seconds: float) -> list[Recording]:
        """End the runs by whose names nothing came for so long, while nothing is under way; return them."""
        with self._idle, self._lock:
            if self._under_way:
                return []
            now = time.monotonic()
            idle = {name: lane for name, lane in self._lanes.items() if now - lane.used > seconds}
            for name in idle:
                del self._lanes[name]
        for lane in idle.values():
            lane.worker.close()
            lane.recording.end()
        return [lane.recording for lane in idle.values()]

    def drain(self, seconds: float) -> bool:
        """Wait until every reply that is under way has come to its end; False where that took too long."""
        with self._idle:
            return self._idle.wait_for(lambda: self._under_way == 0, timeout=seconds)

    def close(self) -> None:
        """Stop serving, and record what is still to be recorded. Does not end the runs. Safe to call twice."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        with self._lock:
            lanes = list(self._lanes.values())
        for lane in lanes:
            lane.worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
