"""
How often the diff names the step and the cause of a divergence that was planted into a run, and how silent it is.

Real sessions (screens and actions of the ScreenAgent recordings where they are at hand, drawn ones otherwise) are
written twice into a store: once as they are, and once with noise (clicks a few pixels off, a blinking caret, stray
pixels, waits) and one divergence. Requests grow as real ones do, with a small picture of each screen. Beside ours stand
two simple rules: the first action that differs, and the first screen whose perceptual hash differs by more than noise.

    python benchmarks/diff.py [--half tuned|unseen] [--lossy] [--seed 1] [--show]
    python benchmarks/diff.py --long      runs of 300 steps: silence on noise, and time

The thresholds were tuned on every second session; `--half unseen` measures on the others.
"""

from __future__ import annotations

import argparse
import base64
import io
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from planted import (
    KINDS,
    Planted,
    Scene,
    drawn,
    misclick,
    noisy,
    other_action,
    toast,
    waiting,
    with_clock,
    wrong_page,
)
from planted import events as _events
from planted import position as _position
from planted import recorded as _recorded
from planted import showing as _from
from screens import FOLDER, hash_distance

from footage.analysis.runs.diff import RunDiff, diff_runs
from footage.analysis.runs.same_action import ActionVerdict, compare_actions
from footage.storage import Store, open_store
from footage.trajectory import JSON, Cause, FrameRole, Instant, Parent, Pixels, StepStatus

__all__ = ["Scene", "misclick", "noisy", "other_action", "toast", "wrong_page"]

HASH_NOISE = 6
MOST_STEPS = 12
LONG = 300
SILENT = ("nothing", "noise alone", "a clock on another minute", "a wait for a slow page")


@dataclass(frozen=True)
class Case:
    """A session, changed: the truth is the step and cause, or None."""

    kind: str
    planted: Planted
    truth: tuple[int, Cause] | None
    reference: list[Scene]
    """What it is compared with."""
    also: tuple[int, Cause] | None = None


def sessions(folder: Path, half: str) -> Iterator[tuple[str, list[Scene]]]:
    """Yield sessions of at least four steps that change the screen, with their names."""
    found = [(path.name, _recorded(path)[:MOST_STEPS]) for path in sorted(folder.glob("screenagent/*/"))]
    choose = random.Random(7)
    all_of_them = found or [(f"drawn {n}", drawn(choose, choose.randrange(5, 10))) for n in range(40)]
    start, step = {"tuned": (0, 2), "unseen": (1, 2), "all": (0, 1)}[half]
    yield from ((name, scenes) for name, scenes in all_of_them[start::step] if len(scenes) >= 4)


def cases(scenes: list[Scene], choose: random.Random) -> Iterator[Case]:
    """Yield the session as it is, with what should be forgiven, and with noise and each divergence."""
    nowhere = (-1, Cause.MODEL)
    yield Case("nothing", Planted(scenes, nowhere), None, scenes)
    yield Case("noise alone", Planted(noisy(scenes, choose), nowhere), None, scenes)
    first, second = choose.sample(range(8 * 60, 20 * 60), 2)
    clock = Planted(with_clock(noisy(scenes, choose), second), nowhere)
    yield Case("a clock on another minute", clock, None, with_clock(scenes, first))
    yield Case("a wait for a slow page", Planted(noisy(waiting(scenes, choose), choose), nowhere), None, scenes)
    for kind, plant in KINDS.items():
        made = plant(scenes, choose)
        if made is None:
            continue
        planted = made if isinstance(made, Planted) else Planted(*made)
        at, cause = planted.truth
        quiet = cause is Cause.EXECUTION or planted.also is not None
        # Where an action differs in what came of it, jitter would be another truth.
        shown = noisy(planted.scenes[:at], choose) + planted.scenes[at:] if quiet else noisy(planted.scenes, choose)
        also = planted.also and (_position(shown, planted.also[0]), planted.also[1])
        yield Case(kind, replace(planted, scenes=shown), (_position(shown, at), cause), scenes, also)


# --- writing and judging --------------------------------------------------------------------------


def write(store: Store, planted: Planted, *, family: str | None, lossy: bool, shown: bool = True) -> str:
    """Write a run with its requests; later runs of a session share its pictures."""
    parent = Parent(family) if family else None
    machine = {"driver": "vnc" if lossy else "bench"}
    writer = store.begin_run(task="bench", model="bench", machine=machine, parent=parent)
    messages: list[tuple[JSON, str]] = []
    for index, scene in enumerate(planted.scenes):
        request = _request(planted, messages)
        turn = writer.begin_turn(model="bench", request=request, started=Instant.now())
        writer.end_turn(turn, content=[], ended=Instant.now())
        writer.intend(scene.action, turn=turn, call_id=f"{writer.run_id}-{index}")
        writer.finish(index, status=StepStatus.EXECUTED, delivered=scene.delivered)
        picture = _jpeg(scene.before) if lossy and family else scene.before
        frame = writer.frame(picture, captured=Instant.now(), roles=[(index, FrameRole.BEFORE)])
        if index:
            writer.add_role(frame, index - 1, FrameRole.AFTER)
        following = planted.scenes[index + 1].before if index + 1 < len(planted.scenes) else scene.before
        call = {"type": "tool_use", "id": f"t{index}", "name": "computer"}
        said = {**call, "input": {"action": scene.action.name, **scene.action.arguments}}
        messages.append((said, _small(following) if shown else ""))
    writer.end()
    return writer.run_id


def _request(planted: Planted, said: list[tuple[JSON, str]]) -> JSON:
    width, height = planted.shown
    tool = {"type": "computer_20250124", "name": "computer", "display_width_px": width, "display_height_px": height}
    messages: list[JSON] = [{"role": "user", "content": "bench"}]
    for index, (call, picture) in enumerate(said):
        age = len(said) - index
        if age > planted.replies:
            continue
        source = {"type": "base64", "media_type": "image/jpeg", "data": picture}
        image = {"type": "image", "source": source}
        content = [image if picture and age <= planted.pictures else {"type": "text", "text": "done"}]
        messages.append({"role": "assistant", "content": [call]})
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": content}
        messages.append({"role": "user", "content": [result]})
    return {"system": planted.asks, "tools": [tool], "messages": messages}


def _small(screen: Pixels) -> str:
    buffer = io.BytesIO()
    Image.fromarray(screen).resize((256, 192)).save(buffer, "JPEG", quality=70)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _jpeg(screen: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(screen).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _acting(scenes: list[Scene]) -> list[tuple[int, Scene]]:
    return [(number, scene) for number, scene in enumerate(scenes) if not scene.action.looks_only]


def first_other_action(a: list[Scene], b: list[Scene]) -> int | None:
    """Return the first step of b whose action differs from a's, waits left out."""
    for one, (number, two) in zip(_acting(a), _acting(b), strict=False):
        if compare_actions(one[1].action, two.action).kind is ActionVerdict.DIFFERENT:
            return number
    return None


def first_other_hash(a: list[Scene], b: list[Scene]) -> int | None:
    """Return the first step of b before which the perceptual hash differs from a's, waits left out."""
    for one, (number, two) in zip(_acting(a), _acting(b), strict=False):
        if hash_distance(one[1].before, two.before) > HASH_NOISE:
            return number
    return None


def judged(case: Case, found: RunDiff) -> tuple[bool, bool]:
    """Return whether the step is right, and whether the cause is too."""
    parted = found.divergence
    if case.truth is None or parted is None:
        return parted is None and case.truth is None, parted is None and case.truth is None
    answers = [answer for answer in (case.truth, case.also) if answer is not None]
    return parted.b_step in {step for step, _ in answers}, (parted.b_step, parted.cause) in answers


def measure(options: argparse.Namespace) -> None:
    """Print how often each kind is named right."""
    scores: dict[str, list[tuple[bool, ...]]] = defaultdict(list)
    taken = []
    for name, scenes in sessions(options.folder, options.half):
        choose = random.Random(f"{options.seed} {name}")
        with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "bench.db") as store:
            written: dict[int, str] = {}
            for case in cases(scenes, choose):
                family = next(iter(written.values()), None)
                if id(case.reference) not in written:
                    planted = Planted(case.reference, (-1, Cause.MODEL))
                    lossy = options.lossy and not written
                    written[id(case.reference)] = write(store, planted, family=family, lossy=lossy)
                reference = written[id(case.reference)]
                other = write(store, case.planted, family=next(iter(written.values())), lossy=options.lossy)
                started = time.perf_counter()
                found = diff_runs(store, reference, other)
                taken.append(time.perf_counter() - started)
                right = judged(case, found)
                if options.show and not right[1]:
                    print(f"{name} {case.kind}: planted {case.truth}, found {found.divergence}")
                wanted = case.truth[0] if case.truth else None
                simple = first_other_action, first_other_hash
                others = (rule(case.reference, case.planted.scenes) == wanted for rule in simple)
                scores[case.kind].append((*right, *others))
    _print(scores)
    print(f"median {1e3 * np.median(taken):.0f} ms a diff, longest {1e3 * max(taken):.0f} ms")


def _print(scores: dict[str, list[tuple[bool, ...]]]) -> None:
    print(f"{'':28} {'n':>4} {'step':>8} {'and cause':>10} {'first action':>13} {'first pHash':>12}   (share right)")
    planted = [row for kind, rows in scores.items() if kind not in SILENT for row in rows]
    for kind, rows in [*scores.items(), ("all that was planted", planted)]:
        rates = [100 * float(np.mean([row[n] for row in rows])) for n in range(4)]
        print(f"{kind:28} {len(rows):4} {rates[0]:7.1f}% {rates[1]:9.1f}% {rates[2]:12.1f}% {rates[3]:11.1f}%")


# --- long runs ------------------------------------------------------------------------------------


def measure_long(options: argparse.Namespace) -> None:
    """Print how silent the diff is on runs of 300 steps with noise in each, and how long it takes."""
    known = [scene for _, scenes in sessions(options.folder, options.half) for scene in scenes]
    print(f"{LONG} steps at a time, of {len(known)} known; CPU time of the diff")
    silent, steps, wrong = 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.pairs):
            choose = random.Random(f"{options.seed} {number}")
            scenes = _long(known, choose)
            parted = noisy(_from(scenes, LONG // 3, np.ascontiguousarray(255 - scenes[LONG // 3].before)), choose)
            other = _long(known, choose)
            kinds = {
                "equal": scenes,
                "noise alone": noisy(scenes, choose),
                "another page once": parted,
                "parted for good": [*scenes[: LONG // 3], *other[LONG // 3 :]],
            }
            with open_store(Path(folder) / f"{number}.db") as store:
                first = write(store, Planted(scenes, (-1, Cause.MODEL)), family=None, lossy=False, shown=False)
                for kind, shown in kinds.items() if not number else [("noise alone", kinds["noise alone"])]:
                    run = write(store, Planted(shown, (-1, Cause.MODEL)), family=first, lossy=False, shown=False)
                    started, cpu = time.perf_counter(), time.process_time()
                    found = diff_runs(store, first, run)
                    spent = time.perf_counter() - started, time.process_time() - cpu
                    what = found.divergence or "silent"
                    print(f"  {kind:20} {spent[0]:5.2f} s, {spent[1]:5.2f} s CPU: {what}", flush=True)
                    if kind == "noise alone":
                        silent += found.divergence is None
                        at = found.divergence.b_step if found.divergence else None
                        steps += len(shown) if at is None else at + 1
                        wrong += found.divergence is not None
            (Path(folder) / f"{number}.db").unlink()
    print(f"silent on {silent} of {options.pairs} noisy pairs; {100 * (1 - wrong / steps):.2f} % of {steps} steps")


def _long(known: list[Scene], choose: random.Random) -> list[Scene]:
    return [replace(scene, delivered=_events(scene.action)) for scene in choose.choices(known, k=LONG)]


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description="How often the diff names step and cause of planted divergences.")
    parser.add_argument("--half", choices=("tuned", "unseen", "all"), default="all", help="which sessions")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--lossy", action="store_true", help="the second run is JPEG, from another machine")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="print what was named wrong")
    parser.add_argument("--long", action="store_true", help=f"runs of {LONG} steps instead")
    parser.add_argument("--pairs", type=int, default=10, help="how many noisy pairs of long runs")
    options = parser.parse_args()
    (measure_long if options.long else measure)(options)


if __name__ == "__main__":
    main()
