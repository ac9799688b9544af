"""Runs that others recorded: not replayed until a person has seen what they would do, and said yes."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import call
from footage.errors import UsageError
from footage.replay.engine import check_replayable
from footage.storage import Store, open_store
from footage.trajectory import Action, StepStatus


@pytest.fixture
def foreign(tmp_path: Path) -> tuple[Path, str]:
    """Return a store with a run that was imported, and its id."""
    path = tmp_path / "runs.db"
    with open_store(path) as store:
        writer = store.begin_run(task="a \x1b[31mtask", machine={"driver": "desktop"}, trusted=False)
        for action in (Action("screenshot"), Action("type", {"text": "rm -rf ~\n\u202e"})):
            writer.finish(writer.intend(action), status=StepStatus.EXECUTED)
        writer.finish(writer.intend(Action("left_click")), status=StepStatus.NOT_EXECUTED)
        writer.end()
        return path, writer.run_id


def trusted(path: Path, run: str) -> bool:
    with open_store(path) as store:
        return store.run(run).trusted


def test_an_untrusted_run_is_not_replayed(store: Store) -> None:
    writer = store.begin_run(machine={"driver": "desktop"}, trusted=False)
    writer.finish(writer.intend(Action("wait")), status=StepStatus.EXECUTED)
    writer.end()
    with pytest.raises(UsageError, match="not trusted") as told:
        check_replayable(store.run(writer.run_id))
    assert told.value.hint == f"footage trust {writer.run_id}"
    store.set_trusted(writer.run_id, True)
    check_replayable(store.run(writer.run_id))


def test_what_it_would_do_is_shown(foreign: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    path, run = foreign
    said = call(capsys, "trust", run, "--yes", "--store", path)
    assert said.code == 0
    assert "1 actions" in said.out
    assert 'type {"text": "rm -rf ~\\n\\u202e"}' in said.out
    assert "screenshot" not in said.out
    assert "\x1b" not in said.out
    assert trusted(path, run)


def test_nobody_to_ask_is_no_yes(foreign: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    path, run = foreign
    said = call(capsys, "trust", run, "--store", path)
    assert said.code == 2
    assert f"footage trust --store {path} {run} --yes" in said.err
    assert not trusted(path, run)


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1)])
def test_a_person_decides(
    foreign: tuple[Path, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
) -> None:
    path, run = foreign
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", lambda *_: answer == "y\n")
    assert call(capsys, "trust", run, "--store", path).code == code
    assert trusted(path, run) is (code == 0)


def test_trust_is_taken_back(foreign: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    path, run = foreign
    document = call(capsys, "trust", run, "--yes", "--json", "--store", path).document
    assert document["trusted"]
    assert [action["action"] for action in document["actions"]] == ["type"]
    assert not call(capsys, "trust", run, "--revoke", "--json", "--store", path).document["trusted"]
    assert not trusted(path, run)
