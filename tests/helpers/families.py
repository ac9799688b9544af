"""Families to copy and to change: one with a row in every table, and everything that can be said of one."""

from __future__ import annotations

import tempfile
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from footage.storage.artefacts import Artefacts
from footage.storage.family_copy import DERIVED, TABLES
from footage.storage.requests.chains import dump_json
from footage.storage.rows.to_rows import insert
from footage.storage.upkeep.verify import verify_store
from footage.trajectory import (
    Action,
    Cause,
    Divergence,
    FrameRole,
    InputEvent,
    Instant,
    OutcomeSource,
    Parent,
    RawExchange,
    Region,
    RunKind,
    Space,
    StepStatus,
    StepVerdict,
    Verdict,
)
from samples import ask, call, encoded, image_block, noise, result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from footage.storage import RunWriter, Store
    from footage.trajectory import JSON, Pixels, Run


def screen(seed: int) -> Pixels:
    """Return a screen that shares most of itself with the others."""
    pixels = noise(96, 64)
    pixels[32:64, 0:32] = noise(32, 32, seed)
    return pixels


def full_family(store: Store, task: str = "Ask for “help”.") -> str:
    """Record a run with something in every table, a replay and a fork of it; return its id."""
    run = store.begin_run(task=task, model="m", machine={"driver": "desktop", "screen": [96, 64]})
    run.conversation("main")
    shown = image_block(encoded(screen(1)))
    lossy = image_block(encoded(screen(2), "JPEG"), "image/jpeg")
    messages: list[JSON] = [{"role": "user", "content": [{"type": "text", "text": task}, shown]}]
    for number in range(3):
        body = {"model": "m", "system": "Be careful.", "messages": list(messages), "temperature": 0.25}
        turn = ask(run, body)
        run.attempt(turn, number=0, started=Instant.now(), ended=Instant.now(), status=529, error="overloaded")
        run.attempt(turn, number=1, started=Instant.now(), ended=Instant.now(), status=200)
        said = call(f"toolu_{number}")
        run.end_turn(turn, content=said["content"], ended=Instant.now(), usage={"input_tokens": 9}, response_id="msg")
        _step(run, turn, number)
        messages += [said, result(f"toolu_{number}", lossy if number else shown, {"type": "text", "text": "done"})]
    messages[0]["cache_control"] = {"type": "ephemeral"}
    last = ask(run, {"model": "m", "messages": messages})
    run.end_turn(last, content=[{"type": "text", "text": "Done."}], ended=Instant.now())
    _remarks(store, run)
    _exact(store, run)
    run.end()
    _children(store, run.run_id)
    return run.run_id


def _step(run: RunWriter, turn: int, number: int) -> None:
    action = Action("left_click", {"coordinate": [12, 34]}, raw={"x": 6, "y": 17}, space=Space(48, 32, 96, 64))
    if number == 1:
        action = Action("type", {"text": "héllo\n"}, raw={"action": "type", "text": "héllo\n"})
    index = run.intend(action, turn=turn, call_id=f"toolu_{number}")
    run.start(index, Instant.now())
    first = run.frame(screen(number), captured=Instant.now(), roles=[(index, FrameRole.BEFORE)], display=":1")
    run.frame(
        screen(number + 1)[:32, :32],
        captured=Instant.now(),
        roles=[(index, FrameRole.BETWEEN)],
        screen=(96, 64),
        region=Region(0, 0, 32, 32),
    )
    run.frame(encoded(screen(2), "JPEG"), captured=Instant.now(), roles=[(index, FrameRole.OBSERVED)], source="wire")
    run.add_role(first, index, FrameRole.AFTER)
    events = [InputEvent("move", (12, 34)), InputEvent("button_down", (1,))]
    status = StepStatus.FAILED if number == 2 else StepStatus.EXECUTED
    run.finish(
        index, status=status, result_text="ok", error="no" if number == 2 else "", delivered=events, ended=Instant.now()
    )


def _remarks(store: Store, run: RunWriter) -> None:
    run.gap("as an example", step=1, lost=2)
    run.outcome("success", OutcomeSource.SELF, "so it says")
    now = Instant.now()
    run.raw_exchange(RawExchange("POST", "/v1/files?x=1", 200, now, now, "", {"a": "b"}, b"\xff\x00", 2, {}, b"{}", 2))
    store.add_tag(run.run_id, "nightly")
    store.add_note(run.run_id, "Look here.", step=1)
    with store.database.transaction() as connection:
        (row,) = connection.execute("SELECT id FROM run WHERE name = ?", (run.run_id,)).fetchone()
        frames = [frame.id for frame in store.frames(run.run_id)]
        finding = {"run": row, "step": 1, "kind": "no_effect", "message": "Nothing changed.", "confidence": 0.5}
        insert(connection, "finding", {**finding, "evidence": dump_json(frames[:2]), "rule": "r/1"})


def _exact(store: Store, run: RunWriter) -> None:
    """Keep something in the place of a machine's log and snapshot."""
    files = Artefacts(store.database)
    (row,) = store.database.rows("SELECT id FROM run WHERE name = ?", run.run_id)
    with tempfile.TemporaryDirectory() as folder:
        log, snapshot = Path(folder, "log"), Path(folder, "snapshot")
        log.write_bytes(b"a log")
        snapshot.write_bytes(b"a snapshot")
        kept = [files.put(row[0], path, path.name, about={"of": "a test"}) for path in (log, snapshot)]
    with store.database.transaction() as connection:
        exact = {"run": row[0], "log": kept[0].id, "end_icount": 9, "facts": "{}", "timeline": zlib.compress(b"[]")}
        insert(connection, "exact", exact)
        insert(connection, "checkpoint", {"run": row[0], "name": "s", "icount": 1, "step": 0, "artefact": kept[1].id})
        connection.execute("UPDATE run SET guarantee = 'exact' WHERE id = ?", (row[0],))


def _children(store: Store, parent: str) -> None:
    steps = store.steps(parent)
    replay = store.begin_run(kind=RunKind.REPLAY, task="again", parent=Parent(parent))
    index = replay.intend(steps[0].action, source_step=0)
    seen = replay.frame(screen(7), captured=Instant.now(), roles=[(index, FrameRole.BEFORE)])
    expected = steps[0].frames[FrameRole.BEFORE][0].id
    replay.finish(index, status=StepStatus.EXECUTED)
    replay.verdict(index, StepVerdict(Verdict.DIVERGED, "other", (Region(0, 32, 32, 32),), expected, seen))
    replay.end(verdict=Verdict.DIVERGED, divergence=Divergence(0, 0, Cause.ENVIRONMENT, "screen", "other"))
    fork = store.begin_run(kind=RunKind.FORK, task="another way", parent=Parent(parent, 1))
    turn = store.turns(parent)[0]
    copied = fork.begin_turn(
        model="m", started=Instant.now(), request=store.request(turn.id), copied_from=turn.id, conversation=0
    )
    fork.end_turn(copied, content=list(turn.content), ended=Instant.now())
    fork.end()


def said_of(store: Store, family: str) -> list[Any]:
    """Return everything that can be read of a family, without the ids of rows: pictures stand for themselves."""
    report = verify_store(store)
    assert report.ok, report.bad
    return [_said_of_run(store, run) for run in store.family(family)]


def _said_of_run(store: Store, run: Run) -> dict[str, Any]:
    numbers = {frame.id: number for number, frame in enumerate(store.frames(run.id))}
    rows = store.database.rows("SELECT id FROM frame ORDER BY id")
    numbers = {row[0]: number for number, row in enumerate(rows)} | numbers
    family = {turn.id: (one.id, turn.number) for one in store.family(run.id) for turn in store.turns(one.id)}

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, list | tuple) else value

    steps = [plain(asdict(step)) for step in store.steps(run.id)]
    for step in steps:
        step.pop("id")
        for frames in step["frames"].values():
            for frame in frames:
                frame["number"] = numbers[frame.pop("id")]
                frame.pop("picture")
        if step["verdict"]:
            for name in ("expected_frame", "actual_frame"):
                step["verdict"][name] = numbers.get(step["verdict"][name])
    turns = [plain(asdict(turn)) for turn in store.turns(run.id)]
    requests = [store.request(turn.id, pictures=True) for turn in store.turns(run.id)]
    for turn in turns:
        turn.pop("id")
        turn["copied_from"] = family.get(turn["copied_from"])
    (row,) = store.database.rows("SELECT id FROM run WHERE name = ?", run.id)
    findings = [dict(found) for found in store.database.rows("SELECT * FROM finding WHERE run = ?", row[0])]
    events = store.database.rows("SELECT writer, sequence, kind, at_wall FROM event WHERE run = ? ORDER BY id", row[0])
    return {
        "run": plain(asdict(run)),
        "conversations": [(c.number, c.label) for c in store.conversations(run.id)],
        "turns": turns,
        "requests": requests,
        "steps": steps,
        "pixels": [store.pixels(frame.picture).tobytes() for frame in store.frames(run.id)],
        "gaps": [plain(asdict(gap)) for gap in store.gaps(run.id)],
        "notes": store.notes(run.id),
        "raw": store.raw_exchanges(run.id),
        "findings": [(f["kind"], f["message"], f["confidence"], f["step"], f["rule"]) for f in findings],
        "events": [tuple(event) for event in events],
        "artefacts": [
            tuple(r)
            for r in store.database.rows("SELECT kind, sha256, bytes, about FROM artefact WHERE run = ?", row[0])
        ],
    }


def every_row(store: Store) -> Mapping[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables, as they are stored."""
    tables = [row[0] for row in store.database.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    kept = [table for table in tables if not table.startswith("search") and table not in DERIVED - {"facet"}]
    assert set(TABLES) <= set(kept)
    return {table: [tuple(row) for row in store.database.rows(f'SELECT * FROM "{table}" ORDER BY 1')] for table in kept}
