"""
Recording a client that has no middleware and stands on httpx: Anthropic's before 0.108, OpenAI's and Google's.

The client gets a copy of its HTTP client whose transports are wrapped; the original client stays as it was. Loads
nothing but the HTTP library that the client brings.
"""

from __future__ import annotations

import copy
import functools
import json
from typing import Any, TypeVar

from footage.errors import UsageError
from footage.providers.registry import provider_asked
from footage.recorder.wire.exchanges import Exchange
from footage.recorder.wire.recorded_body import library_of, record_body
from footage.recorder.wire.run_wire import Wire

__all__ = ["attach", "attach_google"]

_CLOUDS = ("Bedrock", "Vertex")
"""How the names of clients end that have another form for their requests."""
_Client = TypeVar("_Client")


def attach(client: _Client, wire: Wire) -> _Client:
    """
    Return a client like `client` (sync or async) whose exchanges are recorded.

    A client that is attached to this recording already is returned as it is. Raises UsageError for what is no client
    of this kind.
    """
    inner: Any = getattr(client, "_client", None)
    derive = getattr(client, "copy", None)
    if any(kind.__name__.endswith(_CLOUDS) for kind in type(client).__mro__):
        raise UsageError(
            f"This {type(client).__name__} is too old to be attached: its requests are rewritten before they are seen.",
            hint="Use anthropic 0.108 or newer, or record with run.turn() and run.step().",
        )
    if derive is None or not hasattr(inner, "_transport") or not hasattr(inner, "_mounts"):
        raise UsageError(
            f"A {type(client).__name__} cannot be attached: it is no client of Anthropic's or OpenAI's.",
            hint="Record with run.turn() and run.step(), or run the agent with `footage record`.",
        )
    if _records(inner, wire):
        return client
    attached: _Client = derive(http_client=_swapped(inner, wire))
    return attached


def attach_google(client: _Client, wire: Wire) -> _Client:
    """
    Return a client like `client`, of google.genai, whose exchanges are recorded: its own, and those of its `aio`.

    A client that is attached to this recording already is returned as it is. Raises UsageError for one that brings
    HTTP clients of another kind.
    """
    before: Any = client._api_client  # type: ignore[attr-defined]  # noqa: SLF001 - no public way in
    inner = {name: getattr(before, name, None) for name in ("_httpx_client", "_async_httpx_client")}
    if any(not hasattr(each, "_transport") or not hasattr(each, "_mounts") for each in inner.values()):
        raise UsageError(
            "This client of google.genai cannot be attached: its HTTP clients are of another kind.",
            hint="Run the agent with `footage record`.",
        )
    if _records(inner["_httpx_client"], wire):
        return client
    swapped = {name: _swapped(each, wire) for name, each in inner.items()}
    after = copy.copy(before)
    vars(after).update(swapped)
    given = {"httpx_client": swapped["_httpx_client"], "httpx_async_client": swapped["_async_httpx_client"]}
    after._http_options = before._http_options.model_copy(update=given)  # noqa: SLF001 - it uses no other then
    attached: _Client = _with_instead(client, before, after)
    attached._footage_original = client  # type: ignore[attr-defined]  # noqa: SLF001 - it closes what both share
    return attached


def _with_instead(holder: Any, before: Any, after: Any) -> Any:
    """Return a copy of a client, and of all its parts, that asks by `after` where it asked by `before`."""
    made = copy.copy(holder)
    for name, value in vars(holder).items():
        if value is before:
            setattr(made, name, after)
        elif getattr(value, "_api_client", None) is before:
            setattr(made, name, _with_instead(value, before, after))
    return made


def _records(inner: Any, wire: Wire) -> bool:
    """Tell whether an HTTP client is one that is recorded here."""
    return isinstance(inner._transport, _Recorded) and inner._transport.wire is wire  # noqa: SLF001 - no public way in


def _swapped(inner: Any, wire: Wire) -> Any:
    """Return an HTTP client like `inner`, over the same connections, whose exchanges are recorded."""
    library = library_of(inner, "Client", "AsyncClient")
    wrapped = functools.partial(_wrapped, wire=wire, library=library, awaited=isinstance(inner, library.AsyncClient))
    swapped = copy.copy(inner)
    swapped._footage_original = inner  # noqa: SLF001 - it would close the shared connections when it is collected
    swapped._transport = wrapped(inner._transport)  # noqa: SLF001 - no public way in
    swapped._mounts = {  # noqa: SLF001 - no public way in
        pattern: transport and wrapped(transport)
        for pattern, transport in inner._mounts.items()  # noqa: SLF001 - no public way in
    }
    if (of_loop := getattr(inner, "_client_for_running_loop", None)) is not None:  # Google's: one for each event loop
        swapped._client_for_running_loop = lambda: _swapped(of_loop(), wire)  # noqa: SLF001 - no public way in
        swapped._loop_clients = {}  # noqa: SLF001 - it would close those of the original when it is collected
    return swapped


def _wrapped(transport: Any, *, wire: Wire, library: Any, awaited: bool) -> Any:
    """Return a transport of the library's kind that records what passes `transport`; `awaited`: its client is async."""
    bases: tuple[Any, ...] = (_Transport, library.BaseTransport)
    if awaited:
        bases = (_AsyncTransport, library.AsyncBaseTransport)
    made = type("RecordedTransport", bases, {})()
    made.inner, made.wire = transport, wire
    return made


class _Recorded:
    """What both kinds of transport share."""

    inner: Any
    wire: Wire

    def ask(self, request: Any) -> Exchange | None:
        """Record a request that asks a provider's model for a reply; None for any other."""
        provider = provider_asked(request.method, request.url.path)
        if provider is None:
            return None
        try:
            body = json.loads(request.content)
        except (ValueError, RuntimeError):
            return None
        request.headers["Accept-Encoding"] = "identity"
        retry = request.headers.get("x-stainless-retry-count", "0") != "0"
        return self.wire.ask(body, retry=retry, provider=provider, path=request.url.path)


class _Transport(_Recorded):
    def handle_request(self, request: Any) -> Any:
        """Pass a request on."""
        exchange = self.ask(request)
        if exchange is None:
            return self.inner.handle_request(request)
        with exchange.asking():
            response = self.inner.handle_request(request)
        record_body(response, exchange, awaited=False)
        return response

    def close(self) -> None:
        """Close the connections."""
        self.inner.close()


class _AsyncTransport(_Recorded):
    async def handle_async_request(self, request: Any) -> Any:
        """Pass a request on."""
        exchange = self.ask(request)
        if exchange is None:
            return await self.inner.handle_async_request(request)
        with exchange.asking():
            response = await self.inner.handle_async_request(request)
        record_body(response, exchange, awaited=True)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self.inner.aclose()
