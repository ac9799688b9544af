"""
The command line: `footage COMMAND …`.

`footage.cli.group` lists the commands without loading any of them; each command is a module of its own.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

__all__ = ["main"]


@contextlib.contextmanager
def _ending_quietly() -> Iterator[None]:
    """Let Ctrl-C end the process without a traceback: nothing has begun that would have to be ended in order."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    with contextlib.suppress(ValueError):  # in another thread, which gets no signals
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGINT, signal.default_int_handler)


with _ending_quietly():
    from footage.cli.group import main
