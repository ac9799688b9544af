"""
An agent without a library: it carries out each call at once, by xdotool or as a VNC client, and asks on.

Run by `footage record`; `SCALE` is the factor by which it forgets to scale points back.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import time
import urllib.request
from typing import Any

_SYMBOLS = {"Return": 0xFF0D}


class Display:
    """Acts on the display in the environment."""

    def click(self, x: int, y: int) -> None:
        subprocess.run(["xdotool", "mousemove", str(x), str(y), "click", "1"], check=True)

    def type(self, text: str) -> None:
        subprocess.run(["xdotool", "type", text], check=True)

    def key(self, name: str) -> None:
        subprocess.run(["xdotool", "key", name], check=True)


class Remote:
    """Acts as a client of the VNC server in the environment."""

    def __init__(self) -> None:
        host, _, port = os.environ["FOOTAGE_VNC"].rpartition(":")
        self._link = socket.create_connection((host, int(port)))
        file = self._link.makefile("rb")
        file.read(12)
        self._link.sendall(b"RFB 003.008\n")
        file.read(file.read(1)[0])
        self._link.sendall(b"\x01")
        file.read(4)
        self._link.sendall(b"\x01")
        file.read(20)
        file.read(struct.unpack(">I", file.read(4))[0])

    def click(self, x: int, y: int) -> None:
        for buttons in (0, 1, 0):
            self._link.sendall(struct.pack(">BBHH", 5, buttons, x, y))

    def type(self, text: str) -> None:
        for character in text:
            self.key(character)

    def key(self, name: str) -> None:
        for down in (1, 0):
            self._link.sendall(struct.pack(">BBxxI", 4, down, _SYMBOLS.get(name) or ord(name)))


def main() -> None:
    hands: Any = Remote() if "FOOTAGE_VNC" in os.environ else Display()
    scale, pause = float(os.environ.get("SCALE", "1")), float(os.environ.get("PAUSE", "0.2"))
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Go on"}]
    tools = [{"type": "computer_20251124", "name": "computer", "display_width_px": 1280, "display_height_px": 800}]
    while True:
        body = json.dumps({"model": "m", "max_tokens": 99, "messages": messages, "tools": tools}).encode()
        headers = {"content-type": "application/json", "x-api-key": "none"}
        url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as response:
            content = json.load(response)["content"]
        messages.append({"role": "assistant", "content": content})
        calls = [block for block in content if block["type"] == "tool_use"]
        if not calls:
            return
        for call in calls:
            given = call["input"]
            if given["action"] == "left_click":
                hands.click(*(round(value * scale) for value in given["coordinate"]))
            elif given["action"] in {"type", "key"}:
                getattr(hands, given["action"])(given["text"])
            time.sleep(pause)
        results = [{"type": "tool_result", "tool_use_id": call["id"], "content": "ok"} for call in calls]
        messages.append({"role": "user", "content": results})


if __name__ == "__main__":
    main()
