"""
Processes that do what cannot be interrupted within this one: a stop ends them at once.

They have a session of their own, so that Ctrl-C in a terminal is this process's affair alone.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from footage import stopping

__all__ = ["at_work"]


@contextlib.contextmanager
def at_work(module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """
    Run a module as `python -m` does, with pipes as its standard input and output.

    Whoever leaves the block waits for its end; on an exception it is killed before.
    """
    command = [sys.executable, "-m", module, *arguments]
    with contextlib.ExitStack() as stack:
        with stopping.held():
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
            stack.enter_context(child)
            stack.callback(child.kill)  # one that nobody listens to any more would go on; one that has ended stays so
        yield child
        child.wait()
