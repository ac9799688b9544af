"""
`footage` and `python -m footage`: the entry point of the command line.

The first thing that it does is to let signals end the process without a word, for as long as modules are loaded and
nothing was begun: Python's own handler of Ctrl-C would show a traceback. `footage.stopping` takes the signals from
there. So this module, and the package's own, import nothing before that is not built into the interpreter.
"""

import _signal  # type: ignore[import-not-found] # `signal` itself loads enumerations, which take milliseconds

if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

import sys

from footage.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
