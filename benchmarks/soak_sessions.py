"""
Generated sessions of typing, clicking and dragging, each by hand, from outside, recorded, and recorded exactly.

    python benchmarks/soak_sessions.py           50 sessions
    FOOTAGE_SESSIONS=5 FOOTAGE_SEED=100 python benchmarks/soak_sessions.py

Each must leave the same file every time. Ends with 1 where one did not.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    counts = {"FOOTAGE_SESSIONS": os.environ.get("FOOTAGE_SESSIONS", "50")}
    command = [sys.executable, "-m", "pytest", "-v", "--no-header", "--timeout=0", "tests/e2e/test_sessions_vm.py"]
    return subprocess.run(command, cwd=ROOT, env=os.environ | counts, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
