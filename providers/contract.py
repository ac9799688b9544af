"""
What a provider has: all that footage knows of one model API.

Requests and replies of every provider are read into one common form, which is that of the Messages API, the one that
tells most. A request in it is a JSON object with (all but `messages` may be missing):

    model, system, tools    as they came; tools are JSON objects, and one that declares a screen has display_width_px
                            and display_height_px
    messages                [{"role": "user" or "assistant", "content": [block, …]}, …]
    thread                  {"previous_message_id": id}, where it goes on from a reply without repeating it
    stream                  whether the reply is to come in events

A reply is {"id", "model", "content": [block, …], "stop_reason", "usage"}. Blocks are

    {"type": "text", "text"}, {"type": "thinking", "thinking"}
    {"type": "image", "source": {"type": "base64", "media_type", "data"}}   or a picture's place: see request_parts
    {"type": "tool_use", "id", "name", "input"}
    {"type": "tool_result", "tool_use_id", "content": [block, …], "is_error"}

A block of a reply may keep the provider's own words as `origin`: from these the reply is written again. A result whose
provider names no call has a `tool_use_id` of "": results are those of the last reply's calls, in their order.

What is stored is the request as it came, its pictures aside, and the reply in the common form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from footage.providers.actions.points import PointerTracker
from footage.trajectory import JSON, Action, Space

__all__ = ["Provider", "StreamReader"]


class StreamReader(Protocol):
    """A streamed reply under construction."""

    message: JSON
    """The reply so far, in the common form, but for its content."""
    finished: bool
    """Whether its end has come."""
    error: JSON | None
    """The error that the service sent in mid-stream: {"type", "message"}."""

    def feed(self, chunk: bytes) -> list[JSON]:
        """Take bytes as they come; return the blocks that they complete, each once."""

    def content(self) -> list[JSON]:
        """Return the blocks so far, in order, unfinished ones included."""


@runtime_checkable
class Provider(Protocol):
    """
    One model API, registered by its name under `footage.providers`.

    The process that relays requests loads it, and uses the first two methods: what is heavy is imported in the others.
    None of the methods may raise for what strangers send.
    """

    NAME: str
    """The entry point's name: it is stored with each turn."""
    LINE: str
    """What it is, in a few words."""
    VARIABLES: Mapping[str, str]
    """The environment variables by which clients find the service, each with the path that their address ends in."""

    def recognises(self, method: str, path: str, headers: Mapping[str, str]) -> bool:
        """Tell whether a request asks this provider's model for a reply; `path` may have a query."""

    def may_complete(self, piece: bytes) -> bool:
        """Tell whether bytes of a stream (whole events) may complete a tool call; where in doubt, they may."""

    def read_request(self, body: JSON, path: str = "") -> JSON:
        """Return a request in the common form. It is not changed; parts of it may be shared."""

    def read_reply(self, body: JSON) -> JSON:
        """Return a whole reply in the common form."""

    def stream_reader(self) -> StreamReader:
        """Return what reads a streamed reply."""

    def error_of(self, body: object) -> JSON | None:
        """Return the {"type", "message"} of a body that is an error, whatever its HTTP status; None for others."""

    def units(self, request: JSON, picture: tuple[int, int] | None) -> tuple[int, int] | None:
        """
        Return how many units of a model's coordinates span a picture of this (width, height).

        None: they are its pixels, or those of the screen that the request's tools declare. `request` has what a
        request in the common form says of the model, the system prompt and the tools.
        """

    def actions(
        self,
        block: JSON,
        *,
        space: Space | None = None,
        request: JSON | None = None,
        pointer: PointerTracker | None = None,
    ) -> list[Action]:
        """Return the canonical actions of a `tool_use` block of a reply to `request` (in the common form)."""

    def write_reply(self, message: JSON, *, stream: bool, cut: bool = False) -> list[bytes]:
        """
        Return a reply in the provider's own form: as events, one a piece, or as one piece of JSON.

        `message` is in the common form; of one that was `cut` off, the events end within its last block.
        """

    def write_error(self, kind: str, message: str) -> bytes:
        """Return an error's body in the provider's own form."""
