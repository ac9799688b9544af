"""`footage import` on the command line: its table, its document, its exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from anthropic_recordings import dumps
from cli import call
from footage.storage import RunWriter, open_store
from footage.trajectory import RunKind

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    dumps(tmp_path / "recordings/t6")
    (tmp_path / "recordings/settings.json").write_text('{"theme": "dark"}')
    return tmp_path / "recordings"


def test_the_document_names_runs_and_what_was_left_out(capsys: Capture, recordings: Path, tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    said = call(capsys, "import", recordings, "--tag", "song", "--store", store, "--json")
    assert said.code == 0
    (made,) = said.document["imported"]
    assert (made["path"], made["format"], made["steps"]) == (str(recordings / "t6"), "anthropic-messages", 3)
    assert said.document["skipped"] == [
        {"path": str(recordings / "settings.json"), "reason": "it is none of the formats that footage knows"}
    ]
    with open_store(store) as opened:
        run = opened.run(made["run"])
        assert (run.kind, run.tags, run.trusted) == (RunKind.IMPORTED, ("song",), False)


def test_the_table_is_for_people_and_a_second_time_adds_nothing(
    capsys: Capture, recordings: Path, tmp_path: Path
) -> None:
    store = tmp_path / "runs.db"
    first = call(capsys, "import", recordings, "--store", store)
    assert "anthropic-messages" in first.out
    assert f"not imported: {recordings / 'settings.json'}: it is none of the formats" in first.out
    assert "1 imported, 0 in the store already" in first.out
    second = call(capsys, "import", recordings, "--store", store)
    assert (second.code, second.out.splitlines()[-1]) == (0, "0 imported, 1 in the store already")
    assert f"{recordings / 't6'}: it is in the store already, as run " in second.out
    shown = call(capsys, "show", "@1", "--store", store)
    assert "imported from anthropic-messages" in shown.out


def test_nothing_to_import_is_an_input_error(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    store = tmp_path / "runs.db"
    assert call(capsys, "import", tmp_path / "empty", "--store", store).code == 2
    missing = call(capsys, "import", tmp_path / "nothing", "--store", store)
    assert missing.code == 2
    assert "There is no file or folder" in missing.err
    assert call(capsys, "import", tmp_path, "--format", "unheard-of", "--store", store).code == 2
    with open_store(store) as opened:
        assert opened.count_runs() == 0


def test_an_import_that_is_interrupted_leaves_whole_runs_only(
    capsys: Capture, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "runs.db"

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(RunWriter, "finish", interrupted)
        assert call(capsys, "import", recordings, "--store", store).code == 130
    with open_store(store) as opened:
        assert opened.count_runs() == 0
        assert opened.database.rows("SELECT id FROM picture UNION ALL SELECT id FROM document") == []
    assert "1 imported, 0 in the store already" in call(capsys, "import", recordings, "--store", store).out
