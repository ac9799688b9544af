"""
The process that passes requests on: the smallest part, which loads neither the store nor the SDK.

Agents talk through it, so it goes on whatever happens to the others: to the process that records, and to the one that
started both. Orders come on standard input, as JSON, one a line.
"""

from __future__ import annotations

import json
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Any

from footage.providers.registry import all_providers
from footage.recorder.proxy.listener import Proxy
from footage.recorder.proxy.process_messages import is_alive, say
from footage.recorder.proxy.relay_process.copy_sender import Link
from footage.recorder.proxy.relay_process.upstream import Upstream

__all__ = ["main"]

_LOOK_SECONDS = 0.2
_DRAIN_SECONDS = 120.0
_GREETING_SECONDS = 0.5
"""How long the first requests wait for somebody who records them."""
_SWITCH_SECONDS = 0.0005
"""Nobody who passes something on waits for long until another thread has copied its piece; Python's own is 5 ms."""


def main() -> int:
    """Pass requests on as ordered, until the supervisor says so, or it and the agent are gone."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    order: dict[str, Any] = json.loads(sys.stdin.readline())
    services = {name: Upstream(base) for name, base in order["services"].items()}
    all_providers()  # now, and not while the first request waits
    link = Link(order["post"])
    if not order.get("begin", True):
        sys.stdin.readline()  # says that somebody is there who records, or that the agent goes on without
    link.wait(_GREETING_SECONDS)
    proxy = Proxy(services, link, listener=socket.socket(fileno=order["listener"]))
    command: int | None = order["command"]
    orphaned = True
    for line in sys.stdin:
        said = json.loads(line)
        command = said.get("command", command)
        if "ask" in said:
            say({"under_way": proxy.under_way, "ask": said["ask"]})
        if "stop" in said:
            orphaned = False
            break
    if orphaned:
        while is_alive(command):
            time.sleep(_LOOK_SECONDS)
        proxy.drain(_DRAIN_SECONDS)
    proxy.close()
    unconfirmed = link.close(order.get("patience", 60.0))
    if not orphaned:
        say({"unconfirmed": unconfirmed})
    else:
        shutil.rmtree(Path(order["post"]).parent, ignore_errors=True)
    return 0
