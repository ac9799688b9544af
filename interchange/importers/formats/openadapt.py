"""
OpenAdapt picture traces: a folder with `step_00_reset.png`, `step_01.png`, …, and perhaps a `README.md` on the steps.

Picture N was taken after step N; the one called reset, or start, shows the screen before the first. The README tells
of each step under a heading `### Step N`: what the planner wanted, the box of the target (`**Grounder**: [x0, y0, x1,
y1]`, from 0 to 1000) or the code (`**Action**`), and what came of it. Without it nothing is known of the actions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from footage.interchange.importers.common.blocks_of_recordings import wall_ns
from footage.interchange.importers.common.derive import derive_before
from footage.interchange.importers.draft import DraftNote, DraftOutcome, DraftPicture, DraftRun, DraftStep, DraftTurn
from footage.interchange.importers.entry import Entry
from footage.interchange.importers.safety import decode_text
from footage.providers.actions.canvas import Canvas
from footage.providers.actions.pyautogui import actions_in
from footage.trajectory import JSON, Action, FrameRole, OutcomeSource

__all__ = ["LINE", "NAME", "PRIORITY", "read", "recognise"]

NAME = "openadapt"
LINE = "pictures step_NN.png, and their README"
PRIORITY = 80

_STEP = re.compile(r"step_(\d{2,4})(_reset|_start)?\.(?:png|jpe?g)")
_HEADING = re.compile(r"^#+\s*Step\s+(\d{1,4})\b.*$", re.MULTILINE)
_FIELD = re.compile(r"^\*\*([A-Za-z][A-Za-z ]{0,40})\*\*:\s*(.*)$", re.MULTILINE)
_BOX = re.compile(r"\[\s*(\d{1,4})\s*,\s*(\d{1,4})\s*,\s*(\d{1,4})\s*,\s*(\d{1,4})\s*\]")
_CODE = re.compile(r"`(pyautogui\.[^`]{1,2000})`")


def recognise(entry: Entry) -> bool:
    """Tell a trace's folder by its numbered pictures, the first of which shows the screen before the steps."""
    if not entry.is_folder:
        return False
    found = [_STEP.fullmatch(name) for name in entry.files()]
    numbers = [int(step[1]) for step in found if step]
    return len(numbers) > 1 and any(step and step[2] for step in found) and 0 in numbers


def read(entry: Entry) -> Iterator[DraftRun]:
    """Yield the trace's run."""
    pictures: dict[int, DraftPicture] = {}
    hashes = []
    for name in entry.files():
        step, found = _STEP.fullmatch(name), entry.at(name)
        picture = entry.picture(name, up=0) if step else None
        if step and picture and found:
            pictures[int(step[1])] = picture
            hashes.append(found.sha256)
    text, about = _readme(entry)
    run = DraftRun(identity="\n".join(hashes), conversations=[""] if about else [])
    run.task, run.task_id = _task(text) or entry.name.replace("_", " "), entry.name
    run.started = _date(text)
    for number in range(1, max(pictures) + 1):
        _add(entry, run, number, about.get(number, {}), pictures)
    if run.steps:
        run.steps[0].show(pictures.get(0), FrameRole.BEFORE)
    derive_before(run)
    score = re.search(r"^>\s*Score:\s*(.+)$", text, re.MULTILINE)
    if score:
        run.notes.append(DraftNote(f"Score: {score[1].strip()}"))
        judged = re.search(r"judge scored (\d+(?:\.\d+)?)", score[1])
        if judged:
            run.outcomes.append(DraftOutcome(judged[1], OutcomeSource.JUDGE, score[1].strip()))
    yield run


def _add(entry: Entry, run: DraftRun, number: int, about: dict[str, str], pictures: dict[int, DraftPicture]) -> None:
    turn = None
    if about:
        said = "\n".join(f"{key}: {about[key]}" for key in ("planner", "grounder") if key in about)
        run.turns.append(DraftTurn([{"type": "text", "text": said}] if said else []))
        turn = len(run.turns) - 1
    before = pictures.get(number - 1)
    step = DraftStep(_action(about, before), turn=turn, result_text=about.get("result", ""))
    step.show(pictures.get(number), FrameRole.AFTER)
    if number not in pictures:
        run.problem("there is no such picture", entry.named(f"step_{number:02}.png"), step=len(run.steps))
    run.steps.append(step)


def _action(about: dict[str, str], before: DraftPicture | None) -> Action:
    raw: JSON = dict(about)
    code = _CODE.search(about.get("action", ""))
    if code:
        found = actions_in(code[1], Canvas(before.size if before else None))
        return found[0] if found else Action("unknown", {}, raw=raw)
    box = _BOX.search(about.get("grounder", ""))
    if box:
        x0, y0, x1, y1 = map(int, box.groups())
        canvas = Canvas.thousandths(before.size if before else None)
        point = canvas.point((x0 + x1) / 2, (y0 + y1) / 2)
        wanted = about.get("planner", "").lower()
        name = "double_click" if "double" in wanted else "right_click" if "right-click" in wanted else "left_click"
        return Action(name, {"coordinate": point} if point else {}, raw=raw, space=canvas.space)
    return Action("unknown", {}, NAME, raw)


def _readme(entry: Entry) -> tuple[str, dict[int, dict[str, str]]]:
    """Return the README's text, and what it says of each step, by the names of its fields."""
    found = entry.at("README.md")
    if found is None or found.is_folder:
        return "", {}
    text = decode_text(found.data, "README.md")
    headings = list(_HEADING.finditer(text))
    about = {}
    for heading, following in zip(headings, [*headings, None][1:], strict=True):
        section = text[heading.end() : following.start() if following else len(text)]
        section = re.split(r"^##\s", section, maxsplit=1, flags=re.MULTILINE)[0]
        about[int(heading[1])] = {key.lower(): value.strip() for key, value in _FIELD.findall(section)}
    return text, about


def _task(text: str) -> str:
    found = re.match(r"#\s*(?:Execution Trace:\s*)?(.+)", text)
    return found[1].strip() if found else ""


def _date(text: str) -> int | None:
    found = re.search(r"^>\s*Date:\s*(\d{4}-\d\d-\d\d)\s*$", text, re.MULTILINE)
    return wall_ns(found[1]) if found else None
