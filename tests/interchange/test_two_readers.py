"""A result read while recording, and the same result read from a file, come to the same status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from footage.interchange.importers import import_paths
from footage.recorder.recording import record
from footage.storage import open_store
from recording import call, reply, request, result, said, text, user


@pytest.mark.parametrize("words", ["Not executed: an earlier action failed.", "no such window", "\n not executed"])
def test_a_failed_result_has_the_same_status_recorded_and_imported(tmp_path: Path, words: str) -> None:
    calls = [call(name, action="left_click", coordinate=[5, 5]) for name in "ab"]
    answers = [result("a", text("no such place")) | {"is_error": True}, result("b", text(words)) | {"is_error": True}]
    history = [user("Go"), said(*calls), user(answers)]
    dump = tmp_path / "dump.json"
    dump.write_text(json.dumps(request(*history, said(text("ok")))))
    with open_store(tmp_path / "runs.db") as store:
        with record("Go", store=store) as run:
            run.turn(request(history[0]), reply(*calls, message_id="m1"))
            run.turn(request(*history), reply(text("ok"), message_id="m2"))
        (imported,) = import_paths(store, [dump]).imported
        assert [(step.status, step.error) for step in store.steps(run.id)] == [
            (step.status, step.error) for step in store.steps(imported.run)
        ]
