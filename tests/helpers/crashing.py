"""Processes that record, for tests which kill them; each tells what was acknowledged in a file of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from footage.storage import Store, open_store
from footage.trajectory import Action, FrameRole, Instant, Pixels, StepStatus
from samples import ask

WIDTH, HEIGHT = 320, 200


def screen(seed: int, number: int) -> Pixels:
    """Return the screen that a process of this seed sees at a step: most of it as before, a band of it new."""
    picture = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    band = np.random.default_rng((seed, number)).integers(0, 256, (40, WIDTH, 3), dtype=np.uint8)
    at = 40 * (number % (HEIGHT // 40))
    picture[at : at + 40] = band
    return picture


def record(store_path: str, told_path: str, seed: int, stop_path: str = "", pause: float = 0.0) -> None:
    """Record until killed, or until the file `stop_path` is there; write what was acknowledged after each call."""
    told = os.open(told_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def tell(*what: object) -> None:
        os.write(told, json.dumps(what).encode() + b"\n")

    store = open_store(store_path)
    writer = store.begin_run(task=f"process {seed}")
    tell("run", writer.run_id)
    messages: list[dict[str, object]] = [{"role": "user", "content": "go"}]
    number = 0
    while not (stop_path and Path(stop_path).exists()):
        messages.append({"role": "user", "content": f"step {number}"})
        turn = ask(writer, {"messages": messages})
        tell("turn", turn)
        index = writer.intend(Action("left_click", {"coordinate": [number, seed % 100]}), turn=turn)
        tell("step", index)
        frame = writer.frame(screen(seed, number), captured=Instant.now(), roles=[(index, FrameRole.AFTER)])
        tell("frame", index, frame)
        writer.finish(index, status=StepStatus.EXECUTED, result_text=f"done {number}")
        tell("done", index)
        number += 1
        time.sleep(pause)
    writer.end()
    store.close()


@dataclass
class Told:
    """What a process was told is durable."""

    run: str = ""
    turns: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    frames: dict[int, int] = field(default_factory=dict)
    done: list[int] = field(default_factory=list)


def read_told(path: Path) -> Told:
    """Read what a process acknowledged; its last line may be cut."""
    told = Told()
    for line in path.read_text().splitlines() if path.exists() else []:
        kind, first, *more = json.loads(line)
        if kind == "run":
            told.run = first
        elif kind == "turn":
            told.turns.append(first)
        elif kind == "step":
            told.steps.append(first)
        elif kind == "frame":
            told.frames[first] = more[0]
        else:
            told.done.append(first)
    return told


def check(store: Store, told: Told, seed: int) -> int:
    """Check that all that was acknowledged is there; return how many events that is."""
    if not told.run:
        return 0
    steps = {step.index: step for step in store.steps(told.run)}
    turns = {turn.number: turn for turn in store.turns(told.run)}
    for index in told.steps:
        assert steps[index].action.point == (index, seed % 100)
    for index, frame in told.frames.items():
        found = steps[index].frame(FrameRole.AFTER)
        assert found is not None
        assert found.id == frame
        assert np.array_equal(store.pixels(found.picture), screen(seed, index))
    for index in told.done:
        assert (steps[index].status, steps[index].result_text) == (StepStatus.EXECUTED, f"done {index}")
    for number in told.turns[-3:]:
        request = store.request(turns[number].id)
        assert request is not None
        assert request["messages"][-1] == {"role": "user", "content": f"step {number}"}
        assert len(request["messages"]) == number + 2
    return 1 + len(told.turns) + len(told.steps) + len(told.frames) + len(told.done)


def run_script(script: str, *arguments: object, expect: int = 0) -> str:
    """Run a program that may import what the tests import; return what it printed."""
    found = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": found}
    forking = "ignore:This process:DeprecationWarning"  # has threads, Python >= 3.12 says: which is what is tried
    command = [sys.executable, "-W", "error", "-W", forking, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == expect, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout.strip()


BEGIN = """
import os, sys, threading, time
from footage.storage import open_store
from footage.trajectory import Action, Instant
from samples import CLICK, noise
store = open_store(sys.argv[1])
writer = store.begin_run()
writer.intend(CLICK)
writer.frame(noise(64, 64), captured=Instant.now())
print(writer.run_id, flush=True)
"""
