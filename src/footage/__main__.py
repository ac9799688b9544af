"""`python -m footage`: the command line, where `footage` itself is not on PATH."""

import sys

from footage.cli import main

if __name__ == "__main__":
    sys.exit(main())
