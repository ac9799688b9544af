"""
A small Messages service on loopback, in a process of its own, and the long conversation that benchmarks have with it.

The service answers with a thought and a click, after the seconds that it is to think; the header `x-step` says the how
many-th reply is wanted.
"""

from __future__ import annotations

import base64
import io
import json
import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from footage.trajectory import JSON

__all__ = ["TOOL", "cpu_of", "history", "screen", "serving"]

TOOL: Any = {"type": "computer_20251124", "name": "computer", "display_width_px": 1280, "display_height_px": 800}


class _Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    think = 0.0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        time.sleep(self.think)
        number = int(self.headers["x-step"])
        reply: JSON = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": "m"}
        reply |= {"content": said(number), "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1}}
        data = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def _serve(pipe: Connection, think: float) -> None:
    _Service.think = think
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    pipe.send(f"http://127.0.0.1:{server.server_address[1]}")
    server.serve_forever()


@contextmanager
def serving(think: float) -> Iterator[str]:
    """Run the service, which thinks for so many seconds, and give its address."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there, think), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()


def said(number: int) -> list[JSON]:
    """Return the n-th reply: a thought, and a click."""
    given = {"action": "left_click", "coordinate": [number % 1280, 20]}
    thought = {"type": "text", "text": f"Step {number}. " + "I look where the button is. " * 12}
    return [thought, {"type": "tool_use", "id": f"call_{number}", "name": "computer", "input": given}]


def screen(number: int, height: int, width: int, top: int = 100) -> JSON:
    """Return the n-th screen of 1280x800: plain, but for so many pixels of a picture that is new each time."""
    pixels = np.full((800, 1280, 3), 200, np.uint8)
    noise = np.random.default_rng(number).integers(0, 255, (height, width, 3), dtype=np.uint8)
    pixels[top : top + height, 100 : 100 + width] = noise
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(out.getvalue()).decode()}
    return {"type": "image", "source": source}


def history(number: int, screens: Mapping[int, JSON], *, pictures: int, exchanges: int | None = None) -> list[Any]:
    """Return the messages of the n-th request: the last exchanges (all), with the pictures of the last of them."""
    messages: list[Any] = [{"role": "user", "content": "Do the long task."}]
    for each in range(0 if exchanges is None else max(0, number - exchanges), number):
        shown = screens[each] if number - each <= pictures else {"type": "text", "text": "(removed)"}
        result = {"type": "tool_result", "tool_use_id": f"call_{each}", "content": [shown]}
        messages += [{"role": "assistant", "content": said(each)}, {"role": "user", "content": [result]}]
    return messages


def cpu_of(process: int) -> float:
    """Return the milliseconds of CPU that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1e3 / os.sysconf("SC_CLK_TCK")
