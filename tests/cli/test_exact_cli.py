"""Exact recordings of one's own agent, from the command line: recorded, executed again, forked, killed, interrupted."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cli import call
from footage.agent.standin import StandInServer
from footage.storage import open_store
from footage.storage.exact_records import exact_recording
from footage.trajectory import FrameRole
from footage.viewer import create_app
from places import AGENT_LOOPS

pytestmark = pytest.mark.qemu

Capture = pytest.CaptureFixture[str]

FOOTAGE = Path(sys.executable).with_name("footage")
TASK = "Write hello in the notes and save them"
AGENT: list[str | Path] = [sys.executable, AGENT_LOOPS / "vnc_loop.py", TASK]
LOOK = """
import os
from footage.machines.opening import open_machine
print(open_machine(f"vnc:{os.environ['FOOTAGE_VNC']}").screenshot().size)
"""
TYPED = 2
"""The step that types: a look and a click come before it."""


@dataclass(frozen=True)
class Session:
    """A run of an agent of one's own on a guest, and what it takes to run that again."""

    store: Path
    run: str
    environment: dict[str, str] = field(repr=False)

    def footage(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        command = [FOOTAGE, *words[:1], "--store", self.store, *words[1:]]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def started(self, *words: str | Path) -> subprocess.Popen[str]:
        command = [FOOTAGE, *words[:1], "--store", self.store, *words[1:]]
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )

    def machines(self) -> list[int]:
        """Return the virtual machines that were started for this session: their environment says so."""
        mark = f"ANTHROPIC_BASE_URL={self.environment['ANTHROPIC_BASE_URL']}\0".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if b"rr=replay" in (folder / "cmdline").read_bytes() and mark in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
        return found

    def machine(self) -> int:
        """Return the one that is there, as soon as there is one."""
        deadline = time.monotonic() + 120
        while not (found := self.machines()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return found[0]


@pytest.fixture(scope="module")
def session(desktop_guest: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    store = tmp_path_factory.mktemp("exact") / "runs.db"
    with StandInServer() as service:
        environment = {**os.environ, "ANTHROPIC_BASE_URL": service.url, "MODEL": "stand-in/careful"}
        made = Session(store, "", environment)
        machine = f"qemu/{desktop_guest}"
        done = made.footage("record", "--machine", machine, "--exact", "--task", TASK, "--", *AGENT)
        assert done.returncode == 0, done.stderr
        with open_store(store) as opened:
            run = opened.runs()[0].id
        yield Session(store, run, environment)


@pytest.fixture(scope="module")
def fork(session: Session) -> dict[str, Any]:
    """Fork the session with the agent itself; return the document."""
    done = session.footage("fork", session.run, "--at", str(TYPED), "--json", "--", *AGENT)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_the_recording_has_screens_instants_and_checkpoints(session: Session) -> None:
    with open_store(session.store) as store:
        run, steps = store.run(session.run), store.steps(session.run)
        assert (run.replayable, run.status) == ("exact", "completed")
        assert [step.action.name for step in steps] == ["screenshot", "left_click", "type", "key", "screenshot"]
        found = exact_recording(store, run.id)
        assert found is not None
        assert found.for_step(TYPED).step is not None
        told = {gap.step for gap in store.gaps(run.id)}
        for step in steps:
            before, after = step.frame(FrameRole.BEFORE), step.frame(FrameRole.AFTER)
            assert before is not None or step.index in told, "a screen that could not be had in time is told"
            assert after is not None
            assert before is None or (before.icount or 0) <= (after.icount or 0)
        for earlier, later in pairwise(steps):
            after, before = earlier.frame(FrameRole.AFTER), later.frame(FrameRole.BEFORE)
            assert after is not None
            assert before is None or after.sha256 == before.sha256, (
                f"step {later.index} began before its screen was taken"
            )


def test_it_is_executed_again_byte_for_byte(session: Session, capsys: Capture) -> None:
    replay = call(capsys, "replay", session.run, "--exact", "--json", "--store", session.store)
    assert replay.code == 0, replay.err
    assert (replay.document["verdict"], replay.document["guarantee"]) == ("reproduced", "exact")
    assert replay.document["screens"] >= 10


def test_a_fork_with_the_agent_rehearses_and_goes_on_live(session: Session, fork: dict[str, Any]) -> None:
    assert (fork["forked"], fork["at"], fork["command"]["exit_code"]) == (True, TYPED, 0)
    assert [turn["grade"] for turn in fork["turns"]] == ["identical"] * TYPED
    assert {step["verdict"] for step in fork["steps"]} <= {"reproduced", "cosmetic"}
    assert fork["live"]["requests"] >= 3
    assert fork["live"]["thinking_blocks"] == TYPED
    with open_store(session.store) as store:
        run, steps = store.run(fork["run"]), store.steps(fork["run"])
        assert run.parent is not None
        assert (run.kind, run.replayable, run.parent.run, run.parent.step) == ("fork", "exact", session.run, TYPED)
        assert [step.action.name for step in steps] == ["screenshot", "left_click", "type", "key", "screenshot"]
        assert [turn.number for turn in store.turns(run.id)] == list(range(len(store.turns(session.run))))
        assert len(store.conversations(run.id)) == 1


def test_the_fork_is_executed_again_though_its_machine_is_killed(session: Session, fork: dict[str, Any]) -> None:
    with session.started("replay", fork["run"], "--exact") as replay:
        os.kill(session.machine(), signal.SIGKILL)
        out, err = replay.communicate(timeout=300)
    assert replay.returncode == 0, out + err
    assert "another one was started from the checkpoint" in err
    assert "reproduced" in out


def test_ctrl_c_stops_a_replay_and_leaves_no_machine(session: Session) -> None:
    with session.started("replay", session.run, "--exact") as replay:
        session.machine()
        replay.send_signal(signal.SIGINT)
        _, err = replay.communicate(timeout=300)
    assert replay.returncode == 130
    assert "Interrupted." in err
    deadline = time.monotonic() + 30
    while session.machines():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("words", [("record", "--machine", "qemu/desktop"), ("replay", "RUN")])
def test_a_command_finds_its_machine_recorded_exactly_or_not(session: Session, words: tuple[str, ...]) -> None:
    given = [session.run if word == "RUN" else word for word in words]
    done = session.footage(*given, "--", sys.executable, "-c", LOOK)
    assert done.stdout.splitlines()[-1] == "(1280, 800)", done.stderr


def test_the_family_is_a_tree(session: Session, fork: dict[str, Any], capsys: Capture) -> None:
    said = call(capsys, "runs", "--store", session.store)
    lines = [re.sub(r"^@\d+", "", line).split() for line in said.out.splitlines()]
    marked = {line[0]: line[1:3] for line in lines if len(line) > 1}
    assert marked[session.run[:8]] == ["recorded,", "exact"]
    assert marked[fork["run"][:8]][0] in {"├", "└"}
    assert "made from" in call(capsys, "show", fork["run"], "--store", session.store).out
    with open_store(session.store, readonly=True) as store:
        page = create_app(store, token=None).test_client().get(f"/runs/{fork['run']}").get_data(as_text=True)
    assert f"/runs/{session.run}" in page
