"""A few commands, stopped at random instants; `benchmarks/soak_stops.py` stops as many as are wished."""

from __future__ import annotations

import os
import subprocess
import sys

from places import ROOT

SOAK = ROOT / "benchmarks" / "soak_stops.py"


def test_a_command_that_is_stopped_leaves_nothing_half() -> None:
    names = ["import", "export", "export of a document", "verify", "seal"]
    environment = {**os.environ, "FOOTAGE_LIMIT": "60"}  # no test of times
    done = subprocess.run(
        [sys.executable, SOAK, "10", *names], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
