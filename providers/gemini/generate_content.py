"""Gemini's generateContent as a provider (`footage.providers.contract`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from footage.providers.actions.points import PointerTracker
    from footage.providers.contract import StreamReader
    from footage.trajectory import JSON, Action, Space

__all__ = ["GEMINI_API", "GeminiApi"]

_ASKS = re.compile(r"/models/(?P<model>[^/:]+):(?:stream)?[gG]enerateContent$")


class GeminiApi:
    """POST …/models/MODEL:generateContent (https://ai.google.dev/api/generate-content)."""

    NAME = "gemini"
    LINE = "Google's Gemini API: generateContent, computer_use on a grid of 1000"
    VARIABLES: Mapping[str, str] = {"GOOGLE_GEMINI_BASE_URL": ""}

    def recognises(self, method: str, path: str, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - the contract's
        """Tell whether a request asks for content."""
        return method == "POST" and _ASKS.search(path.partition("?")[0].rstrip("/")) is not None

    def may_complete(self, piece: bytes) -> bool:
        """Tell whether events hold a call."""
        return b"functionCall" in piece or b"function_call" in piece

    def read_request(self, body: JSON, path: str = "") -> JSON:
        """Return a request in the common form; the path names the model."""
        from footage.providers.gemini.content_parts import request_of

        found = _ASKS.search(path.partition("?")[0].rstrip("/"))
        asked = request_of(body)
        if found is None:
            return asked
        return {"model": found["model"], **({"stream": True} if ":stream" in path else {}), **asked}

    def read_reply(self, body: JSON) -> JSON:
        """Return a reply in the common form."""
        from footage.providers.gemini.reply_parts import reply_of

        return reply_of(body)

    def stream_reader(self) -> StreamReader:
        """Return what reads a streamed reply."""
        from footage.providers.gemini.reply_parts import ContentBuilder

        return ContentBuilder()

    def error_of(self, body: object) -> JSON | None:
        """Return the error of a body; one that came in a stream stands in a list."""
        first = body[0] if isinstance(body, list) and body else body
        error = first.get("error") if isinstance(first, dict) else None
        if not isinstance(error, dict):
            return None
        kind = error.get("status") or error.get("code") or "error"
        return {"type": str(kind), "message": str(error.get("message") or "")}

    def units(self, request: JSON, picture: tuple[int, int] | None) -> tuple[int, int] | None:
        """Return the grid of 1000 by 1000 that computer_use, and the functions like it, count in."""
        from footage.providers.gemini.browser_functions import counts_in_thousandths

        return (1000, 1000) if picture and counts_in_thousandths(request) else None

    def actions(
        self,
        block: JSON,
        *,
        space: Space | None = None,
        request: JSON | None = None,
        pointer: PointerTracker | None = None,
    ) -> list[Action]:
        """Return the actions of a function call; no point where the size of the screen is not known."""
        from footage.providers.gemini.browser_functions import actions_of_function

        return actions_of_function(block, space=space, request=request or {}, pointer=pointer)

    def write_reply(self, message: JSON, *, stream: bool, cut: bool = False) -> list[bytes]:
        """Return a reply, or its events: one a part."""
        import json

        from footage.providers.gemini.reply_parts import bodies_of, body_of
        from footage.providers.streams.server_sent_events import event

        if stream:
            return [event(each) for each in bodies_of(message, cut=cut)]
        return [b"" if cut else json.dumps(body_of(message)).encode()]

    def write_error(self, kind: str, message: str) -> bytes:
        """Return an error's body."""
        import json

        return json.dumps({"error": {"code": 400, "message": message, "status": kind or "INVALID_ARGUMENT"}}).encode()


GEMINI_API = GeminiApi()
