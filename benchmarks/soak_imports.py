"""
Malformed inputs by the thousand: recordings of every format, broken from a seed, and what importing makes of them.

    python benchmarks/soak_imports.py                      3,000 inputs
    FOOTAGE_INPUTS=200 FOOTAGE_SEED=7000 python benchmarks/soak_imports.py

FOOTAGE_JOBS is how many are tried at once. Prints a table: how many of each kind were refused, imported in part with
what is missing named, or whole (the damage lay where nothing reads), and the slowest in seconds of processor time; then
the peak of memory, of the importing process and of its children. Ends with 1 where one of them was handled wrongly.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests/helpers")]

from judging import Judged, judge  # noqa: E402 - the folder of the tests is put on the path above
from malformed import KINDS, case  # noqa: E402 - as above

INPUTS = int(os.environ.get("FOOTAGE_INPUTS", "3000"))
SEED = int(os.environ.get("FOOTAGE_SEED", "0"))
JOBS = int(os.environ.get("FOOTAGE_JOBS", "2"))


def one(seed: int, folder: str) -> tuple[Judged, int]:
    """Judge one input; return also the peak of memory so far of a child of this process, in bytes."""
    try:
        judged = judge(case(seed), Path(folder) / str(seed))
    except Exception as error:  # noqa: BLE001 - whatever happens to one input is a line of the table
        judged = Judged(case(seed), "failed", faults=[f"{type(error).__name__}: {error}"])
    return judged, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10


def trials(folder: str) -> Iterator[tuple[Judged, int]]:
    with ProcessPoolExecutor(JOBS, mp_context=get_context("spawn")) as pool:
        seeds = range(SEED, SEED + INPUTS)
        yield from pool.map(one, seeds, [folder] * INPUTS, chunksize=5)


def main() -> int:
    """Try all inputs, print each fault as it comes and the table at the end."""
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    slowest: dict[str, float] = defaultdict(float)
    faults: list[str] = []
    own = children = 0
    with tempfile.TemporaryDirectory(prefix="footage-soak-") as folder:
        for number, (judged, theirs) in enumerate(trials(folder), 1):
            kind = judged.case.kind
            outcomes[kind][judged.outcome] += 1
            slowest[kind] = max(slowest[kind], judged.seconds)
            own, children = max(own, judged.peak), max(children, theirs)
            for fault in judged.faults:
                faults.append(f"seed {judged.case.seed} ({kind}, {judged.case.recording}): {fault}")
                print(faults[-1], flush=True)
            if number % 250 == 0:
                print(f"{number:,} of {INPUTS:,}", file=sys.stderr, flush=True)
    print(f"| {INPUTS:,} inputs | refused | in part | whole | slowest |\n|---|---:|---:|---:|---:|")
    for kind in KINDS:
        found = outcomes[kind]
        cells = " | ".join(f"{found[name]:,}" for name in ("refused", "partial", "whole"))
        print(f"| {kind} | {cells} | {slowest[kind]:.1f} s |")
    total: Counter[str] = sum(outcomes.values(), Counter())
    cells = " | ".join(f"{total[name]:,}" for name in ("refused", "partial", "whole"))
    print(f"| **all** | {cells} | {max(slowest.values()):.1f} s |")
    print(f"\npeak of memory: {own >> 20:,} MB, of a child {children >> 20:,} MB; handled wrongly: {len(faults)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
