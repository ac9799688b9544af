"""A run in ATIF: by the format's rules, and with what the run holds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atif_schema import Step, Trajectory
from cli import call, sample_in
from families import full_family
from footage.errors import UsageError
from footage.interchange.exporters.atif_writer import write_atif
from footage.sample import sample_path
from footage.storage import Store, open_store
from footage.trajectory import Action, FrameRole, StepStatus
from viewer_samples import record_story, write_hostile


def exported(store: Store, run: str, folder: Path) -> Trajectory:
    made = write_atif(store, run, folder / "t.json", overwrite=True)
    document = Trajectory.model_validate_json(made.path.read_text("utf-8"))
    assert made.steps == len(document.steps)
    return document


def test_every_run_of_the_sample_is_a_valid_document(tmp_path: Path) -> None:
    with open_store(sample_in(tmp_path)) as store:
        for run in store.runs():
            document = exported(store, run.id, tmp_path)
            calls = [one for step in document.steps for one in step.tool_calls or ()]
            assert len(calls) == run.steps
            assert document.session_id == run.id
            assert document.steps[0].message == run.task


def test_replies_calls_and_results_stand_together(store: Store, tmp_path: Path) -> None:
    run = record_story(store)
    document = exported(store, run, tmp_path)
    steps, turns = store.steps(run), store.turns(run)
    replies = [step for step in document.steps if step.llm_call_count == 1]
    assert [step.message for step in replies] == [turn.text for turn in turns]
    clicked = replies[1]
    assert clicked.tool_calls
    assert clicked.tool_calls[0].arguments == {"action": "left_click", "coordinate": [441, 499]}
    assert clicked.reasoning_content == turns[1].thinking
    assert shown(clicked, tmp_path).tolist() == store.pixels(steps[1].frames[FrameRole.AFTER][0].picture).tolist()
    assert document.final_metrics
    total = sum(turn.usage.get("output_tokens", 0) for turn in turns)
    assert document.final_metrics.total_completion_tokens == (total or None)


def shown(step: Step, folder: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    assert step.observation
    parts = step.observation.results[0].content
    assert isinstance(parts, list)
    (source,) = [part.source for part in parts if part.source]
    return np.asarray(Image.open(folder / source.path))


def test_each_picture_is_written_once(store: Store, tmp_path: Path) -> None:
    run = full_family(store)
    made = write_atif(store, run, tmp_path / "t.json")
    pictures = {frame.picture for frame in store.frames(run)}
    assert made.folder
    assert len(list(made.folder.iterdir())) == made.pictures == len(pictures)
    assert made.bytes == sum(p.stat().st_size for p in [made.path, *made.folder.iterdir()])


def test_a_run_without_a_model_and_one_in_batches(store: Store, tmp_path: Path) -> None:
    writer = store.begin_run()
    for index in range(2):
        writer.finish(
            writer.intend(Action("wait", {"duration": 1}), call_id="batch", call_index=index),
            status=StepStatus.EXECUTED,
        )
    writer.end()
    document = exported(store, writer.run_id, tmp_path)
    assert [step.llm_call_count for step in document.steps] == [0, 0]


def test_hostile_texts_stay_texts(store: Store, tmp_path: Path) -> None:
    for run in write_hostile(store, ["\x00 </script> ../../x", "a" * 5000])[:4]:
        exported(store, run, tmp_path)
    assert {path.name for path in tmp_path.iterdir() if "-images" in path.name} == {"t-images"}


def test_half_of_a_surrogate_pair_is_escaped(store: Store, tmp_path: Path) -> None:
    writer = store.begin_run()
    writer.finish(writer.intend(Action("type", {"text": "a \ud800 b"})), status=StepStatus.EXECUTED)
    writer.end()
    write_atif(store, writer.run_id, tmp_path / "t.json")
    (step,) = json.loads((tmp_path / "t.json").read_text("utf-8"))["steps"]
    assert step["tool_calls"][0]["arguments"]["text"] == "a \ud800 b"


def test_an_empty_run_is_refused_and_nothing_is_overwritten(store: Store, tmp_path: Path) -> None:
    writer = store.begin_run()
    writer.end()
    with pytest.raises(UsageError, match="is empty"):
        write_atif(store, writer.run_id, tmp_path / "t.json")
    assert not (tmp_path / "t.json").exists()
    run = full_family(store)
    (tmp_path / "t-images").mkdir()
    with pytest.raises(UsageError, match="t-images exists already"):
        write_atif(store, run, tmp_path / "t.json")


def test_it_is_imported_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "out" / "t.json"
    made.parent.mkdir()
    document = call(capsys, "export", "@1", "-o", made, "--store", sample_path(), "--json").document
    assert document["to"] == "atif"
    found = call(capsys, "import", made, "--store", tmp_path / "b.db", "--json").document
    (run,) = found["imported"]
    assert run["format"] == "atif"
    before = call(capsys, "show", document["runs"][0], "--store", sample_path(), "--json").document["steps"]
    after = call(capsys, "show", run["run"], "--store", tmp_path / "b.db", "--json").document["steps"]
    assert [step["action"]["name"] for step in after] == [step["action"]["name"] for step in before]
    assert [step["result"]["text"] for step in after] == [step["result"]["text"] for step in before]
    assert json.dumps(found["skipped"]) == "[]"


def test_what_was_exported_is_known_where_it_came_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = sample_in(tmp_path)
    run = call(capsys, "export", "@1", "-o", tmp_path / "t.json", "--store", store, "--json").document["runs"][0]
    again = call(capsys, "import", tmp_path / "t.json", "--store", store, "--json")
    assert (again.code, again.document["imported"]) == (0, [])
    assert again.document["skipped"][0]["reason"] == f"it is in the store already, as run {run}"
    with open_store(store) as opened:
        assert opened.count_runs() == 5


def test_a_page_is_no_recording_and_told_what_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, "export", "@1", "-o", tmp_path / "t.html", "--store", sample_path())
    (tmp_path / "other.html").write_text("<!DOCTYPE html><p>Hello")
    for name, told in (("t.html", "import the run's .footage file"), ("other.html", "it is a web page")):
        said = call(capsys, "import", tmp_path / name, "--store", tmp_path / "b.db", "--json")
        assert said.code == 2
        assert told in said.document["skipped"][0]["reason"]


def test_one_run_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("t.json", "t.html"):
        said = call(capsys, "export", "@1", "@2", "-o", tmp_path / name, "--store", sample_path())
        assert said.code == 2
        assert "one run" in said.err
    made = tmp_path / "t.html"
    document = call(capsys, "export", "@1", "-o", made, "--store", sample_path(), "--json").document
    assert (document["to"], document["bytes"]) == ("html", made.stat().st_size)
