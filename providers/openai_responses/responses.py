"""The Responses API as a provider (`footage.providers.contract`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from footage.providers.actions.points import PointerTracker
    from footage.providers.contract import StreamReader
    from footage.trajectory import JSON, Action, Space

__all__ = ["RESPONSES_API", "ResponsesApi"]


class ResponsesApi:
    """POST …/responses (https://platform.openai.com/docs/api-reference/responses)."""

    NAME = "openai-responses"
    LINE = "OpenAI's Responses API: computer, computer_use_preview, functions"
    VARIABLES: Mapping[str, str] = {"OPENAI_BASE_URL": "/v1"}

    def recognises(self, method: str, path: str, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - the contract's
        """Tell whether a request asks for a response."""
        return method == "POST" and path.partition("?")[0].rstrip("/").endswith("/responses")

    def may_complete(self, piece: bytes) -> bool:
        """Tell whether events end an item, or the response."""
        return b"response.output_item.done" in piece or b"response.completed" in piece

    def read_request(self, body: JSON, path: str = "") -> JSON:  # noqa: ARG002 - the contract's
        """Return a request in the common form."""
        from footage.providers.openai_responses.items import request_of

        return request_of(body)

    def read_reply(self, body: JSON) -> JSON:
        """Return a response in the common form."""
        from footage.providers.openai_responses.items import reply_of

        return reply_of(body)

    def stream_reader(self) -> StreamReader:
        """Return what reads a streamed response."""
        from footage.providers.openai_responses.response_events import ResponseBuilder

        return ResponseBuilder()

    def error_of(self, body: object) -> JSON | None:
        """Return the error of a body, or of a response that failed."""
        error = body.get("error") if isinstance(body, dict) else None
        if not isinstance(error, dict):
            return None
        kind = error.get("type") or error.get("code") or "error"
        return {"type": str(kind), "message": str(error.get("message") or "")}

    def units(self, request: JSON, picture: tuple[int, int] | None) -> tuple[int, int] | None:  # noqa: ARG002
        """Return None: coordinates are pixels, of the picture or of the declared display."""
        return None

    def actions(
        self,
        block: JSON,
        *,
        space: Space | None = None,
        request: JSON | None = None,  # noqa: ARG002 - the contract's
        pointer: PointerTracker | None = None,
    ) -> list[Action]:
        """Return the actions of a call: all of a `computer_call`, or that of a function."""
        from footage.providers.actions.any_call import actions_of_call

        return actions_of_call(str(block.get("name") or ""), block.get("input"), space=space, pointer=pointer)

    def write_reply(self, message: JSON, *, stream: bool, cut: bool = False) -> list[bytes]:
        """Return a response, or its events."""
        import json

        from footage.providers.openai_responses.items import response_of
        from footage.providers.openai_responses.response_events import events_of
        from footage.providers.streams.server_sent_events import event

        response = response_of(message)
        if stream:
            return [event(each, str(each["type"])) for each in events_of(response, cut=cut)]
        return [b"" if cut else json.dumps(response).encode()]

    def write_error(self, kind: str, message: str) -> bytes:
        """Return an error's body."""
        import json

        error = {"message": message, "type": kind or "server_error", "param": None, "code": None}
        return json.dumps({"error": error}).encode()


RESPONSES_API = ResponsesApi()
