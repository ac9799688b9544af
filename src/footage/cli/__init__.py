"""
The command line: `footage COMMAND …`.

`footage.cli.group` lists the commands without loading any of them; each command is a module of its own. From here on a
signal stops the command in order, also while modules are still being loaded: this module and the one that sees to
signals are all that is loaded before (`footage.__main__`, where the command begins, sees to signals until then).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from footage.stopping import Stops

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line and return its exit code.

    0 as expected, 1 the answer is "no" (diverged, not ok), 2 usage or input error, 3 it could not be done; stopped: 130
    by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    with Stops(for_good=arguments is None) as stops:
        try:
            with stops.raising():
                from footage.cli.group import run

                return run(given)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - nobody is shown a traceback unasked
            from footage.cli import failures

            return failures.end(error, given, stop=stops.asked)
