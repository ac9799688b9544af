"""One QEMU process: started, asked, looked at, and never waited for in vain. No guest is needed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from footage.errors import MachineError, MissingProgram
from footage.machines.qemu.qemu_process import Process, read_ppm

pytestmark = pytest.mark.qemu

BARE = ["qemu-system-x86_64", "-nodefaults", "-vga", "std", "-display", "none", "-m", "64", "-S"]


@pytest.fixture(autouse=True)
def _qemu(needs_qemu: None) -> None:
    """Every test here starts QEMU."""


@pytest.fixture
def process() -> Iterator[Process]:
    with Process(BARE) as started:
        yield started


def ended(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_it_answers_and_tells_what_happens(process: Process) -> None:
    assert process.execute("query-status")["status"] == "prelaunch"
    process.execute("cont")
    assert process.qmp.wait_for({"RESUME"}).name == "RESUME"
    seen = len(process.qmp.events)
    process.execute("stop")
    assert process.qmp.wait_for({"STOP", "RESUME"}, since=seen).name == "STOP"
    assert "paused" in process.hmp("info status")


def test_the_screen_is_pixels(process: Process) -> None:
    pixels = process.screendump()
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3


def test_a_refused_command_is_an_error_and_no_more(process: Process) -> None:
    with pytest.raises(MachineError, match="refused no-such-command"):
        process.execute("no-such-command")
    assert process.alive


def test_that_it_listened_is_no_reason_why_it_ended() -> None:
    with Process([*BARE, "-vnc", "127.0.0.1:0,to=999"]) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        assert "VNC server running on" in process.stderr
        with pytest.raises(MachineError, match="it ended without a word"):
            process.execute("query-status")


def test_a_process_that_does_not_answer_is_ended(process: Process) -> None:
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(MachineError, match="did not answer"):
        process.execute("query-status", timeout=0.3)
    assert ended(process.pid)
    with pytest.raises(MachineError, match="gone"):
        process.execute("query-status")


def test_a_process_that_is_killed_is_told_of(process: Process) -> None:
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(5)
    for work in (process.screendump, lambda: process.execute("query-status"), lambda: process.qmp.wait_for({"STOP"})):
        with pytest.raises(MachineError, match="QEMU is gone"):
            work()


def test_an_event_that_does_not_come_is_not_waited_for_longer(process: Process) -> None:
    with pytest.raises(MachineError, match="did not come to STOP"):
        process.qmp.wait_for({"STOP"}, timeout=0.1)


def test_quitting_writes_out_and_ends(process: Process) -> None:
    assert process.quit()
    assert not process.alive
    assert process.quit()


def test_nothing_is_left_behind() -> None:
    process = Process(BARE)
    folder = process.folder
    assert folder.is_dir()
    process.close()
    process.close()
    assert ended(process.pid)
    assert not folder.exists()


def test_what_qemu_complains_of_is_told() -> None:
    with pytest.raises(MachineError, match=r"did not start.*no-such-option"):
        Process([*BARE, "-no-such-option"])


def test_a_missing_program_is_named() -> None:
    with pytest.raises(MissingProgram, match="no-such-qemu"):
        Process(["no-such-qemu"])


def test_it_ends_with_its_owner() -> None:
    script = (
        "import os, signal\n"
        "from footage.machines.qemu.qemu_process import Process\n"
        f"process = Process({BARE!r})\n"
        "print(process.pid, process.folder, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=False)
    pid, folder = done.stdout.split()
    assert ended(int(pid))
    deadline = time.monotonic() + 10
    while Path(folder).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(folder).exists()


@pytest.mark.parametrize(
    "data", [b"", b"P6\n2 2\n255\n", b"P5\n1 1\n255\nabc", b"P6\n-1 1\n255\nabc", b"P6\n1 1\n255\nab"]
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(MachineError, match="cannot be read"):
        read_ppm(data)


def test_a_picture_begins_where_its_header_ends() -> None:
    assert read_ppm(b"P6\n2 1\n255\n\n \t123").tolist() == [[[10, 32, 9], [49, 50, 51]]]
