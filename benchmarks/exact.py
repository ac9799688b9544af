"""
Exact recordings against the plain emulated machine: what they cost, and whether every one of them comes out the same.

    python benchmarks/exact.py [replays] [replays of each fork] [load]

One session of 30 steps on qemu/desktop (calculator, editor, saving, the guest's own page in the browser) is performed
on the plain machine, then recorded exactly, executed again so many times (the last ones from three different
checkpoints; with `load` while both cores are busy), and forked at steps 5, 15 and 25. Each fork is forked itself, and
all of these are executed again too.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from footage.errors import MachineError
from footage.machines.contract import Machine
from footage.machines.opening import open_machine
from footage.recorder.recording import Recording, record
from footage.replay.engine import begin_again
from footage.replay.exact.forking import machine_at, steps_behind
from footage.replay.exact.log_keeping import keeping
from footage.replay.exact.replaying import replay_exactly
from footage.replay.steps import StepPlayer
from footage.storage import RunWriter, Store, open_store
from footage.storage.exact_records import exact_recording
from footage.trajectory import Action, FrameRole, Run, RunKind, Verdict

KEYS = {"1": (139, 545), "7": (139, 421), "*": (350, 483), "2": (210, 545), "3": (281, 545), "=": (420, 575)}


def click(x: int, y: int, name: str = "left_click") -> Action:
    return Action(name, {"coordinate": [x, y]})


def write(text: str) -> Action:
    return Action("type", {"text": text})


def press(keys: str) -> Action:
    return Action("key", {"text": keys})


SESSION = [
    *(click(*KEYS[key]) for key in "17*23="),
    *(click(850, 420), write("milk"), press("Return"), write("bread"), press("Return"), press("ctrl+s")),
    *(Action("wait", {"duration": 0.5}), write("391"), press("Return"), press("ctrl+s"), click(*KEYS["7"])),
    *(press("Escape"), click(640, 720, "right_click"), click(675, 727), Action("wait", {"duration": 3})),
    *(press("Page_Down"), press("Page_Up"), click(640, 60), press("Escape"), click(*KEYS["2"]), click(*KEYS["3"])),
    *(click(640, 30, "mouse_move"), Action("screenshot"), Action("wait", {"duration": 0.5})),
]


@contextmanager
def busy(cores: int) -> Iterator[None]:
    workers = [multiprocessing.Process(target=spin, daemon=True) for _ in range(cores)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


def spin() -> None:
    while True:
        pass


def perform(store: Store, *, exact: bool) -> tuple[str, float]:
    options = {"exact": True} if exact else {}
    with closing(open_machine("qemu/desktop", **options)) as machine:
        recording = record("benchmark", store=store, machine=machine, strict=True)
        with recording, keeping(store, recording, machine):
            watched, begun = recording.watch(machine), time.monotonic()
            for action in SESSION:
                watched.perform(action)
            took = time.monotonic() - begun
    return recording.id, took


def replays(store: Store, run: str, times: int, firsts: list[int]) -> tuple[int, float]:
    """Return how many came out the same, and the mean seconds of those from the start."""
    good, seconds = 0, []
    for number in range(times):
        first = firsts[number - times] if number >= times - len(firsts) else 0
        begun = time.monotonic()
        try:
            report = replay_exactly(store, run, first=first)
        except MachineError as error:
            print(f"  replay {number + 1} from step {first}: {error.message}", flush=True)
            continue
        good += report.verdict is Verdict.REPRODUCED
        if not first:
            seconds.append(time.monotonic() - begun)
        told = f"{report.verdict}, {report.screens} screens, {time.monotonic() - begun:.1f} s, {report.restarts}"
        print(f"  replay {number + 1} from step {first}: {told}", flush=True)
    return good, sum(seconds) / len(seconds) if seconds else 0.0


def fork(store: Store, run: str, at: int, times: int) -> str:
    """Fork a run as the command does: from a checkpoint, then anchored; execute the fork again. Return its run."""
    begun = time.monotonic()
    source, restored = store.run(run), steps_behind(store, run, at)
    with closing(machine_at(store, source, at)) as machine:
        writer = begin_again(store, source, RunKind.FORK, machine, at=at)
        with Recording(writer, machine=machine.specification, strict=True) as recording:
            with keeping(store, recording, machine):
                ready_at(store, source, at, writer, machine, restored)
                ready = time.monotonic() - begun
                recording.watch(machine).perform(write("another way"))
            recording.flush()
    before, wanted = (store.step(which, at).frame(FrameRole.BEFORE) for which in (writer.run_id, run))
    same = before is not None and wanted is not None and before.sha256 == wanted.sha256
    good, _ = replays(store, writer.run_id, times, [])
    told = f"ready in {ready:.1f} s, begins as recorded: {same}, {good} of {times} exact"
    print(f"fork at {at} of {run} ({at - restored} steps performed): {told}", flush=True)
    return writer.run_id


def ready_at(store: Store, source: Run, at: int, writer: RunWriter, machine: Machine, restored: int) -> None:
    """Perform the recorded steps of a run up to `at`, anchored; the first `restored` lie behind the machine."""
    player = StepPlayer(store, source, writer, machine)
    for number in range(at):
        if number < restored:
            player.copy(number)
        elif not player.play(number).goes_on:
            raise SystemExit(f"the fork at {at} did not get past step {number}")
    if parted := player.arrive(at):
        raise SystemExit(f"the fork at {at} did not get to its screen: {parted.why}")


def main(times: int, times_of_forks: int, *, load: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "runs.db") as store:
        _, plain = perform(store, exact=False)
        run, exact = perform(store, exact=True)
        kept = exact_recording(store, run)
        assert kept is not None
        size = sum(checkpoint.artefact.bytes for checkpoint in kept.checkpoints)
        print(f"{len(SESSION)} steps: plain {plain:.1f} s, exact {exact:.1f} s ({exact / plain:.2f})")
        print(f"log {kept.log.bytes / len(SESSION) / 1e3:.1f} KB a step; {len(kept.checkpoints)} checkpoints")
        print(f"  of {size / len(kept.checkpoints) / 1e6:.0f} MB each", flush=True)
        firsts = [checkpoint.step for checkpoint in kept.checkpoints if checkpoint.step][:3]
        with busy(2 if load else 0):
            good, seconds = replays(store, run, times, firsts)
        print(f"{good} of {times} replays exact; {seconds:.1f} s each ({seconds / exact:.2f} of recording)", flush=True)
        forks = [fork(store, run, at, times_of_forks) for at in (5, 15, 25)]
        for at, one in zip((4, 12, 25), forks, strict=True):
            fork(store, one, at, times_of_forks)


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else 20, int(given[1]) if len(given) > 1 else 5, load="load" in given)
