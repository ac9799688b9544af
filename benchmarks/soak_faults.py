"""
The long form of the trials by fault: the same tests as always, with more of everything.

    python benchmarks/soak_faults.py                      500 kills, 1,000 power cuts, 2,000 damaged copies,
                                                          eight recorders on one file for an hour
    FOOTAGE_SOAK=60 FOOTAGE_KILLS=50 python benchmarks/soak_faults.py

FOOTAGE_SOAK is in seconds; FOOTAGE_KILLS, FOOTAGE_POWERCUTS and FOOTAGE_CORRUPTIONS are counts; FOOTAGE_SEED is the
first seed of the last three. Prints a line for each trial; ends with 1 where one of them failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COUNTS = {"FOOTAGE_KILLS": "500", "FOOTAGE_POWERCUTS": "1000", "FOOTAGE_CORRUPTIONS": "2000", "FOOTAGE_SOAK": "3600"}
TRIALS = {
    "killed recorders, eight at once, full disks, forks": ("storage/test_crash.py", ("FOOTAGE_KILLS", "FOOTAGE_SOAK")),
    "killed agents, recorders and proxies": ("recorder/test_record_kill.py", ("FOOTAGE_KILLS",)),
    "power cuts": ("storage/test_powercut.py", ("FOOTAGE_POWERCUTS",)),
    "damaged copies": ("storage/test_corruption.py", ("FOOTAGE_CORRUPTIONS",)),
}


def main() -> int:
    counts = {name: os.environ.get(name, usual) for name, usual in COUNTS.items()}
    failed = 0
    for title, (file, named) in TRIALS.items():
        said = ", ".join(f"{name}={counts[name]}" for name in named)
        print(f"{title} ({said})", flush=True)
        begun = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", "--no-header", "--timeout=0", f"tests/{file}"]
        done = subprocess.run(command, cwd=ROOT, env=os.environ | counts, check=False)
        print(f"  {'failed' if done.returncode else 'passed'} in {time.monotonic() - begun:.0f} s\n", flush=True)
        failed += done.returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
