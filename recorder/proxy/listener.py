"""
The recording proxy: agents in any language are recorded by the address they send their requests to.

    ANTHROPIC_BASE_URL=http://127.0.0.1:PORT/run/NAME

NAME tells apart the runs of several agents; `/run/NAME/via/openai` leads to another provider. The proxy listens on the
loopback interface only, passes everything on as it comes, and loads nothing of the SDK.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Self

from footage.errors import CannotDo
from footage.http1.accepting import Accepting
from footage.providers.registry import all_providers
from footage.recorder.proxy.copy_protocol import Passing
from footage.recorder.proxy.relay_process.client_connection import Relay
from footage.recorder.proxy.relay_process.hang_ups import Waiting
from footage.recorder.proxy.relay_process.upstream import Upstream
from footage.trajectory import Instant

if TYPE_CHECKING:
    from footage.recorder.proxy.writer_process.observers import Tee
    from footage.recorder.proxy.writer_process.routing import Tees

__all__ = ["Proxy", "listen"]

_END_SECONDS = 2.0
"""How long those who pass a reply on get to see that it is waited for no longer."""
_PATH = re.compile(
    r"(?:/run/(?P<run>[\w.-]{1,80})(?=[/?]|$))?(?:/via/(?P<via>\w{1,40})(?=[/?]|$))?(?P<rest>.*)", re.DOTALL
)
_UNVERSIONED = re.compile(r"^(?=/messages(?:[/?]|$))")
"""Vercel's AI SDK has the version in the address of its service, and so not in what it asks for."""


def listen(port: int = 0) -> socket.socket:
    """Return a socket that listens on 127.0.0.1; port 0 is any free one. Raises CannotDo where it is taken."""
    try:
        return socket.create_server(("127.0.0.1", port), backlog=128)
    except OSError as error:
        raise CannotDo(f"Port {port} cannot be had: {error.strerror}.", hint="Choose another with --port.") from error


class Proxy:
    """
    A proxy on 127.0.0.1, from the moment it is made until `close`. A context manager.

    `services` are the services by name; "anthropic" is the one that paths without a name lead to. `tees` is told of
    every request. `listener` is a socket to take over; by default a new one on any free port.
    """

    def __init__(self, services: Mapping[str, Upstream], tees: Tees, *, listener: socket.socket | None = None) -> None:
        all_providers()  # now, and not while the first request waits
        self._services = dict(services)
        self._tees = tees
        self._under_way: set[Relay] = set()
        self.closed = False
        self.waiting = Waiting()
        self._idle = threading.Condition()
        self._accepting = Accepting(listener or listen(), self._serve, name="footage-proxy")

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return self._accepting.url

    def address(self, run: str, service: str = "anthropic") -> str:
        """Return the base address for the clients of a service whose requests belong to a run, by its name here."""
        return f"{self.url}/run/{run}" + ("" if service == "anthropic" else f"/via/{service}")

    @property
    def under_way(self) -> int:
        """How many requests are not answered to their end yet."""
        return len(self._under_way)

    # --- for the relays ---

    def _serve(self, connection: socket.socket) -> None:
        Relay(self, connection).serve()

    def route(self, method: str, path: str, headers: Iterable[tuple[str, str]]) -> tuple[Upstream, str, Tee]:
        """Return where a request goes, its path there, and what remembers it."""
        found = _PATH.fullmatch(path)
        assert found is not None  # the pattern takes any text
        service = found["via"] if found["via"] in self._services else "anthropic"
        rest = found["rest"] if service == (found["via"] or "anthropic") else f"/via/{found['via']}{found['rest']}"
        rest = rest if rest.startswith("/") else f"/{rest}" if rest else ""
        if service == "anthropic" and not self._services[service].base_path.endswith("/v1"):
            rest = _UNVERSIONED.sub("/v1", rest)
        passing = Passing(found["run"] or "", service, method, rest, list(headers), Instant.now())
        return self._services[service], rest, self._tees.tee(passing)

    @contextlib.contextmanager
    def busy(self, relay: Relay) -> Iterator[None]:
        """Count a relay's request as under way."""
        with self._idle:
            self._under_way.add(relay)
        try:
            yield
        finally:
            with self._idle:
                self._under_way.remove(relay)
                self._idle.notify_all()

    # --- the end ---

    def drain(self, seconds: float) -> bool:
        """Wait until every reply that is under way has come to its end; False where that took too long."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._under_way, timeout=seconds)

    def close(self) -> None:
        """Stop serving; replies that are still under way are waited for no longer. Safe to call twice."""
        self._accepting.close()
        self.waiting.close()
        self.closed = True
        with self._idle:
            for relay in self._under_way:
                relay.give_up()
        if not self.drain(_END_SECONDS):
            with self._idle:
                for relay in self._under_way:
                    relay.forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
