"""Redaction: a secret is gone from every byte, and everything else is as it was."""

from __future__ import annotations

import base64
import gzip
import io
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

import cli
from families import every_row, full_family, screen
from footage.errors import UsageError
from footage.storage import RunWriter, Store, open_store, verify_store
from footage.storage.redaction.painting import COLOUR
from footage.storage.redaction.redact import finish_redactions, pending_redactions, redact_region, redact_texts
from footage.storage.redaction.values import Hider
from footage.trajectory import (
    Action,
    FrameRole,
    InputEvent,
    Instant,
    OutcomeSource,
    Parent,
    RawExchange,
    Region,
    RunKind,
    RunStatus,
    StepStatus,
)
from samples import ask, call, encoded, image_block, result

SECRETS = [
    *(f"hunter{number}-Zq{number * 7919}" for number in range(30)),
    *('p"ss\\w/rd', "пароль-наш", "two words", "new\nline in it", "<b>&amp;", "tab\there!", "emoji 🔑 key"),
    *("%41percent", "'quoted'", "1234567890123"),
]


def planted(store: Store, secrets: list[str]) -> str:
    """Record a run with every secret in many places; return its id."""
    writer = store.begin_run(task=f"log in with {secrets[0]}", machine={"driver": "desktop", "note": secrets[1]})
    writer.conversation(f"about {secrets[2]}")
    messages: list[Any] = []
    for number, secret in enumerate(secrets):
        messages.append({"role": "user", "content": [{"type": "text", "text": f"the password is {secret}, remember"}]})
        turn = ask(writer, {"model": "m", "system": secret, "messages": list(messages), "metadata": {secret: [secret]}})
        typed = {"action": "type", "text": f"{secret}\n"}
        use = {"type": "tool_use", "id": f"toolu_{number}", "name": "computer", "input": typed}
        content: list[Any] = [{"type": "thinking", "thinking": f"I type {secret}", "signature": "s"}, use]
        writer.end_turn(turn, content=content, ended=Instant.now())
        writer.attempt(turn, number=0, started=Instant.now(), error=f"refused {secret}")
        messages += [
            {"role": "assistant", "content": content},
            result(f"toolu_{number}", {"type": "text", "text": secret}),
        ]
        _step(writer, number, turn, secret)
        _elsewhere(store, writer, secret)
    writer.outcome("failure", OutcomeSource.SELF, f"{secrets[3]} was wrong")
    writer.gap(f"lost after {secrets[4]}")
    writer.end(RunStatus.ERRORED, error=f"cannot log in as {secrets[5]}")
    return writer.run_id


def _step(writer: RunWriter, number: int, turn: int, secret: str) -> None:
    action = Action("type", {"text": f"{secret}\n"}, raw={"action": "type", "text": f"{secret}\n"})
    index = writer.intend(action, turn=turn, call_id=f"toolu_{number}")
    events = [InputEvent("key_down", (character,)) for character in secret]
    writer.frame(screen(number % 3), captured=Instant.now(), roles=[(index, FrameRole.BEFORE)])
    writer.finish(
        index, status=StepStatus.FAILED, result_text=f"typed {secret}", error=f"no {secret}", delivered=events
    )


def _elsewhere(store: Store, writer: RunWriter, secret: str) -> None:
    data = secret.encode()
    forms = [
        secret,
        quote(secret),
        data.hex(),
        base64.b64encode(b"user:" + data).decode(),
        json.dumps({"a": json.dumps(secret)}),
    ]
    now = Instant.now()
    writer.raw_exchange(
        RawExchange(
            "POST", f"/login?password={quote(secret, safe='')}", 200, now, now, f"bad {secret}", {"x-note": secret},
            "\n".join(forms).encode(), 1, {"content-encoding": "gzip"}, gzip.compress(data), 1,
        )
    )  # fmt: skip
    store.add_tag(writer.run_id, f"tag {secret}")
    store.add_note(writer.run_id, f"He typed {secret}.", step=0)


def raw_bytes(store: Store) -> bytes:
    """Return every byte of the store's files, as a stranger reads them once nobody has the store open."""
    path = store.path
    store.close()
    files = [path, *path.parent.glob(path.name + "-*"), *path.with_name(path.name + "-files").rglob("*")]
    return b"".join(file.read_bytes() for file in files if file.is_file())


def test_forty_secrets_are_gone_from_every_byte(store: Store) -> None:
    run = planted(store, SECRETS)
    assert len(SECRETS) == 40
    done = redact_texts(store, run, SECRETS)
    assert done.proof
    assert done.proof.ok, done.proof
    expected = {"task", "model text", "typed text", "raw inputs", "results", "errors", "notes", "tags", "raw exchanges"}
    assert expected | {"requests", "outcome.note", "gap.reason", "attempt.error"} <= set(done.places)
    assert [step for _, step in done.steps] == list(range(40))
    assert verify_store(store).ok
    steps = store.steps(run)
    assert [step.action.arguments["text"] for step in steps[:2]] == ["[redacted 1]\n", "[redacted 2]\n"]
    assert all(step.redacted and step.delivered is None for step in steps)
    request = store.request(store.turns(run)[5].id)
    assert request
    assert request["messages"][0]["content"][0]["text"] == "the password is [redacted 1], remember"
    assert len(request["messages"]) == 16
    assert store.run(run).task == "log in with [redacted 1]"
    assert redact_texts(store, run, SECRETS, dry_run=True).places.total() == 0
    found = raw_bytes(store)
    for secret in SECRETS:
        assert not Hider([secret], [1]).found_in(found), secret


def test_half_of_a_surrogate_pair_beside_a_secret_is_no_trouble(store: Store) -> None:
    writer = store.begin_run(task="x")
    turn = ask(writer, {"messages": [{"role": "user", "content": "\ud800 hunter2"}]})
    writer.end_turn(turn, content=[{"type": "text", "text": "\udfff hunter2"}], ended=Instant.now())
    writer.finish(writer.intend(Action("type", {"text": "\ud800 hunter2"})), status=StepStatus.EXECUTED)
    writer.end()
    redact_texts(store, writer.run_id, ["hunter2"])
    assert store.steps(writer.run_id)[0].action.arguments["text"] == "\ud800 [redacted 1]"
    assert verify_store(store).ok


def test_a_dry_run_changes_nothing(store: Store) -> None:
    run = planted(store, SECRETS[:6])
    before = every_row(store)
    done = redact_texts(store, run, SECRETS[:6], dry_run=True)
    assert done.places["typed text"] == 6
    assert done.proof is None
    assert every_row(store) == before


def test_other_families_stay_as_they_are_and_are_named(store: Store) -> None:
    other = planted(store, SECRETS[:6])
    full_family(store)
    run = planted(store, SECRETS[:6])
    before = {table: set(rows) for table, rows in every_row(store).items()}
    done = redact_texts(store, run, SECRETS[:6])
    assert done.proof
    assert not done.proof.ok
    assert done.proof.elsewhere == (other,)
    families = {row[0]: row[1] for row in store.database.rows("SELECT id, family FROM run")}
    mine = store.database.rows("SELECT id, family FROM run WHERE name = ?", run)[0]
    gone = {table: before[table] - set(rows) for table, rows in every_row(store).items() if table != "facet"}
    for table, rows in gone.items():
        columns = [row[1] for row in store.database.rows(f"PRAGMA table_info({table})")]
        for row in rows:
            values = dict(zip(columns, row, strict=True))
            owner = values.get("family") or families.get(values.get("run", mine["id"]))
            assert owner == mine["family"], (table, values)
    again = redact_texts(store, other, SECRETS[:6])
    assert again.proof
    assert again.proof.ok


def test_what_is_typed_key_by_key_is_found(store: Store) -> None:
    writer = store.begin_run(task="keys")
    parts: list[tuple[str, str]] = [
        ("type", "user\tHun"),
        ("key", "t"),
        ("key", "e"),
        ("key", "shift+R"),
        ("type", "2!x"),
    ]
    for number, (name, text) in enumerate(parts):
        content = [
            {"type": "tool_use", "id": f"toolu_{number}", "name": "computer", "input": {"action": name, "text": text}}
        ]
        turn = ask(writer, {"model": "m", "messages": []})
        writer.end_turn(turn, content=content, ended=Instant.now())
        ask(
            writer,
            {
                "messages": [
                    {"role": "assistant", "content": content},
                    result(f"toolu_{number}", {"type": "text", "text": f"pressed {text}"}),
                ]
            },
        )
        index = writer.intend(Action(name, {"text": text}, raw={"text": text}), turn=turn, call_id=f"toolu_{number}")
        writer.finish(
            index,
            status=StepStatus.EXECUTED,
            result_text=f"pressed {text}",
            delivered=[InputEvent("key_down", (c,)) for c in text],
        )
    writer.end()
    done = redact_texts(store, writer.run_id, ["HunteR2!"])
    assert [step for _, step in done.steps] == [0, 1, 2, 3, 4]
    mark = "[redacted 1]"
    steps = store.steps(writer.run_id)
    assert [step.action.arguments["text"] for step in steps] == [f"user\t{mark}", mark, mark, mark, f"{mark}x"]
    assert [step.action.raw for step in steps] == [{"text": step.action.arguments["text"]} for step in steps]
    assert all(step.delivered is None for step in steps)
    assert mark in steps[1].result_text
    said = json.dumps([turn.content for turn in store.turns(writer.run_id)])
    asked = json.dumps([store.request(turn.id) for turn in store.turns(writer.run_id)])
    for text in ('"Hun', '"t"', '"shift+R"', '"2!x"', "pressed"):
        assert text not in said
        assert text not in asked
    assert verify_store(store).ok


def test_the_search_index_forgets(store: Store) -> None:
    writer = store.begin_run(task="the word is xylophonist99")
    writer.finish(writer.intend(Action("type", {"text": "xylophonist99"})), status=StepStatus.EXECUTED)
    writer.end()
    redact_texts(store, writer.run_id, ["xylophonist99"])
    with store.database.transaction() as connection:
        connection.execute("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, search, row)")
        terms = {row[0] for row in connection.execute("SELECT term FROM temp.words")}
        connection.execute("DROP TABLE temp.words")
    assert "redacted" in terms
    assert not any("xylophonist" in term for term in terms)


@pytest.mark.parametrize("secret", ["", "abc", "   a ", "redacted"])
def test_a_text_that_is_everywhere_is_refused(store: Store, secret: str) -> None:
    run = full_family(store)
    before = every_row(store)
    with pytest.raises(UsageError):
        redact_texts(store, run, [secret])
    assert every_row(store) == before


def test_a_live_run_is_refused(store: Store) -> None:
    run = full_family(store)
    writer = store.begin_run(kind=RunKind.REPLAY, parent=Parent(run))
    with pytest.raises(UsageError, match="being recorded"):
        redact_texts(store, run, ["help"])
    with pytest.raises(UsageError, match="being recorded"):
        redact_region(store, run, Region(0, 0, 5, 5))
    writer.end()


def test_files_of_machines_are_removed(store: Store) -> None:
    run = full_family(store)
    done = redact_texts(store, run, ["héllo"])
    assert done.places["files of machines"] == 2
    assert not list(store.path.with_name(store.path.name + "-files").joinpath("artefacts").iterdir())
    assert store.run(run).guarantee == "anchored"
    assert verify_store(store).ok


# --- pictures ---


def test_a_region_is_painted_over_everywhere(store: Store) -> None:
    other = full_family(store, "another")
    run = full_family(store)
    kept = [store.pixels(frame.picture).tobytes() for frame in store.frames(other)]
    before = {frame.id: store.pixels(frame.picture) for one in store.family(run) for frame in store.frames(one.id)}
    region = Region(0, 32, 32, 32)
    old = [row[0] for row in store.database.rows("SELECT image FROM atlas")]
    mine = store.database.rows("SELECT family FROM run WHERE name = ?", run)[0][0]
    done = redact_region(store, run, region)
    assert done.proof
    assert done.proof.ok
    assert verify_store(store).ok
    for one in store.family(run):
        for frame in store.frames(one.id):
            pixels, was = store.pixels(frame.picture), before[frame.id]
            if frame.region is not None:
                assert frame.redacted == ()
                assert (pixels == was).all()
                continue
            assert frame.redacted == (region,)
            assert (pixels[32:64, 0:32] == np.array(COLOUR)).all()
            assert (pixels[:32] == was[:32]).all()
            assert (pixels[32:, 32:] == was[32:, 32:]).all()
    assert [store.pixels(frame.picture).tobytes() for frame in store.frames(other)] == kept
    request = store.request(store.turns(run)[3].id)
    assert request
    blocks = [b for m in request["messages"] for b in m["content"] if isinstance(b, dict)]
    assert blocks[1]["source"]["sha256"] == ""
    assert not store.database.rows("SELECT 1 FROM picture WHERE family = ? AND original IS NOT NULL", mine)
    assert len(store.database.rows("SELECT 1 FROM family")) == 2
    assert len(old) > 0


def test_only_some_steps_and_what_shows_the_same(store: Store) -> None:
    writer = store.begin_run(machine={"driver": "desktop"})
    for number, seed in enumerate((1, 2, 3, 2)):
        index = writer.intend(Action("wait"), call_id=f"toolu_{number}")
        writer.frame(screen(seed), captured=Instant.now(), roles=[(index, FrameRole.BEFORE)])
        writer.finish(index, status=StepStatus.EXECUTED)
    other = screen(2).copy()
    other[0, 0] = 9  # another picture with the same pixels in the region
    block = image_block(encoded(other))
    ask(writer, {"messages": [call("toolu_1"), result("toolu_1", block)]})
    writer.end()
    done = redact_region(store, writer.run_id, Region(0, 32, 20, 20), steps=range(1, 2))
    assert done.places["pictures"] == 2
    assert done.proof
    assert done.proof.ok
    assert done.proof.patterns > 0
    steps = store.steps(writer.run_id)
    redacted = [step.frames[FrameRole.BEFORE][0].redacted != () for step in steps]
    assert redacted == [False, True, False, True]
    assert verify_store(store).ok


def test_a_scaled_picture_is_painted_in_its_own_pixels(store: Store) -> None:
    writer = store.begin_run(machine={"driver": "desktop"})
    index = writer.intend(Action("wait"))
    writer.frame(screen(1)[::2, ::2], captured=Instant.now(), roles=[(index, FrameRole.OBSERVED)], screen=(96, 64))
    writer.end()
    done = redact_region(store, writer.run_id, Region(11, 33, 20, 20))
    assert done.proof
    assert done.proof.ok
    pixels = store.pixels(store.frames(writer.run_id)[0].picture)
    painted = (pixels == np.array(COLOUR)).all(axis=2)
    ys, xs = painted.nonzero()
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (5, 15, 16, 26)


# --- interruptions ---


def test_an_interrupted_redaction_is_finished(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = planted(store, SECRETS[:6])

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("footage.storage.redaction.redact.purge", killed)
        with pytest.raises(KeyboardInterrupt):
            redact_texts(store, run, SECRETS[:6])
    assert pending_redactions(store) == [run]
    assert finish_redactions(store) == [run]
    assert pending_redactions(store) == []
    found = raw_bytes(store)
    assert not any(Hider([secret], [1]).found_in(found) for secret in SECRETS[:6])


@pytest.mark.parametrize("stage", ["hide_pictures", "_leave_files", "_note"])
def test_until_everything_is_changed_nothing_is(store: Store, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    run = full_family(store)
    before = every_row(store)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"footage.storage.redaction.redact.{stage}", killed)
    with pytest.raises(KeyboardInterrupt):
        redact_region(store, run, Region(0, 0, 50, 50))
    assert every_row(store) == before
    assert verify_store(store).ok


def test_a_redacted_family_is_exported_and_imported(store: Store, tmp_path: Path) -> None:
    from footage.interchange.exporters.footage_writer import write_footage_file
    from footage.interchange.importers.own.footage_reader import import_footage_file

    run = planted(store, SECRETS[:6])
    redact_texts(store, run, SECRETS[:6])
    redact_region(store, run, Region(0, 0, 50, 50))
    write_footage_file(store, [run], tmp_path / "a.footage")
    shutil.copy(tmp_path / "a.footage", tmp_path / "b.footage")
    with open_store(tmp_path / "b.db") as other:
        import_footage_file(other, tmp_path / "b.footage")
        assert other.steps(run)[0].redacted
        assert other.frames(run)[0].redacted == (Region(0, 0, 50, 50),)


KILLED = """
import os, signal, sys
from footage.storage import open_store
from footage.storage.redaction import redact as redaction
from footage.trajectory import Region

path, run, stage, kind = sys.argv[1:]

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(redaction, stage, die)
with open_store(path) as store:
    if kind == "text":
        redaction.redact_texts(store, run, ["hunter0-Zq0"])
    else:
        redaction.redact_region(store, run, Region(0, 0, 40, 40))
"""


@pytest.mark.parametrize(
    ("stage", "kind", "changed"),
    [
        ("hide_texts", "text", False),
        ("_note", "text", False),
        ("purge", "text", True),
        ("prove", "text", True),
        ("hide_pictures", "region", False),
        ("_note", "region", False),
        ("purge", "region", True),
    ],
)
def test_after_a_kill_all_is_changed_or_nothing(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], stage: str, kind: str, changed: bool
) -> None:
    run = planted(store, SECRETS[:6])
    before = every_row(store)
    store.close()
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    done = subprocess.run([sys.executable, script, store.path, run, stage, kind], check=False)
    assert done.returncode == -signal.SIGKILL
    with open_store(store.path) as again:
        assert verify_store(again).ok
        assert pending_redactions(again) == ([run] if changed else [])
        assert (
            f"footage redact --store {store.path} --finish"
            in " ".join(cli.call(capsys, "verify", "--store", store.path).out.split())
        ) is changed
        finish_redactions(again)
        assert pending_redactions(again) == []
        assert verify_store(again).ok
        if not changed:
            rows = every_row(again)
            assert {name: rows[name] for name in rows if name != "facet"} == {
                name: before[name] for name in before if name != "facet"
            }
        if kind == "text":
            assert again.steps(run)[0].redacted is changed
            assert bool(redact_texts(again, run, ["hunter0-Zq0"]).places) is not changed
        else:
            assert bool(again.frames(run)[0].redacted) is changed


def test_a_secret_is_given_on_standard_input(
    store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = planted(store, SECRETS[:6])
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(SECRETS[:3]) + "\n"))
    monkeypatch.setenv("OTHER", SECRETS[3])
    said = cli.call(capsys, "redact", run, "--text", "--env", "OTHER", "--store", store.path)
    assert said.code == 0
    assert "none found" in said.out
    assert f"Typed in run {run} at step 0-3: " in said.out
    assert SECRETS[0] not in said.out + said.err
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(SECRETS[3:6])))
    document = cli.call(capsys, "redact", run, "--text", "--dry-run", "--json", "--store", store.path).document
    assert document["places"]["typed text"] == 2
    assert document["proof"] is None
    assert cli.call(capsys, "redact", "--finish", "--json", "--store", store.path).document["finished"] == []


def test_a_secret_on_the_command_line_is_refused_and_not_repeated(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    run = planted(store, SECRETS[:6])
    said = cli.call(capsys, "redact", run, "--text", SECRETS[0], "--store", store.path)
    assert said.code == 2
    assert SECRETS[0] not in said.out + said.err
    assert "history" in said.err
    assert "--text < FILE" in said.err


@pytest.mark.parametrize(
    "words",
    [
        ["--text"],
        ["@1"],
        ["@1", "--text", "--region", "0,0,5,5"],
        ["@1", "--text", "--steps", "3"],
        ["@1", "--region", "0,0,5"],
        ["@1", "--region", "0,0,0,5"],
        ["@1", "--region", "0,0,5,5", "--steps", "7-3"],
        ["@1", "--env", "FOOTAGE_NO_SUCH_VARIABLE"],
        ["nosuchrun", "--region", "0,0,5,5"],
    ],
)
def test_what_makes_no_sense_is_refused(store: Store, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    planted(store, SECRETS[:6])
    before = every_row(store)
    assert cli.call(capsys, "redact", *words, "--store", store.path).code == 2
    assert every_row(store) == before
