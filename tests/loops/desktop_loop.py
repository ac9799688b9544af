"""
An agent as people write them: it finds its screen in DISPLAY, acts with xdotool, waits, and sends a screenshot.

It waits until two screenshots a moment apart are equal, as the better ones do.
"""

from __future__ import annotations

import base64
import io
import subprocess
import time
from typing import Any

from changed_loop import ask, asked
from PIL import Image
from Xlib import X, display


def screenshot(screen: Any) -> bytes:
    """Return the screen as a PNG."""
    size = screen.width_in_pixels, screen.height_in_pixels
    raw = screen.root.get_image(0, 0, *size, X.ZPixmap, 0xFFFFFFFF).data
    out = io.BytesIO()
    Image.frombytes("RGB", size, raw, "raw", "BGRX").save(out, "PNG", compress_level=1)
    return out.getvalue()


def at_rest(screen: Any) -> bytes:
    """Return a screenshot that is the same half a second later."""
    last = screenshot(screen)
    for _ in range(10):
        time.sleep(0.5)
        now = screenshot(screen)
        if now == last:
            break
        last = now
    return last


def act(call: Any) -> None:
    """Carry out one call."""
    given = call["input"]
    if given["action"] == "left_click":
        x, y = map(str, given["coordinate"])
        subprocess.run(["xdotool", "mousemove", x, y, "click", "1"], check=True)
    else:
        subprocess.run(["xdotool", "type", "--delay", "30", given["text"]], check=True)


def main() -> None:
    screen = display.Display().screen()
    messages: list[Any] = [{"role": "user", "content": "Add 12 and 1, and note it"}]
    while True:
        reply = ask(asked(*messages, system="You use a computer."))
        messages.append({"role": "assistant", "content": reply["content"]})
        calls = [block for block in reply["content"] if block["type"] == "tool_use"]
        if not calls:
            return
        results = []
        for call in calls:
            act(call)
            data = base64.b64encode(at_rest(screen)).decode()
            shown = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
            results.append({"type": "tool_result", "tool_use_id": call["id"], "content": [shown]})
        messages.append({"role": "user", "content": results})


if __name__ == "__main__":
    main()
