"""
Diagnosis on planted faults: is the kind found, is the step, and is a run without a fault left in peace?

    python benchmarks/diagnosis.py [sessions] [folder of ScreenAgent recordings]

The first six sessions were looked at when the rules were written, and are left out.

Real sessions (screens and actions) are written as runs, with a clock in a corner and a reply and a request for each
step. One fault of a known kind is planted at a random step. Beside them stand the sessions as they are, and hard
negatives: what looks like a fault and is none. The words of replies are this file's own, and say nothing of how well
other words are read. Baselines are given the same runs, and name a step or none.
"""

from __future__ import annotations

import math
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from planted import recorded

from footage.analysis.detectors.decisive import decide
from footage.analysis.detectors.diagnosing import diagnose
from footage.storage import Store, open_store
from footage.trajectory import (
    JSON,
    Action,
    FrameRole,
    InputEvent,
    Instant,
    OutcomeSource,
    Pixels,
    Run,
    RunStatus,
    Step,
    StepStatus,
)

SEED = 13
LONGEST = 10  # steps of a session
SHORTEST = 3
LOOKED_AT = 6  # sessions
TASK = "Fill in the form that is open and send it, then write down the number that it answers with."
DATA = Path(__file__).resolve().parents[2] / "shared/data/screenagent"


@dataclass
class Moment:
    """One step that is to be written: the screens around it, and what was said."""

    action: Action
    before: Pixels
    after: Pixels
    text: str = "I go on with the form."
    thinking: str = ""
    status: StepStatus = StepStatus.EXECUTED
    seen: bool = True
    task: str = TASK
    delivered: tuple[InputEvent, ...] | None = None
    saw: Pixels | None = None
    """What the model was given as the result, where it is not the screen after it."""


@dataclass
class Case:
    moments: list[Moment]
    last: str = "The form is sent, and I wrote the number down."
    status: RunStatus = RunStatus.COMPLETED
    error: str = ""
    kind: str = ""
    step: int | None = None
    also: set[str] = field(default_factory=set)
    """Other kinds that are as right."""


Plant = Callable[[list[Moment], int, random.Random], Case]


def _held(moments: list[Moment], at: int, actions: list[Action]) -> list[Moment]:
    """Return moments in which these actions do nothing, from a step on."""
    screen = moments[at].before
    return [*moments[:at], *(Moment(action, screen, screen) for action in actions), *moments[at:]]


def _clicks(chance: random.Random, count: int) -> list[Action]:
    return [
        Action("left_click", {"coordinate": [chance.randrange(40, 980), chance.randrange(90, 680)]})
        for _ in range(count)
    ]


def stuck(moments: list[Moment], at: int, chance: random.Random) -> Case:
    return Case(_held(moments, at, _clicks(chance, chance.randint(3, 5))), kind="stuck", step=at)


def no_effect(moments: list[Moment], at: int, chance: random.Random) -> Case:
    actions = _clicks(chance, 1) * chance.randint(3, 5)
    return Case(_held(moments, at, actions), kind="no_effect", step=at, also={"stuck"})


def cycle(moments: list[Moment], at: int, chance: random.Random) -> Case:
    one, two = _clicks(chance, 2)
    screen = moments[at].before
    menu = screen.copy()
    x, y = chance.randrange(60, 600), chance.randrange(90, 400)
    menu[y : y + 240, x : x + 200] = 245
    rounds = [each for _ in range(3) for each in (Moment(one, screen, menu), Moment(two, menu, screen))]
    return Case([*moments[:at], *rounds, *moments[at:]], kind="cycle", step=at)


def unseen(moments: list[Moment], at: int, _: random.Random) -> Case:
    at = min(at, len(moments) - 3)
    later = [replace(each, seen=False) for each in moments[at:]]
    later = [each for each in later if not each.action.looks_only]
    return Case([*moments[:at], *later], kind="done_without_looking" if len(later) >= 3 else "", step=at)


def _last(kind: str, *words: str) -> Plant:
    return lambda moments, _, chance: Case(moments, last=chance.choice(words), kind=kind)


def api_error(moments: list[Moment], at: int, chance: random.Random) -> Case:
    error = chance.choice(
        ["Error code: 429 - rate limit exceeded", "API overloaded (529)", "credit balance is too low"]
    )
    return Case(moments[: at + 1], last="", status=RunStatus.ERRORED, error=error, kind="api_error")


def tool_error(moments: list[Moment], _: int, chance: random.Random) -> Case:
    count = chance.randint(1, 3)
    screen = moments[-1].after
    failed = [Moment(Action("run", {"command": "send"}, "bash"), screen, screen, status=StepStatus.FAILED)] * count
    return Case([*moments, *failed], kind="tool_error", step=len(moments))


def missed_target(moments: list[Moment], at: int, chance: random.Random) -> Case:
    if len(moments) <= 4:
        return Case(moments)
    at = max(3, min(at, len(moments) - 1))
    moments = [_aimed(each, chance) for each in moments]
    was = moments[at]
    x, y = _thing(was.before, chance)
    beside = (x + 90, y) if x < 500 else (x - 90, y)
    words = f"I see the button at {beside}."
    moments[at] = replace(was, action=Action("left_click", {"coordinate": [x, y]}), thinking=words, text="I press it.")
    clicks = sum(each.action.name == "left_click" for each in moments)
    return Case(moments, kind="missed_target" if clicks > 4 else "", step=at)


def _aimed(moment: Moment, chance: random.Random) -> Moment:
    point = moment.action.point
    if moment.action.name != "left_click" or point is None:
        return moment
    named = point[0] + chance.randint(-4, 4), point[1] + chance.randint(-4, 4)
    return replace(moment, thinking=f"I see the field at {named}.")


def _thing(screen: Pixels, chance: random.Random) -> tuple[int, int]:
    """Return a point at which something is drawn."""
    for _ in range(200):
        x, y = chance.randrange(40, 980), chance.randrange(90, 680)
        if screen[y - 20 : y + 20, x - 20 : x + 20].std() > 25:
            return x, y
    return 500, 300


def stale(moments: list[Moment], at: int, chance: random.Random) -> Case:
    at = max(at, 1)
    x, y = chance.randrange(80, 900), chance.randrange(120, 600)
    before = moments[at].before.copy()
    before[y - 40 : y + 40, x - 80 : x + 80] = chance.randrange(256)
    before[y - 10 : y + 10, x - 40 : x + 40] = chance.randrange(256)
    before[y - 38 : y - 36, x - 78 : x + 78] = 128
    changed = replace(moments[at], action=Action("left_click", {"coordinate": [x, y]}), before=before)
    earlier = replace(moments[at - 1], saw=moments[at - 1].after)
    return Case([*moments[: at - 1], earlier, changed, *moments[at + 1 :]], kind="stale_screenshot", step=at)


def context_lost(moments: list[Moment], at: int, _: random.Random) -> Case:
    at = max(1, min(at, len(moments) - 2))
    later = [replace(each, task="Go on.") for each in moments[at:]]
    return Case([*moments[:at], *later], kind="context_lost", step=at)


def dangerous(moments: list[Moment], at: int, chance: random.Random) -> Case:
    command = chance.choice(["pkill -9 soffice", "rm -rf ~/Documents/old", "sudo shutdown -h now", "killall ffmpeg"])
    screen = moments[at].before
    moment = Moment(Action("run", {"command": command}, "bash"), screen, screen)
    return Case([*moments[:at], moment, *moments[at:]], kind="dangerous_stop", step=at)


def scale(moments: list[Moment], _: int, chance: random.Random) -> Case:
    factor = chance.choice([0.5, 0.8, 1.25, 1.5, 2.0])
    made = []
    for each in moments:
        point = each.action.point
        place = None if point is None else (round(point[0] * factor), round(point[1] * factor))
        events = () if place is None else (InputEvent("move", place), InputEvent("button_down", (1,)))
        made.append(replace(each, delivered=events))
    first = next((n for n, each in enumerate(moments) if each.action.point is not None), None)
    return Case(made, kind="scale" if sum(each.action.point is not None for each in moments) > 2 else "", step=first)


FAULTS: dict[str, Plant] = {
    "stuck": stuck,
    "no_effect": no_effect,
    "cycle": cycle,
    "done_without_looking": unseen,
    "refused": _last("refused", "I'm sorry, but I can't help with sending this form.", "I won't assist with that."),
    "blocked": _last("blocked", "A captcha covers the form, and I must stop here.", "I cannot solve the reCAPTCHA."),
    "gave_up": _last("gave_up", "I wasn't able to find the form.", "The address seems to be invalid."),
    "api_error": api_error,
    "tool_error": tool_error,
    "missed_target": missed_target,
    "stale_screenshot": stale,
    "context_lost": context_lost,
    "dangerous_stop": dangerous,
    "scale": scale,
}


def two_clicks(moments: list[Moment], at: int, chance: random.Random) -> Case:
    return Case(_held(moments, at, _clicks(chance, 2)))


def copied(moments: list[Moment], at: int, _: random.Random) -> Case:
    return Case(_held(moments, at, [Action("key", {"text": "ctrl+c"})] * 4))


def repaired(moments: list[Moment], at: int, _: random.Random) -> Case:
    screen = moments[at].before
    call = Moment(Action("run", {"command": "send"}, "bash"), screen, screen)
    return Case([*moments[:at], replace(call, status=StepStatus.FAILED), call, *moments[at:]])


def captcha_named(moments: list[Moment], at: int, _: random.Random) -> Case:
    return Case(
        [*moments[:at], replace(moments[at], text="I can't see a captcha yet, so I go on."), *moments[at + 1 :]]
    )


def waited(moments: list[Moment], at: int, _: random.Random) -> Case:
    return Case(_held(moments, at, [Action("wait", {"duration": 2})] * 4))


def removed_own(moments: list[Moment], at: int, _: random.Random) -> Case:
    screen = moments[at].before
    calls = ["mkdir form-scratch", "rm -rf form-scratch"]
    made = [Moment(Action("run", {"command": each}, "bash"), screen, screen) for each in calls]
    return Case([*moments[:at], *made, *moments[at:]])


CLEAN: dict[str, Plant] = {
    "as it is": lambda moments, *_: Case(moments),
    "two clicks without effect": two_clicks,
    "copied four times": copied,
    "waited four times": waited,
    "an error, repaired": repaired,
    "a captcha only mentioned": captcha_named,
    "removed its own folder": removed_own,
}


# --- writing and asking ---------------------------------------------------------------------------


def session(folder: Path) -> list[Moment]:
    scenes = recorded(folder)[: LONGEST + 1]
    return [Moment(a.action, a.before, b.before) for a, b in pairwise(scenes) if a.before.shape == b.before.shape]


def with_clock(screen: Pixels, minute: int) -> Pixels:
    image = Image.fromarray(screen)
    draw = ImageDraw.Draw(image)
    draw.rectangle((970, 2, 1018, 18), fill=(30, 30, 30))
    draw.text((976, 4), f"12:{minute:02d}", fill=(240, 240, 240))
    return np.asarray(image)


def request(moment: Moment) -> JSON:
    return {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": moment.task}]}]}


def write(store: Store, case: Case) -> str:
    writer = store.begin_run(task=TASK)
    for number, moment in enumerate(case.moments):
        turn = writer.begin_turn(model="m", started=Instant.now(), request=request(moment))
        content = [{"type": "text", "text": moment.text}, {"type": "thinking", "thinking": moment.thinking}]
        writer.end_turn(turn, content=content, ended=Instant.now(), stop_reason="tool_use")
        index = writer.intend(moment.action, turn=turn)
        shown = [(with_clock(moment.before, number), [FrameRole.BEFORE], "machine")]
        after = with_clock(moment.after, number)
        shown.append((after, [FrameRole.AFTER], "machine"))
        if moment.seen:
            shown.append(
                (after if moment.saw is None else with_clock(moment.saw, number), [FrameRole.OBSERVED], "wire")
            )
        for pixels, roles, source in shown:
            writer.frame(pixels, captured=Instant.now(), roles=[(index, role) for role in roles], source=source)
        writer.finish(index, status=moment.status, delivered=moment.delivered)
    if case.last:
        turn = writer.begin_turn(model="m", started=Instant.now(), request=request(case.moments[-1]))
        content = [{"type": "text", "text": case.last}]
        writer.end_turn(turn, content=content, ended=Instant.now(), stop_reason="end_turn")
    writer.outcome("failure" if case.kind else "success", OutcomeSource.EVALUATOR)
    writer.end(case.status, error=case.error)
    return writer.run_id


def _key(step: Step) -> object:
    return step.action.title, repr(sorted(step.action.arguments.items()))


def browser_use(steps: list[Step]) -> int | None:
    """Return where the same action was done five times within twenty."""
    for end in range(len(steps)):
        window = [_key(step) for step in steps[max(0, end - 19) : end + 1]]
        if window.count(_key(steps[end])) >= 5:
            return steps[end].index
    return None


def openhands(steps: list[Step]) -> int | None:
    """Return where the same action was done four times in a row."""
    for at in range(len(steps) - 3):
        if len({repr(_key(step)) for step in steps[at : at + 4]}) == 1:
            return at
    return None


BASELINES: dict[str, Callable[[list[Step]], int | None]] = {
    "browser-use's rule": browser_use,
    "OpenHands' rule": openhands,
    "last step": lambda steps: steps[-1].index if steps else None,
}


def interval(hits: int, of: int) -> str:
    """Return the share in percent with Wilson's 95 % interval."""
    if not of:
        return "-"
    share, z = hits / of, 1.96
    middle, half = (
        (share + z * z / (2 * of)) / (1 + z * z / of),
        z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of),
    )
    return f"{100 * share:5.1f} [{100 * max(middle - half, 0):.0f}-{100 * (middle + half):.0f}]"


def ask(store: Store, case: Case, run: Run, scores: dict[str, list[bool]], named: dict[str, list[bool]]) -> float:
    """Diagnose one run and note what was right; return the processor's seconds."""
    began = time.process_time()
    found = diagnose(store, run.id, keep=False)
    took = time.process_time() - began
    alarms = found.alarms
    if not case.kind:
        scores["alarm"].append(bool(alarms))
        return took
    kinds = {case.kind, *case.also}
    answer = decide(store, run, found)
    scores["kind found"].append(not kinds.isdisjoint(each.kind for each in alarms))
    scores["step found"].append(
        any(each.kind in kinds and each.step == case.step for each in alarms) or case.step is None
    )
    scores["answer"].append(answer.kind in kinds and answer.step == case.step)
    scores["other alarms"].append(any(each.kind not in kinds for each in alarms))
    if case.step is not None:
        steps = store.steps(run.id)
        for name, rule in BASELINES.items():
            named[name].append(rule(steps) == case.step)
        named["ours"].append(answer.step == case.step)
    return took


def main() -> None:
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else DATA
    chance = random.Random(SEED)
    sessions = [made for path in sorted(folder.glob("*")) if len(made := session(path)) >= SHORTEST]
    sessions = sessions[LOOKED_AT : LOOKED_AT + most]
    if not sessions:
        print(f"No recordings in {folder}: name a folder of ScreenAgent sessions.")
        return
    rows: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    named: dict[str, list[bool]] = defaultdict(list)
    seconds, steps = 0.0, 0
    for moments in sessions:
        with tempfile.TemporaryDirectory() as place, open_store(Path(place) / "runs.db") as store:
            for name, plant in {**FAULTS, **CLEAN}.items():
                case = plant(list(moments), chance.randrange(len(moments)), chance)
                if name in FAULTS and not case.kind:
                    continue  # the session has no place for it
                run = store.run(write(store, case))
                seconds += ask(store, case, run, rows[name], named)
                steps += run.steps
    print(f"{len(sessions)} sessions, {sum(len(rows[name]['kind found']) for name in FAULTS)} faults, {steps} steps")
    print(f"{1000 * seconds / steps:.1f} ms of the processor a step, all detectors\n")
    print("| planted | n | kind found | step found | the answer | another alarm |\n|---|---|---|---|---|---|")
    for name in FAULTS:
        row = rows[name]
        cells = [
            interval(sum(row[key]), len(row[key])) for key in ("kind found", "step found", "answer", "other alarms")
        ]
        print(f"| {name} | {len(row['answer'])} | {' | '.join(cells)} |")
    whole = {
        key: [hit for name in FAULTS for hit in rows[name][key]]
        for key in ("kind found", "step found", "answer", "other alarms")
    }
    print(f"| all | {len(whole['answer'])} | {' | '.join(interval(sum(hits), len(hits)) for hits in whole.values())} |")
    print("\n| without a fault | n | an alarm |\n|---|---|---|")
    for name in CLEAN:
        hits = rows[name]["alarm"]
        print(f"| {name} | {len(hits)} | {interval(sum(hits), len(hits))} |")
    print("\n| who names the step (where there is one) | n | right |\n|---|---|---|")
    for name, hits in named.items():
        print(f"| {name} | {len(hits)} | {interval(sum(hits), len(hits))} |")


if __name__ == "__main__":
    main()
