"""The desktop's walls: what its programs cannot see or reach, and that nothing of it is left behind."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from footage.machines.desktop.machine import Desktop
from footage.trajectory import Action

pytestmark = pytest.mark.desktop


@pytest.fixture(scope="module")
def desktop() -> Iterator[Desktop]:
    with Desktop(programs=[]) as machine:
        if "isolated" not in machine.capabilities:
            pytest.skip("bubblewrap cannot make a sandbox on this system")
        yield machine


@pytest.fixture
def listener() -> Iterator[int]:
    """Listen on a loopback port and give its number."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def inside(machine: Desktop, script: str) -> str:
    done = machine.run(["bash", "-c", script])
    return (done.stdout + done.stderr).decode()


def test_the_store_and_the_users_files_are_not_to_be_seen(desktop: Desktop, tmp_path: Path) -> None:
    store = tmp_path / "footage.db"
    store.write_bytes(b"evidence")
    assert desktop.run(["cat", str(store)]).returncode != 0
    assert desktop.run(["ls", str(Path.home() / ".local")]).returncode != 0 or Path.home() == Path("/home/user")
    found = inside(
        desktop, "find / -xdev -name footage.db 2>/dev/null; ls -d /home/* /root /work /mnt /srv 2>/dev/null"
    )
    assert found == "/home/user\n"
    assert store.read_bytes() == b"evidence"


def test_other_processes_are_not_to_be_seen(desktop: Desktop) -> None:
    names = set(inside(desktop, "cat /proc/[0-9]*/comm 2>/dev/null").split())
    assert {"bwrap", "openbox"} <= names <= {"bwrap", "openbox", "bash", "sh", "cat"}
    # Process 1 is the sandbox's own: nobody outside can be signalled.
    assert inside(desktop, f"kill -0 {os.getpid()}") != ""


def test_there_is_no_network(desktop: Desktop, listener: int) -> None:
    assert "refused" in inside(desktop, f"echo hello > /dev/tcp/127.0.0.1/{listener}")
    assert [line.split(":")[0].strip() for line in inside(desktop, "cat /proc/net/dev").splitlines()[2:]] == ["lo"]


@pytest.mark.usefixtures("desktop")
def test_there_is_a_network_where_it_was_asked_for(listener: int) -> None:
    with Desktop(programs=[], network=True) as machine:
        assert inside(machine, f"echo hello > /dev/tcp/127.0.0.1/{listener}") == ""
        assert machine.specification["network"] is True
        assert "isolated" in machine.capabilities


def test_the_system_cannot_be_changed_and_nothing_of_the_environment_leaks(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Read-only" in inside(desktop, "touch /usr/bin/x")
    assert "Read-only" in inside(desktop, "touch /run/Xauthority")
    assert inside(desktop, "grep CapEff /proc/self/status").split() == ["CapEff:", "0" * 16]
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-very-secret")
    desktop.reset()
    assert "secret" not in inside(desktop, "env; cat /proc/*/environ")


def test_only_its_own_display_can_be_reached(desktop: Desktop) -> None:
    with Desktop(programs=[]) as other:
        assert other.environment["DISPLAY"] != desktop.environment["DISPLAY"]
        sockets = inside(desktop, "ls /tmp/.X11-unix").split()
        assert sockets == [f"X{desktop.environment['DISPLAY'][1:]}"]


# --- nothing is left --------------------------------------------------------------------------------------------------

OWNER = """
import os, sys, time
from footage.machines.desktop.machine import Desktop
machine = Desktop(programs=[], isolated={isolated})
machine.launch(["sh", "-c", "setsid sleep {sleep} &"])
machine.run(["sh", "-c", "while ! pgrep -x -f 'sleep {sleep}'; do sleep 0.01; done"])
keeper = machine._keeper
print(keeper.pid, keeper.folder, keeper.memory, machine._session.server.pid, machine._session.server.socket, flush=True)
{then}
"""
WAIT = "time.sleep(600)"
FORK = "if os.fork() == 0: os.close(1)\ntime.sleep(600)"


ENDINGS = [
    (WAIT, "owner"),
    (FORK, "owner"),
    ("sys.stdin.read(); machine.close()", "itself"),
    ("sys.stdin.read()", "itself"),
]


@pytest.mark.parametrize(("then", "ending"), [*ENDINGS, (WAIT, "both")])
@pytest.mark.usefixtures("desktop")
def test_nothing_is_left_however_it_ends(then: str, ending: str) -> None:
    end_and_look(isolated=True, then=then, ending=ending)


@pytest.mark.parametrize(("then", "ending"), ENDINGS)
def test_nothing_is_left_without_walls_either(then: str, ending: str) -> None:
    # Only a supervisor killed together with its owner cannot keep this.
    end_and_look(isolated=False, then=then, ending=ending)


def end_and_look(*, isolated: bool, then: str, ending: str) -> None:
    """Start a process that owns a machine, end it in some way, and wait until all that belonged to it is gone."""
    seconds = str(1_000_000 + os.getpid())
    script = OWNER.format(isolated=isolated, then=then, sleep=seconds)
    command = [sys.executable, "-c", script]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdin is not None
        supervisor, folder, memory, server, address = owner.stdout.readline().split()
        try:
            below = [int(supervisor), int(server), *sleepers(seconds)]
            assert len(below) == 3
            if ending == "both":
                os.kill(int(supervisor), signal.SIGKILL)
            if ending != "itself":
                owner.kill()
            owner.stdin.close()
            owner.wait(10)
            until(lambda: not any(map(alive, below)), "processes were left")
            if ending == "both":
                shutil.rmtree(folder)
                shutil.rmtree(memory)
                Path(f"/tmp/.X{Path(address).name[1:]}-lock").unlink()
            else:
                until(lambda: not any(Path(path).exists() for path in (folder, memory, address)), "files were left")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(owner.pid, signal.SIGKILL)


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def sleepers(seconds: str) -> list[int]:
    """Return the programs that `OWNER` let loose in its session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes() == f"sleep\0{seconds}\0".encode():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def alive(pid: int) -> bool:
    try:
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False


# --- without walls ----------------------------------------------------------------------------------------------------


def test_where_no_sandbox_can_be_made_it_starts_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("footage.machines.desktop.programs.sandbox.works", lambda _: False)
    with Desktop() as machine, Desktop(isolated=False) as unwanted:
        for each in (machine, unwanted):
            assert "isolated" not in each.capabilities
            assert each.specification["isolated"] is False
            assert each.specification["network"] is True
        assert np.array_equal(machine.screenshot().pixels, unwanted.screenshot().pixels)
        machine.perform(Action("left_click", {"coordinate": [850, 420]}))
        machine.perform(Action("type", {"text": "żółw"}))
        machine.perform(Action("key", {"text": "ctrl+s"}))
        deadline = time.monotonic() + 5
        while machine.read_file("notes.txt") != "żółw".encode():
            assert time.monotonic() < deadline
            time.sleep(0.05)
