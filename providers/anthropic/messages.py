"""The Messages API as a provider (`footage.providers.contract`). The common form is its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from footage.providers.anthropic.clouds import asks_cloud, with_path

if TYPE_CHECKING:
    from footage.providers.actions.points import PointerTracker
    from footage.providers.contract import StreamReader
    from footage.trajectory import JSON, Action, Space

__all__ = ["MESSAGES_API", "MessagesApi"]


class MessagesApi:
    """POST …/v1/messages (https://docs.anthropic.com/en/api/messages), and the paths of Bedrock and Vertex."""

    NAME = "anthropic"
    LINE = "Anthropic's Messages API"
    VARIABLES: Mapping[str, str] = {"ANTHROPIC_BASE_URL": ""}

    def recognises(self, method: str, path: str, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - the contract's
        """Tell whether a request asks for a message."""
        plain = path.partition("?")[0].rstrip("/")
        ours = plain.endswith("/v1/messages") or plain == "/messages"
        return method == "POST" and (ours or asks_cloud(plain))

    def may_complete(self, piece: bytes) -> bool:
        """Tell whether events end a content block."""
        return b"content_block_stop" in piece

    def read_request(self, body: JSON, path: str = "") -> JSON:
        """Return the request: it is in the common form, but for what the paths of clouds say."""
        return with_path(body, path)

    def read_reply(self, body: JSON) -> JSON:
        """Return the reply: it is in the common form."""
        return body

    def stream_reader(self) -> StreamReader:
        """Return what reads a streamed reply."""
        from footage.providers.anthropic.stream_reader import MessageBuilder

        return MessageBuilder()

    def error_of(self, body: object) -> JSON | None:
        """Return the error of a body of the type `error`."""
        error = body.get("error") if isinstance(body, dict) else None
        if not isinstance(error, dict):
            return {"type": "error", "message": ""} if isinstance(body, dict) and body.get("type") == "error" else None
        return {"type": str(error.get("type") or "error"), "message": str(error.get("message") or "")}

    def units(self, request: JSON, picture: tuple[int, int] | None) -> tuple[int, int] | None:  # noqa: ARG002
        """Return None: coordinates are pixels."""
        return None

    def actions(
        self,
        block: JSON,
        *,
        space: Space | None = None,
        request: JSON | None = None,
        pointer: PointerTracker | None = None,
    ) -> list[Action]:
        """Return the actions of a tool call; the request's tools say whether bare names are a computer's."""
        from footage.providers.anthropic.computer_tools import TOOLSET, tool_version
        from footage.providers.anthropic.tool_calls import actions_of
        from footage.providers.common_form import objects

        toolset = tool_version(objects((request or {}).get("tools"))) == TOOLSET
        return actions_of(block, space=space, toolset=toolset, pointer=pointer)

    def write_reply(self, message: JSON, *, stream: bool, cut: bool = False) -> list[bytes]:
        """Return a message, or its events."""
        import json

        from footage.providers.anthropic.reply_writer import events_of
        from footage.providers.streams.server_sent_events import event

        whole = {"type": "message", "role": "assistant", "stop_sequence": None, **message}
        whole["usage"] = {"input_tokens": 0, "output_tokens": 0, **(message.get("usage") or {})}
        if stream:
            return [event(each, str(each["type"])) for each in events_of(whole, cut=cut)]
        return [b"" if cut else json.dumps(whole).encode()]

    def write_error(self, kind: str, message: str) -> bytes:
        """Return an error's body."""
        import json

        return json.dumps({"type": "error", "error": {"type": kind or "api_error", "message": message}}).encode()


MESSAGES_API = MessagesApi()
