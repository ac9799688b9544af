"""A connection to a display: opened with its own cookie, never waited on for ever."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from footage.errors import MachineError, MissingProgram, NoDisplay

PATIENCE = 5.0
"""Seconds an X server gets to answer."""
_opening = threading.Lock()


def connect(name: str, authority: Path) -> Any:
    """
    Return a python-xlib Display for the display `name`.

    Raises MissingProgram without python-xlib, NoDisplay where the server does not let us in.
    """
    try:
        from Xlib import display, error
    except ImportError:
        raise MissingProgram("python-xlib is not installed.", hint="pip install 'footage[desktop]'") from None
    # python-xlib takes the cookie's place from the environment and from nowhere else.
    with _opening:
        before = os.environ.get("XAUTHORITY")
        os.environ["XAUTHORITY"] = str(authority)
        try:
            return display.Display(name)
        except (error.DisplayError, error.ConnectionClosedError, OSError) as problem:
            raise NoDisplay(f"The display {name} could not be opened: {problem}.") from problem
        finally:
            if before is None:
                del os.environ["XAUTHORITY"]
            else:
                os.environ["XAUTHORITY"] = before


@contextmanager
def lost_server() -> Iterator[None]:
    """Raise MachineError where the server turns out to be gone within the with block."""
    from Xlib import error

    try:
        yield
    except (error.ConnectionClosedError, BrokenPipeError, ConnectionResetError) as problem:
        raise MachineError("The X server is gone.", hint="reset() starts it again.") from problem


def round_trip(display: Any, patience: float = PATIENCE) -> None:
    """
    Return once the server has done everything that was asked of it on this connection.

    Raises MachineError if it is gone, or takes longer than `patience` seconds (a program may hold the server for
    itself); the connection is of no more use then.
    """
    from Xlib.protocol import request

    deadline = time.monotonic() + patience
    with lost_server():
        answer = request.GetInputFocus(display=display.display, defer=True)
        display.flush()
        while not hasattr(answer, "focus"):
            if not select.select([display], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise MachineError(f"The X server did not answer within {patience:g} s.")
            # Reads what has come, replies included; notes about the keyboard map are of no interest here.
            for _ in range(display.pending_events()):
                display.next_event()
