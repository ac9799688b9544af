"""A connection to a display: opened with its own cookie, never waited on for ever."""

from __future__ import annotations

import os
import select
import threading
import time
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


def round_trip(display: Any, patience: float = PATIENCE) -> None:
    """
    Return once the server has done everything that was asked of it on this connection.

    Raises MachineError if it is gone, or takes longer than `patience` seconds (a program may hold the server for
    itself); the connection is of no more use then.
    """
    from Xlib import error
    from Xlib.protocol import request

    deadline = time.monotonic() + patience
    try:
        answer = request.GetInputFocus(display=display.display, defer=True)
        display.flush()
        while not hasattr(answer, "focus"):
            if not select.select([display], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise MachineError(f"The X server did not answer within {patience:g} s.")
            # Reads what has come, replies included; notes about the keyboard map are of no interest here.
            for _ in range(display.pending_events()):
                display.next_event()
    except (error.ConnectionClosedError, OSError) as problem:
        raise MachineError("The X server is gone.", hint="reset() starts it again.") from problem
