"""An MCP server on standard input and output with one tool: a computer whose screen is the picture in PICTURE."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

POINT = {"type": "array", "items": {"type": "integer"}}
SCHEMA = {"type": "object", "properties": {"action": {"type": "string"}, "coordinate": POINT}, "required": ["action"]}
TOOL = {"name": "computer", "description": "A computer", "inputSchema": SCHEMA}
PICTURE = {"type": "image", "data": os.environ["PICTURE"], "mimeType": "image/png"}


def answer(method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        about = {"name": "desk", "version": "1"}
        return {"protocolVersion": parameters["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": about}
    if method == "tools/list":
        return {"tools": [TOOL]}
    if method == "tools/call":
        return {"content": [{"type": "text", "text": "done"}, PICTURE]}
    return {}


for line in sys.stdin:
    asked = json.loads(line)
    if "id" in asked:
        result = answer(asked["method"], asked.get("params") or {})
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}) + "\n")
        sys.stdout.flush()
