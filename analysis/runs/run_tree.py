"""The order of a list of runs: each family together, as lists on the terminal and on pages show it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from footage.trajectory import Run

__all__ = ["in_families"]


def in_families(runs: Sequence[Run], numbers: Mapping[str, int] | None = None) -> Iterator[tuple[Run, str]]:
    """
    Yield each run with its branch, two characters for each run above it: "", "├ ", "└ ", "│ └ " ….

    `runs` come newest first. Each stands below the run it was made from, where that is among them, children in the
    order they were made; a family stands where its newest member stood. With the `numbers` that `@1`, `@2` … count,
    families whose first run has one stand in their order.
    """
    known = {run.id: run for run in runs}
    children: dict[str, list[Run]] = {}
    for run in reversed(runs):
        if run.parent is not None and run.parent.run in known:
            children.setdefault(run.parent.run, []).append(run)
    roots: dict[str, Run] = {}
    for run in runs:
        root = run
        while root.parent is not None and root.parent.run in known:
            root = known[root.parent.run]
        roots.setdefault(root.id, root)
    counted = numbers or {}
    in_order = iter(sorted((root for root in roots if root in counted), key=lambda root: counted[root]))
    for name, first in roots.items():
        root = roots[next(in_order)] if name in counted else first
        yield root, ""
        yield from _below(root, children, "")


def _below(run: Run, children: Mapping[str, Sequence[Run]], indent: str) -> Iterator[tuple[Run, str]]:
    born = children.get(run.id, [])
    for child in born:
        last = child is born[-1]
        yield child, indent + ("└ " if last else "├ ")
        yield from _below(child, children, indent + ("  " if last else "│ "))
