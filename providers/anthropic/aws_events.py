"""
The event stream of AWS, in which Bedrock wraps a streamed reply: binary messages, each an event of the Messages API.

A message is its length, the length of its headers and a checksum (four bytes each), headers, payload, a checksum
(https://smithy.io/2.0/aws/amazon-eventstream.html). The payload is JSON; its `bytes` are the event in base64.
"""

from __future__ import annotations

import base64
import json
import struct

__all__ = ["AwsEvents"]

_PRELUDE = struct.Struct(">III")
_LONGEST = 32 * 1024 * 1024


class AwsEvents:
    """Turns such a stream, piece by piece, into server-sent events; what is none of it is passed over."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> bytes:
        """Return the events that `piece` completes, as server-sent events."""
        self._rest += piece
        events = []
        while len(self._rest) >= _PRELUDE.size:
            total, headers, _ = _PRELUDE.unpack_from(self._rest)
            if not _PRELUDE.size + headers + 4 <= total <= _LONGEST:
                self._rest = b""  # no such stream
                break
            if len(self._rest) < total:
                break
            payload, self._rest = self._rest[_PRELUDE.size + headers : total - 4], self._rest[total:]
            events.append(_event(payload))
        return b"".join(events)


def _event(payload: bytes) -> bytes:
    try:
        return b"data: " + base64.b64decode(json.loads(payload)["bytes"]) + b"\n\n"
    except (ValueError, LookupError, TypeError):
        return b""
