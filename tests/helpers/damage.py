"""A store with something of everything, what a reader gets from it, and the ways in which files come to harm."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from drawn import page, pixels
from footage.errors import FootageError
from footage.storage import RunWriter, Store, open_store
from footage.trajectory import (
    Action,
    Cause,
    Divergence,
    FrameRole,
    Guarantee,
    InputEvent,
    Instant,
    OutcomeSource,
    Parent,
    RawExchange,
    Region,
    RunKind,
    RunStatus,
    Space,
    StepStatus,
    StepVerdict,
    Verdict,
)
from samples import ask, call, encoded, image_block, noise, result

if TYPE_CHECKING:
    from footage.trajectory import JSON, Pixels

PAGE = 4096


# --- a store -------------------------------------------------------------------------------------------------------


def record(folder: Path) -> Path:
    """Record runs of all sorts in a fresh store and copy it as it is in the middle, its WAL not empty."""
    path = folder / "recorded.db"
    with open_store(path) as store:
        first = _run(store, "Add two numbers", steps=8)
        first.end()
        store.add_tag(first.run_id, "baseline")
        store.add_note(first.run_id, "It looked away.", step=2)
        store.add_outcome(first.run_id, "success", OutcomeSource.HUMAN, "42")
        store.database._connections._writing().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        replay = _replay(store, first.run_id)
        other = _run(store, "Résumé of 文書", steps=4)
        other.end(RunStatus.ERRORED, error="ValueError: no such thing")
        live = _run(store, "Never ended", steps=3)
        for name in ("s.db", "s.db-wal"):
            shutil.copyfile(folder / name.replace("s.db", "recorded.db"), folder / name)
        live.end()
        assert replay
    return folder / "s.db"


def _run(store: Store, task: str, *, steps: int) -> RunWriter:
    writer = store.begin_run(task=task, model="m", machine={"driver": "desktop", "screen": [320, 160]})
    writer.conversation("main")
    messages: list[JSON] = [{"role": "user", "content": task}]
    for number in range(steps):
        shot = pixels(page(f"{task} {number // 3}", width=320, height=160, lines=3 + number % 3))
        turn = ask(writer, {"model": "m", "max_tokens": 100, "system": "Be careful.", "messages": messages})
        writer.attempt(turn, number=0, started=Instant.now(), status=529, error="overloaded")
        writer.attempt(turn, number=1, started=Instant.now(), ended=Instant.now(), status=200)
        messages = [*messages, call(f"c{number}")]
        content = messages[-1]["content"]
        writer.end_turn(turn, content=content, ended=Instant.now(), usage={"input_tokens": 7}, response_id=f"r{number}")
        action = Action("left_click", {"coordinate": [number, 9]}, raw={"x": 1}, space=Space(320, 160, 320, 160))
        index = writer.intend(action, turn=turn, call_id=f"c{number}")
        writer.start(index, Instant.now())
        writer.frame(shot, captured=Instant.now(), roles=[(index, FrameRole.BEFORE)])
        jpeg = encoded(shot, "JPEG", quality=70)
        role = [(index, FrameRole.AFTER)]
        kept: Any = jpeg if number % 4 == 3 else noise(70, 50, number) if number % 4 == 2 else shot
        writer.frame(kept, captured=Instant.now(), roles=role, region=Region(0, 0, 9, 9) if number % 2 else None)
        status = StepStatus.FAILED if number % 5 == 4 else StepStatus.EXECUTED
        delivered = [InputEvent("move", (number, 9)), InputEvent("button_down", (1,))]
        writer.finish(index, status=status, result_text="ok " * number, ended=Instant.now(), delivered=delivered)
        picture = image_block(jpeg, "image/jpeg") if number % 3 == 0 else image_block(encoded(shot))
        messages = [*messages, result(f"c{number}", picture)]
    writer.gap("the camera was off", step=1, lost=3)
    began = Instant.now()
    headers = {"accept": "*/*"}
    writer.raw_exchange(RawExchange("GET", "/v1/models", 200, began, request_headers=headers, response=b"{}" * 99))
    return writer


def _replay(store: Store, of: str) -> str:
    writer = store.begin_run(kind=RunKind.REPLAY, task="", parent=Parent(of), guarantee=Guarantee.ANCHORED)
    for number in range(4):
        index = writer.intend(Action("key", {"text": "ctrl+s"}), source_step=number)
        writer.finish(index, status=StepStatus.EXECUTED)
        why = StepVerdict(Verdict.DIVERGED, "a letter is missing", (Region(1, 2, 3, 4),), 1, 2)
        writer.verdict(index, why if number == 3 else StepVerdict(Verdict.REPRODUCED))
    parted = Divergence(3, 3, Cause.EXECUTION, "lost input", "a letter is missing", (Region(1, 2, 3, 4),))
    writer.end(verdict=Verdict.DIVERGED, divergence=parted)
    return writer.run_id


# --- reading all of it ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Seen:
    """What a reader got, and in how many calls it was told of damage instead."""

    pictures: dict[int, str] = field(default_factory=dict)
    """Picture id -> a hash of the pixels that were given out."""
    requests: dict[int, Any] = field(default_factory=dict)
    """Turn id -> request."""
    frames: dict[int, str] = field(default_factory=dict)
    """Frame id -> a hash of the pixels that it leads to."""
    steps: dict[tuple[str, int], list[tuple[str, int]]] = field(default_factory=dict)
    """(run, step) -> (role, frame id)."""
    runs: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def ask(self, read: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call a reader; None where it raised a FootageError. Whatever else it raises comes through."""
        try:
            return read(*arguments, **options)
        except FootageError as error:
            self.errors.append(type(error).__name__)
            return None


def read_all(path: Path, *, readonly: bool = True) -> Seen:
    """Read everything that a store's API gives."""
    seen = Seen()
    store = seen.ask(open_store, path, create=False, readonly=readonly)
    if store is None:
        return seen
    with store:
        seen.ask(store.count_runs)
        names = {run.id for run in seen.ask(store.runs) or []}
        for more in ({"status": "interrupted"}, {"tag": "baseline"}, {"text": "num"}, {"kind": "replay"}):
            names |= {run.id for run in seen.ask(store.runs, **more) or []}
        for number in range(1, 4):
            run = seen.ask(store.run, f"@{number}")
            names |= {run.id} if run else set()
        seen.runs = sorted(names)
        for name in seen.runs:
            _read_run(store, name, seen)
    return seen


def _read_run(store: Store, run: str, seen: Seen) -> None:
    for read in (store.run, store.family, store.conversations, store.gaps, store.notes, store.raw_exchanges):
        seen.ask(read, run)
    for turn in seen.ask(store.turns, run) or []:
        assert turn.text is not None
        assert turn.thinking is not None
        seen.requests[turn.id] = seen.ask(store.request, turn.id, pictures=True)
    for step in seen.ask(store.steps, run) or []:
        assert step.action.point is None or len(step.action.point) == 2
        assert step.duration_ms is None or isinstance(step.duration_ms, float)
        seen.steps[run, step.index] = [(role, f.id) for role, frames in step.frames.items() for f in frames]
        seen.ask(store.step, run, step.index)
    for frame in seen.ask(store.frames, run) or []:
        shown = seen.ask(store.pixels, frame.picture)
        if shown is not None:
            seen.pictures[frame.picture] = seen.frames[frame.id] = fingerprint(shown)


def fingerprint(shown: Pixels) -> str:
    """Return a hash that does not rely on the store's own."""
    return hashlib.md5(repr(shown.shape).encode() + shown.tobytes(), usedforsecurity=False).hexdigest()


# --- damage --------------------------------------------------------------------------------------------------------


def _flip(data: bytearray, random: Random, start: int, stop: int) -> None:
    for _ in range(random.choice([1, 1, 2, 8])):
        data[random.randrange(start, stop)] ^= 1 << random.randrange(8)


def flip_anywhere(data: bytearray, random: Random) -> None:
    _flip(data, random, 0, len(data))


def flip_header(data: bytearray, random: Random) -> None:
    _flip(data, random, 0, min(100, len(data)))


def flip_page_header(data: bytearray, random: Random) -> None:
    page = random.randrange(len(data) // PAGE) * PAGE
    _flip(data, random, page, page + 12)


def overwrite(data: bytearray, random: Random) -> None:
    start, length = random.randrange(len(data)), random.choice([1, 16, 512, 4096, 20000])
    made = random.choice([bytes(length), b"\xff" * length, random.randbytes(length)])
    data[start : start + length] = made[: len(data) - start]


def truncate(data: bytearray, random: Random) -> None:
    del data[random.randrange(len(data)) :]


def truncate_at_page(data: bytearray, random: Random) -> None:
    del data[random.randrange(len(data) // PAGE) * PAGE :]


def swap_pages(data: bytearray, random: Random) -> None:
    a, b = (random.randrange(len(data) // PAGE) * PAGE for _ in range(2))
    data[a : a + PAGE], data[b : b + PAGE] = data[b : b + PAGE], data[a : a + PAGE]


def copy_page(data: bytearray, random: Random) -> None:
    a, b = (random.randrange(len(data) // PAGE) * PAGE for _ in range(2))
    data[a : a + PAGE] = data[b : b + PAGE]


def lose_page(data: bytearray, random: Random) -> None:
    a = random.randrange(len(data) // PAGE) * PAGE
    del data[a : a + PAGE]


def append(data: bytearray, random: Random) -> None:
    data += random.randbytes(random.choice([1, 100, PAGE, 5 * PAGE]))


def empty(data: bytearray, _: Random) -> None:
    data.clear()


DAMAGES: list[Callable[[bytearray, Random], None]] = [
    *(flip_anywhere, flip_header, flip_page_header, overwrite, truncate, truncate_at_page),
    *(swap_pages, copy_page, lose_page, append, empty),
]


def damaged_copy(healthy: Path, folder: Path, seed: int) -> tuple[Path, str]:
    """Make a copy of a store and its WAL, one or both harmed; return its path and what was done."""
    random = Random(seed)
    copy, done = folder / "damaged.db", []
    for name in ("", "-wal", "-shm"):
        copy.with_name(copy.name + name).unlink(missing_ok=True)
    hit = random.choice([("",), ("",), ("-wal",), ("", "-wal")])
    for name in ("", "-wal"):
        data = bytearray(healthy.with_name(healthy.name + name).read_bytes())
        for _ in range(random.choice([1, 1, 3]) if name in hit else 0):
            damage = random.choice(DAMAGES if len(data) >= PAGE else [append])
            damage(data, random)
            done.append(f"{damage.__name__}{name}")
        copy.with_name(copy.name + name).write_bytes(data)
    return copy, " ".join(done)
