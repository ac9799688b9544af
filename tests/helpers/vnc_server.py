"""VNC servers of others, each for one test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def tiger(folder: Path, *options: str) -> Iterator[tuple[str, str]]:
    """Run a TigerVNC server; yields its address and its display."""
    if shutil.which("Xtigervnc") is None:
        pytest.skip("Xtigervnc is not installed")
    port, (there, here) = free_port(), os.pipe()
    command = ["Xtigervnc", "-displayfd", str(here), "-rfbport", str(port), "-localhost", "-geometry", "1024x700"]
    command += ["-depth", "24", "-ac", *(options or ("-SecurityTypes", "None"))]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stderr=log, pass_fds=[here]) as server:
        try:
            os.close(here)
            with os.fdopen(there) as told:
                number = told.readline().strip()
            yield f"127.0.0.1:{port}", f":{number}"
        finally:
            server.terminate()
