"""A service that answers as Bedrock and Vertex do: one message of Claude's with a click, whole or streamed."""

from __future__ import annotations

import base64
import binascii
import json
import struct

from footage.agent.standin.standin_replies import events_of
from footage.trajectory import JSON
from recording import reply
from service import Answer, click, text

MESSAGE = reply(text("I click."), click("a", 10, 20))
EVENTS = list(events_of(MESSAGE))


def aws_message(event: JSON) -> bytes:
    """Return an event as Bedrock sends it."""
    name = b":event-type"
    header = bytes([len(name)]) + name + b"\x07" + struct.pack(">H", 5) + b"chunk"
    payload = json.dumps({"bytes": base64.b64encode(json.dumps(event).encode()).decode(), "p": "abc"}).encode()
    prelude = struct.pack(">II", 16 + len(header) + len(payload), len(header))
    whole = prelude + struct.pack(">I", binascii.crc32(prelude)) + header + payload
    return whole + struct.pack(">I", binascii.crc32(whole))


def answer(_method: str, path: str, _body: bytes) -> Answer:
    if path.endswith(":streamRawPredict"):
        lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in EVENTS]
        return 200, {"content-type": "text/event-stream"}, "".join(lines).encode()
    if path.endswith("invoke-with-response-stream"):
        return 200, {"content-type": "application/vnd.amazon.eventstream"}, b"".join(map(aws_message, EVENTS))
    return 200, {"content-type": "application/json"}, json.dumps(MESSAGE).encode()
