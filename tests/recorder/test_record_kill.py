"""
Killed at random instants: what an agent has learned of a tool call is in the store, whoever is killed, and it sees none
of it.

FOOTAGE_KILLS says how often each: by default 8 times, those that are started again in one run.
FOOTAGE_SEED makes it other instants.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from anthropic import Anthropic

from footage.errors import StoreError
from footage.recorder.proxy.writer_process.main import DIED
from footage.recorder.proxy.writer_process.observers import AHEAD
from footage.storage import Store, open_store, verify_store
from footage.trajectory import JSON, FrameRole, Gap, Step, Turn
from places import AGENT_LOOPS
from record_command import FOOTAGE, environment
from recording import result, said, shade_of, user
from service import Service, asked, click, text

KILLS = int(os.environ.get("FOOTAGE_KILLS", "8"))
SEED = int(os.environ.get("FOOTAGE_SEED", "0"))
AGENT = AGENT_LOOPS / "acknowledging_loop.py"
ENOUGH = 5
"""Calls after a kill that show that the agent goes on."""
END = 300
"""Seconds that a recorder gets to store what is left and to end, on a busy machine."""


class Endless(Service):
    """Asks for a click at every reply, each with an id of its own."""

    def message(self, body: JSON) -> JSON:
        number = len(self.requests)
        content = [text(f"Click {number}."), click(f"call-{number}", number % 64, 20)]
        return {**super().message(body), "content": content, "stop_reason": "tool_use"}


def acknowledged(path: Path) -> list[str]:
    """Return the calls that the agent learned of; a last line that was not finished does not count."""
    lines = path.read_text("utf-8").split("\n") if path.exists() else [""]
    return lines[:-1]


def children(parent: int) -> dict[str, int]:
    """Return the processes that a recorder started, by the module they run."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                mother = int((folder / "stat").read_text("utf-8").rpartition(")")[2].split()[1])
                line = (folder / "cmdline").read_text("utf-8")
            except OSError:
                continue
            for name, process in (("front", "relay_process"), ("scribe", "writer_process")):
                if mother == parent and f"footage.recorder.proxy.{process}.main " in line:
                    found[name] = int(folder.name)
    return found


class Recorded:
    """A recorder and its agent, under way."""

    def __init__(self, folder: Path, service: Service, retries: int = 0) -> None:
        self.store, self.learned, self.pid = folder / "footage.db", folder / "learned", folder / "pid"
        words = [str(self.learned), str(self.pid), str(retries)]
        argv = [*FOOTAGE, "record", "--store", str(self.store), "--", sys.executable, str(AGENT), *words]
        self.recorder = subprocess.Popen(argv, env=environment(service), stderr=subprocess.DEVNULL)
        while not acknowledged(self.learned):
            assert self.recorder.poll() is None
            time.sleep(0.01)
        self.agent = int(self.pid.read_text("ascii"))

    def kill(self, victim: str) -> None:
        deadline, found = time.monotonic() + 30, dict[str, int]()
        while victim not in found and time.monotonic() < deadline:  # it may be about to start again
            found = {**children(self.recorder.pid), "agent": self.agent, "footage": self.recorder.pid}
        os.kill(found[victim], signal.SIGKILL)

    def goes_on(self, calls: int = ENOUGH) -> None:
        """Wait until the agent has learned of so many more calls; fail where it has ended."""
        wanted, deadline = len(acknowledged(self.learned)) + calls, time.monotonic() + 60
        while len(acknowledged(self.learned)) < wanted:
            os.kill(self.agent, 0)
            assert Path(f"/proc/{self.agent}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def catches_up(self) -> None:
        """Wait until the last call so far is stored: what waits for that is remembered, but not without limits."""
        last, deadline = acknowledged(self.learned)[-1], time.monotonic() + END
        while True:
            with open_store(self.store, readonly=True) as opened:
                (run,) = opened.runs()
                if any(step.call_id == last for step in opened.steps(run.id)):
                    return
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def stop(self) -> None:
        """Ask the agent to end, as after its last step, and wait for the recorder's end."""
        Path(f"{self.learned}.stop").touch()
        self.recorder.wait(END)


@pytest.mark.parametrize("trial", range(KILLS))
@pytest.mark.parametrize("victim", ["agent", "footage"])
def test_no_call_that_the_agent_learned_of_is_lost(tmp_path: Path, victim: str, trial: int) -> None:
    chance = random.Random(f"{victim} {SEED + trial}")
    with Endless([text("Click.")], pause=0.001) as service:
        under_way = Recorded(tmp_path, service)
        try:
            time.sleep(chance.uniform(0, 0.8))
            under_way.kill(victim)
            if victim == "footage":
                under_way.goes_on()
                under_way.stop()
            assert under_way.recorder.wait(END) == (137 if victim == "agent" else -9)
        finally:
            under_way.recorder.kill()
        turns, gaps = check(under_way, "errored" if victim == "agent" else "interrupted")
    *before, last = [turn.status for turn in turns]
    assert set(before) <= {"completed"}
    assert last == "completed" or (victim == "agent" and last == "errored")  # killed before the reply began
    assert not gaps


@pytest.mark.parametrize("victim", ["scribe", "front"])
def test_what_is_killed_is_started_again_and_the_agent_goes_on(tmp_path: Path, victim: str) -> None:
    chance = random.Random(f"{victim} {SEED}")
    with Endless([text("Click.")], pause=0.001) as service:
        # A stream that was cut is not asked for again by any client: for one victim the agent does so itself.
        under_way = Recorded(tmp_path, service, retries=KILLS * 3 if victim == "front" else 0)
        try:
            for number in range(1, KILLS + 1):
                time.sleep(chance.uniform(0, 0.8))
                under_way.kill(victim)
                under_way.goes_on()
                if number % 10 == 0:
                    under_way.catches_up()
            under_way.stop()
            assert under_way.recorder.wait(END) == 0
        finally:
            under_way.recorder.kill()
            under_way.recorder.wait()
        turns, gaps = check(under_way, "completed")
    if victim == "scribe":
        assert {turn.status for turn in turns} == {"completed"}
        assert 1 <= len(gaps) <= KILLS  # one that is killed before it has begun leaves no mark of its own
    else:
        assert not gaps


def check(under_way: Recorded, status: str) -> tuple[list[Turn], list[Gap]]:
    """Look whether all is there, once, and in one conversation; return turns and gaps."""
    with open_store(under_way.store) as opened:
        (run,) = opened.runs()
        deadline = time.monotonic() + 30
        while run.status == "recording" and time.monotonic() < deadline:  # who was left behind is about to end it
            time.sleep(0.05)
            run = opened.run(run.id)
        steps = opened.steps(run.id)
        stored = [step.call_id for step in steps]
        results = {step.call_id: (step.result_text, shades(opened, step)) for step in steps}
        assert verify_store(opened).ok
        assert run.status == status
        turns, gaps = opened.turns(run.id), [gap for gap in opened.gaps(run.id) if gap.reason != AHEAD]
    assert set(acknowledged(under_way.learned)) <= set(stored)
    assert len(set(stored)) == len(stored)
    for call in acknowledged(Path(f"{under_way.learned}.told")):
        assert results[call] == (f"Did {call}.", [shade_of(call)])
    assert len({turn.conversation for turn in turns}) == 1
    return turns, gaps


def shades(store: Store, step: Step) -> list[int]:
    """Return the greys of the pictures in a call's result."""
    return [int(store.pixels(frame.picture)[0, 0, 0]) for frame in step.frames.get(FrameRole.OBSERVED, ())]


def statuses(path: Path) -> list[str]:
    """Return how the turns of a store stand; none where there is no store yet."""
    try:
        with open_store(path, readonly=True) as opened:
            return [turn.status for run in opened.runs() for turn in opened.turns(run.id)]
    except StoreError:
        return []


def steps_of(path: Path) -> list[int]:
    """Return how many steps each run of a store has."""
    with open_store(path, readonly=True) as opened:
        return [run.steps for run in opened.runs()]


def test_each_agent_of_a_proxy_goes_on_in_its_own_run(tmp_path: Path) -> None:
    store, first = tmp_path / "footage.db", user("Add two numbers")
    argv = [*FOOTAGE, "proxy", "--store", str(store)]
    with Endless([text("Click.")]) as service:
        proxy = subprocess.Popen(
            argv, env=environment(service), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert proxy.stdout is not None
        address = proxy.stdout.readline().strip().removeprefix("ANTHROPIC_BASE_URL=")

        def ask(name: str, *messages: JSON) -> JSON:
            with Anthropic(base_url=address.replace("NAME", name), api_key="none") as client:
                return client.messages.create(**asked(*messages)).model_dump(mode="json", exclude_unset=True)

        replies = {name: ask(name, first) for name in ("one", "two")}
        while statuses(store) != ["completed"] * 2 or steps_of(store) != [1, 1]:
            time.sleep(0.05)  # a busy machine lets replies go before they are stored, or even before there is a store
        os.kill(children(proxy.pid)["scribe"], signal.SIGKILL)
        for name, reply in replies.items():
            call = reply["content"][1]["id"]
            ask(name, first, said(*reply["content"]), user([result(call, text(f"Clicked by {name}."))]))
        proxy.send_signal(signal.SIGINT)
        proxy.communicate(timeout=60)
    with open_store(store) as opened:
        runs = {run.tags[0]: run for run in opened.runs()}
        assert {name: (run.turns, run.steps, run.status) for name, run in runs.items()} == dict.fromkeys(
            ("one", "two"), (2, 2, "completed")
        )
        for name, run in runs.items():
            assert opened.steps(run.id)[0].result_text == f"Clicked by {name}."
            assert [gap.reason for gap in opened.gaps(run.id) if gap.reason != AHEAD] == [DIED]
