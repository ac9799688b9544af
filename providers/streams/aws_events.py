"""
The event stream of AWS, in which Bedrock wraps a streamed reply: binary messages, each an event of the Messages API.

A message is its length, the length of its headers and a checksum (four bytes each), headers, payload, a checksum
(https://smithy.io/2.0/aws/amazon-eventstream.html). The payload is JSON; its `bytes` are the event in base64.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Callable

__all__ = ["AwsEvents", "aws_message", "events_reader", "is_aws"]

_PRELUDE = struct.Struct(">III")
_LONGEST = 32 * 1024 * 1024


def is_aws(content_type: str) -> bool:
    """Tell whether a body of this type comes in such messages."""
    return "amazon.eventstream" in content_type.lower()


def events_reader(content_type: str) -> Callable[[bytes], bytes] | None:
    """Return what makes server-sent events of a body's pieces; None where a body of this type has no events."""
    if is_aws(content_type):
        return AwsEvents().feed
    return bytes if "event-stream" in content_type.lower() else None


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


def aws_message(event: bytes) -> bytes:
    """Return the message that wraps a server-sent event whose data is JSON; b"" for an event without data."""
    data = next((line[5:].strip() for line in event.splitlines() if line.startswith(b"data:")), b"")
    if not data:
        return b""
    named = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(_header(name, value) for name, value in named.items())
    payload = json.dumps({"bytes": base64.b64encode(data).decode()}).encode()
    lengths = struct.pack(">II", _PRELUDE.size + len(headers) + len(payload) + 4, len(headers))
    whole = lengths + struct.pack(">I", binascii.crc32(lengths)) + headers + payload
    return whole + struct.pack(">I", binascii.crc32(whole))


def _header(name: str, value: str) -> bytes:
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
