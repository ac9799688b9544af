"""Stores of every version that was ever written, as they were written (by scripts/make-frozen-store.py)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from footage.storage import open_store, verify_store
from footage.storage.file.database import SCHEMA_VERSION
from footage.trajectory import FrameRole, Space
from places import STORES

OLD = sorted(STORES.glob("*.db"))


@pytest.fixture(params=OLD, ids=lambda path: path.stem)
def frozen(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copy(request.param, tmp_path))


def test_there_is_a_frozen_store_of_every_version_before_this_one() -> None:
    assert [path.stem for path in OLD] == [f"v{number}" for number in range(1, SCHEMA_VERSION)]


@pytest.mark.parametrize("readonly", [True, False])
def test_an_old_store_is_read_as_it_was_written(frozen: Path, readonly: bool) -> None:
    before = frozen.read_bytes()
    with open_store(frozen, readonly=readonly) as store:
        (run,) = store.runs()
        assert (run.task, run.status, run.steps, run.turns, run.tags) == ("a task", "completed", 1, 2, ("old",))
        (step,) = store.steps(run.id)
        assert (step.action.name, step.action.point, step.result_text) == ("left_click", (10, 20), "Clicked.")
        shades = {role: int(store.pixels(frames[0].picture)[0, 0, 0]) for role, frames in step.frames.items()}
        assert shades == {FrameRole.BEFORE: 9, FrameRole.OBSERVED: 40}
        assert [turn.text for turn in store.turns(run.id)] == ["I click.", "Done."]
        requests = [store.request(turn.id, pictures=True) for turn in store.turns(run.id)]
        assert [len(request["messages"]) for request in requests if request] == [1, 3]
        assert [(gap.reason, gap.lost) for gap in store.gaps(run.id)] == [("as an example", 2)]
        assert (step.action.space, step.source_step) == (Space(32, 24, 64, 48), None)
        assert step.delivered == (("move", 10, 20), ("button_down", 1), ("button_up", 1))
        assert [(outcome.value, outcome.source) for outcome in run.outcomes] == [("success", "self")]
        assert [(note.text, note.step) for note in store.notes(run.id)] == [("a remark", 0)]
        assert [conversation.label for conversation in store.conversations(run.id)] == ["main"]
        assert store.raw_exchanges(run.id) == []
        assert verify_store(store).ok
    if readonly:
        assert frozen.read_bytes() == before


def test_a_migrated_store_takes_new_runs(frozen: Path) -> None:
    with open_store(frozen) as store:
        writer = store.begin_run(task="another")
        writer.end()
        assert [run.task for run in store.runs()] == ["another", "a task"]
        assert store.database.rows("PRAGMA user_version")[0][0] == SCHEMA_VERSION
