"""Chat completions as a provider (`footage.providers.contract`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from footage.providers.actions.points import PointerTracker
    from footage.providers.contract import StreamReader
    from footage.trajectory import JSON, Action, Space

__all__ = ["CHAT_COMPLETIONS", "ChatCompletions"]


class ChatCompletions:
    """POST …/chat/completions (https://platform.openai.com/docs/api-reference/chat)."""

    NAME = "chat-completions"
    LINE = "chat completions: tool calls, and the texts of UI-TARS, Qwen and OpenCUA"
    VARIABLES: Mapping[str, str] = {"OPENAI_BASE_URL": "/v1", "OPENAI_API_BASE": "/v1"}

    def recognises(self, method: str, path: str, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - the contract's
        """Tell whether a request asks for a completion of a chat."""
        return method == "POST" and path.partition("?")[0].rstrip("/").endswith("/chat/completions")

    def may_complete(self, piece: bytes) -> bool:
        """Tell whether events end a reply: no call is complete before."""
        return b"finish_reason" in piece or b"[DONE]" in piece

    def read_request(self, body: JSON, path: str = "") -> JSON:  # noqa: ARG002 - the contract's
        """Return a request in the common form."""
        from footage.providers.chat_completions.chat_messages import request_of

        return request_of(body)

    def read_reply(self, body: JSON) -> JSON:
        """Return a completion in the common form."""
        from footage.providers.chat_completions.chat_messages import reply_of

        return reply_of(body)

    def stream_reader(self) -> StreamReader:
        """Return what reads a streamed completion."""
        from footage.providers.chat_completions.chunks import CompletionBuilder

        return CompletionBuilder()

    def error_of(self, body: object) -> JSON | None:
        """Return the error of a body."""
        error = body.get("error") if isinstance(body, dict) else None
        if isinstance(error, str) and error:
            return {"type": "error", "message": error}
        if not isinstance(error, dict):
            return None
        kind = error.get("type") or error.get("code") or "error"
        return {"type": str(kind), "message": str(error.get("message") or "")}

    def units(self, request: JSON, picture: tuple[int, int] | None) -> tuple[int, int] | None:
        """Return the units that the model's family counts in, by its name."""
        from footage.providers.chat_completions.dialects import units_of

        return units_of(str(request.get("model") or ""), picture) if picture else None

    def actions(
        self,
        block: JSON,
        *,
        space: Space | None = None,
        request: JSON | None = None,  # noqa: ARG002 - the contract's
        pointer: PointerTracker | None = None,
    ) -> list[Action]:
        """Return the actions of a tool call, or of a call that was written as text."""
        from footage.providers.chat_completions.dialects import actions_of_text_call

        return actions_of_text_call(block, space=space, pointer=pointer)

    def write_reply(self, message: JSON, *, stream: bool, cut: bool = False) -> list[bytes]:
        """Return a completion, or its chunks."""
        import json

        from footage.providers.chat_completions.chat_messages import completion_of
        from footage.providers.chat_completions.chunks import chunks_of
        from footage.providers.streams.server_sent_events import event

        completion = completion_of(message)
        if not stream:
            return [b"" if cut else json.dumps(completion).encode()]
        pieces = [event(chunk) for chunk in chunks_of(completion, cut=cut)]
        return pieces if cut else [*pieces, b"data: [DONE]\n\n"]

    def write_error(self, kind: str, message: str) -> bytes:
        """Return an error's body."""
        import json

        error = {"message": message, "type": kind or "server_error", "param": None, "code": None}
        return json.dumps({"error": error}).encode()


CHAT_COMPLETIONS = ChatCompletions()
