"""Changes of the environment, planted on a real desktop: each is found at its step; what moves by itself is not."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest

from footage.machines.desktop.machine import Desktop
from footage.machines.desktop.programs import home
from footage.machines.desktop.programs.starting import Program
from footage.machines.opening import open_machine, reopen
from footage.recorder.recording import record
from footage.replay.engine import ReplayReport, replay_run
from footage.replay.learning import learn_from_replays
from footage.storage import Store, open_store
from footage.trajectory import Action, Cause, Region, StepVerdict, Verdict

pytestmark = pytest.mark.desktop

FILES = {"notes.txt": "milk\nbread\n"}


def click(x: int, y: int) -> Action:
    return Action("left_click", {"coordinate": [x, y]})


ACTIONS = (
    click(139, 544),
    click(210, 544),
    click(850, 400),
    Action("key", {"text": "ctrl+End"}),
    Action("type", {"text": "eggs"}),
    Action("key", {"text": "ctrl+s"}),
)
AT = 3  # changes in mid-run are planted before this step


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(tmp_path_factory.mktemp("environment") / "runs.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def recorded(store: Store) -> str:
    with closing(open_machine("desktop", files=FILES)) as machine, record("shop", store=store) as recording:
        watched = recording.watch(machine)
        for action in ACTIONS:
            watched.perform(action)
    return recording.id


def replayed(
    store: Store, run: str, machine: Any, plant: Callable[[Any], None] | None = None, timeout: float = 4.0
) -> tuple[ReplayReport, int]:
    """Replay a run, with a change planted before step AT; return the report and how many events came after that."""
    logged = [0]

    def on_step(index: int, _total: int, _verdict: StepVerdict) -> None:
        if plant is not None and index == AT - 1:
            before = machine.screenshot().pixels
            plant(machine)
            deadline = time.monotonic() + 10
            while (machine.screenshot().pixels == before).all() and time.monotonic() < deadline:
                time.sleep(0.02)
            logged[0] = len(machine.input_log)

    report = replay_run(store, run, machine, timeout=timeout, on_step=on_step)
    return report, len(machine.input_log) - logged[0]


# --- twelve changes -----------------------------------------------------------------------------------------------


def xdotool(*words: str) -> Callable[[Any], None]:
    def plant(machine: Any) -> None:
        if shutil.which("xdotool") is None:
            pytest.skip("xdotool is not installed")
        environment = dict(machine.environment)
        found = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--class", words[0]],
            env=environment,
            capture_output=True,
            check=True,
        )
        window = found.stdout.split()[-1].decode()
        command = ["xdotool", words[1], *(window if word == "W" else word for word in words[2:])]
        subprocess.run(command, env=environment, check=True)

    return plant


def popup(machine: Any) -> None:
    machine.launch(["xterm", "-geometry", "40x6+500+300", "-e", "echo Update available; sleep 60"])


def toast(machine: Any) -> None:
    machine.launch(["xterm", "-geometry", "18x1+1100+20", "-e", "printf saved; sleep 60"])


def another_number(machine: Any) -> None:
    with closing(machine.eye()):
        subprocess.run(["xdotool", "mousemove", "139", "544", "click", "1"], env=dict(machine.environment), check=True)
        subprocess.run(["xdotool", "mousemove", "850", "400"], env=dict(machine.environment), check=True)


MID_RUN: Mapping[str, Callable[[Any], None]] = {
    "moved window": xdotool("Galculator", "windowmove", "W", "120", "90"),
    "resized window": xdotool("Mousepad", "windowsize", "W", "500", "300"),
    "closed window": xdotool("Galculator", "windowclose", "W"),
    "minimized window": xdotool("Mousepad", "windowminimize", "W"),
    "popup": popup,
    "small notice in a corner": toast,
    "another number in the calculator": another_number,
}


@pytest.mark.parametrize("change", MID_RUN)
def test_a_change_in_mid_run_is_found_at_its_step_and_nothing_is_done_after_it(
    store: Store, recorded: str, change: str
) -> None:
    with closing(reopen(store.run(recorded).machine or {})) as machine:
        report, events = replayed(store, recorded, machine, MID_RUN[change])
    assert report.divergence is not None, change
    assert (report.divergence.a_step, report.divergence.cause) == (AT, Cause.ENVIRONMENT)
    assert events == 0
    rest = len(ACTIONS) - AT - 1
    assert [step.verdict for step in report.steps[AT:]] == ["diverged", *["unreached"] * rest]


def desktop(**options: Any) -> Callable[[], Desktop]:
    return lambda: Desktop(**{"files": FILES, **options})


def slow() -> Desktop:
    """A desktop whose editor comes much later than it did."""
    from footage.machines.desktop.programs.starting import default_programs

    calculator, _editor = default_programs((1280, 800))
    return Desktop(files=FILES, programs=[calculator])


def themed() -> Desktop:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(home, "WALLPAPER", "#503020")
        return Desktop(files=FILES)


FROM_THE_START: Mapping[str, Callable[[], Desktop]] = {
    "other text": desktop(files={"notes.txt": "milk\nbreed\n"}),
    "missing file": desktop(files={}),
    "screen size": desktop(screen=(1280, 720)),
    "theme": themed,
    "slower program": slow,
}


@pytest.mark.parametrize("change", FROM_THE_START)
def test_a_change_from_the_start_is_found_before_the_first_action(store: Store, recorded: str, change: str) -> None:
    with closing(FROM_THE_START[change]()) as machine:
        report, events = replayed(store, recorded, machine)
    assert report.divergence is not None, change
    assert (report.divergence.a_step, report.divergence.cause) == (0, Cause.ENVIRONMENT)
    assert events == 0


# --- what is no change --------------------------------------------------------------------------------------------


def test_a_program_that_comes_a_little_later_is_no_change(store: Store, recorded: str) -> None:
    class Late:
        """A machine whose window is covered for the first second."""

        def __init__(self, machine: Any) -> None:
            self._machine, self._begun = machine, time.monotonic()

        def __getattr__(self, name: str) -> Any:
            return getattr(self._machine, name)

        def screenshot(self) -> Any:
            shot = self._machine.screenshot()
            if time.monotonic() - self._begun < 1:
                shot.pixels.flags.writeable = True
                shot.pixels[200:600, 500:1200] = 0
            return shot

    with closing(reopen(store.run(recorded).machine or {})) as machine:
        report, _ = replayed(store, recorded, Late(machine), timeout=10)
    assert report.verdict is Verdict.REPRODUCED, report.steps


CLOCK = "while :; do printf '\\r%(%H:%M:%S)T'; sleep 0.3; done"
TICKING = (
    Program(("xterm", "-geometry", "10x1", "-e", "bash", "-c", CLOCK), Region(900, 20, 100, 50)),
    Program(("mousepad", "--disable-server", "~/notes.txt"), Region(400, 150, 600, 450)),
)
WRITE = (click(700, 400), Action("key", {"text": "ctrl+End"}), Action("type", {"text": "eggs"}))


def test_a_clock_is_learned_from_replays_and_then_neither_replay_nor_diff_takes_it_for_a_change(store: Store) -> None:
    def start() -> Desktop:
        return Desktop(files=FILES, programs=TICKING, clock=None)

    with closing(start()) as machine, record("write beside a clock", store=store) as recording:
        watched = recording.watch(machine)
        for action in WRITE:
            watched.perform(action)
    with closing(start()) as machine:
        unlearned, _ = replayed(store, recording.id, machine, timeout=3)
    assert unlearned.verdict is Verdict.DIVERGED
    learned = learn_from_replays(store, recording.id, start, times=2, timeout=3)
    assert learned.ok, learned.as_json()
    assert learned.regions
    assert all(region.y < 80 and region.x >= 800 for region in learned.regions), learned.regions
    with closing(start()) as machine:
        report, _ = replayed(store, recording.id, machine)
    assert report.verdict in {Verdict.COSMETIC, Verdict.REPRODUCED}, report.steps
    with closing(Desktop(files={"notes.txt": "milk\nbrexd\n"}, programs=TICKING, clock=None)) as machine:
        report, events = replayed(store, recording.id, machine)
    assert report.divergence is not None
    assert (report.divergence.a_step, report.divergence.cause, events) == (0, Cause.ENVIRONMENT, 0)


def test_a_machine_that_is_another_one_teaches_nothing(store: Store, recorded: str) -> None:
    learned = learn_from_replays(store, recorded, desktop(files={}), times=2, timeout=3)
    assert not learned.ok
    assert learned.regions == ()
    assert learned.still or not learned.complete
    assert not (store.run(recorded).machine or {}).get("volatile")


# --- the kill switch ----------------------------------------------------------------------------------------------


def test_the_kill_switch_stops_before_the_next_action(store: Store, recorded: str) -> None:
    switch = store.path.with_name(f"{store.path.name}.stop")
    with closing(reopen(store.run(recorded).machine or {})) as machine:
        logged = []

        def press(index: int, _total: int, _verdict: StepVerdict) -> None:
            if index == 1:
                switch.touch()
                logged.append(len(machine.input_log))

        try:
            report = replay_run(store, recorded, machine, on_step=press)
        finally:
            switch.unlink()
        assert len(machine.input_log) == logged[0]
    assert [step.verdict for step in report.steps] == ["reproduced"] * 2 + ["unreached"] * 4
    assert report.verdict is Verdict.UNREACHED
    assert str(switch) in report.steps[2].why
