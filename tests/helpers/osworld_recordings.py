"""Recordings as OSWorld writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from foreign import JSON, shot, write


def line(number: int, second: int, action: Any, *, done: bool = False, **more: Any) -> JSON:
    moment = f"20250828@1947{second:02}"
    told = {"response": f"reply {number}", "reward": 0, "done": done, "info": {}}
    return {
        "step_num": number,
        "action_timestamp": moment,
        "action": action,
        **told,
        "screenshot_file": f"step_{number}_{moment}.png",
    } | more


def folder(path: Path, *lines: JSON, result: str | None = "1.0\n") -> Path:
    write(path / "traj.jsonl", *lines)
    for seed, one in enumerate(lines, 1):
        if one.get("screenshot_file"):
            (path / one["screenshot_file"]).write_bytes(shot(seed))
    if result is not None:
        (path / "result.txt").write_text(result)
    return path
