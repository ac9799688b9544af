"""
A connection to a display: opened with its own cookie, never waited on for ever.

The package `Xlib` is python-xlib, or the older python3-Xlib, which PyAutoGUI brings and which then lies in its place.
Where the old one behaves differently, it is mended here, on our own connections alone: the user's agent may have
others in this process.
"""

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
            connection = display.Display(name)
        except (error.DisplayError, error.ConnectionClosedError, error.XauthError, OSError) as problem:
            raise NoDisplay(f"The display {name} could not be opened: {problem}.") from problem
        finally:
            if before is None:
                del os.environ["XAUTHORITY"]
            else:
                os.environ["XAUTHORITY"] = before
    connection.display.__class__ = _telling_of_a_lost_server(type(connection.display))
    return connection


def _telling_of_a_lost_server(base: Any) -> Any:
    """
    Return a subclass of python-xlib's innermost Display that says when its server is gone.

    python3-Xlib 0.15 stumbles over the system's error there (TypeError), and would wait for ever the next time.
    """
    from Xlib import error

    def send_and_recv(self: Any, *args: Any, **options: Any) -> None:
        try:
            base.send_and_recv(self, *args, **options)
        except TypeError as problem:
            lost = problem.__context__
            if not isinstance(lost, OSError):
                raise
            self.close_internal(f"server: {lost}")
            raise error.ConnectionClosedError(f"server: {lost}") from lost

    return type(base.__name__, (base,), {"send_and_recv": send_and_recv})


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
