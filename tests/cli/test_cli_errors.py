"""What goes wrong is one sentence and a hint, with the right exit code, and nothing is lost."""

from __future__ import annotations

import gc
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from cli import call, sample_in
from footage.cli import main
from footage.storage import open_store
from footage.trajectory import Action, RunKind, RunStatus, StepStatus

Capture = pytest.CaptureFixture[str]

FOOTAGE = Path(sys.executable).with_name("footage")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return sample_in(tmp_path)


READERS = [
    ["runs"],
    ["show"],
    ["diff", "@1", "@2"],
    ["verify"],
    ["replay", "@1"],
    ["fork", "@1", "--at", "0"],
    ["view"],
]
WRITERS = [["tag", "@1", "x"], ["note", "@1", "x"], ["outcome", "@1", "success"]]


@pytest.mark.parametrize("words", READERS + WRITERS, ids=lambda words: words[0])
def test_a_missing_store_is_said_and_not_made(capsys: Capture, tmp_path: Path, words: list[str]) -> None:
    said = call(capsys, *words, "--store", tmp_path / "none.db")
    assert said.code == 2
    assert said.err.startswith(f"footage: error: There is no store at {tmp_path / 'none.db'}.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [*READERS, ["demo", "--no-view"], ["agent", "x", "--model", "stand-in/careful"]])
def test_a_file_that_is_no_store_is_refused_and_left_alone(capsys: Capture, tmp_path: Path, words: list[str]) -> None:
    text = tmp_path / "letter.txt"
    text.write_text("Dear reader, " * 100)
    before = text.read_bytes()
    said = call(capsys, *words, "--store", text)
    assert said.code == 2
    assert "is not a store of footage" in said.err
    assert text.read_bytes() == before


def test_another_programs_database_is_refused(capsys: Capture, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE recipe (id INTEGER)")
    connection.close()
    said = call(capsys, "tag", "@1", "x", "--store", tmp_path / "other.db")
    assert said.code == 2
    assert "not a store of footage" in said.err


def test_a_folder_is_no_store(capsys: Capture, tmp_path: Path) -> None:
    said = call(capsys, "runs", "--store", tmp_path)
    assert said.code == 2
    assert "is a folder" in said.err


def test_a_newer_store_is_refused(capsys: Capture, store: Path) -> None:
    with sqlite3.connect(store) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    said = call(capsys, "runs", "--store", store, "--json")
    assert said.code == 2
    assert said.document["error"]["code"] == "store_too_new"


@pytest.mark.parametrize(
    "words",
    [["show", "zzz"], ["replay", "zzz"], ["fork", "zzz", "--at", "1"], ["diff", "@1", "zzz"], ["tag", "@9", "x"]],
    ids=lambda words: words[0],
)
def test_a_wrong_run_is_one_sentence_and_a_hint(capsys: Capture, store: Path, words: list[str]) -> None:
    said = call(capsys, *words, "--store", store)
    assert said.code == 2
    assert said.out == ""
    error, hint = said.err.splitlines()
    assert error.startswith("footage: error: There is no run ")
    assert hint.startswith(f"hint: `footage runs --store {store}` lists the runs")


def test_with_json_an_error_is_a_document(capsys: Capture, store: Path) -> None:
    said = call(capsys, "show", "zzz", "--store", store, "--json")
    assert said.code == 2
    assert said.document["error"] == {
        "code": "run_not_found",
        "message": f"There is no run 'zzz' in {store}.",
        "hint": f"`footage runs --store {store}` lists the runs.",
    }


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["shwo"], "No such command 'shwo'."),
        (["runs", "--colour"], "No such option '--colour'."),
        (["runs", "--limit", "none"], "'none' is not a valid integer range."),
        (["fork", "@1"], "Missing option '--at'."),
        (["tag", "@1"], "Missing argument 'TAGS...'."),
        (["fork", "@1", "--at", "1", "--system", "nowhere.txt"], "File 'nowhere.txt' does not exist."),
    ],
)
def test_wrong_usage_points_at_the_help(capsys: Capture, words: list[str], sentence: str) -> None:
    said = call(capsys, *words)
    assert said.code == 2
    assert sentence in said.err
    assert "--help`" in said.err
    assert call(capsys, *words, "--json").document["error"]["code"] == "usage"


def test_two_stores_at_once_are_refused(capsys: Capture, store: Path) -> None:
    assert call(capsys, "runs", "--sample", "--store", store, "--json").document["error"]["code"] == "usage"


def test_a_prompt_must_be_text(capsys: Capture, store: Path, tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_bytes(b"\xff\xfe\x00")
    said = call(capsys, "fork", "@1", "--at", "1", "--system", tmp_path / "prompt.txt", "--store", store)
    assert said.code == 2
    assert "no text in UTF-8" in said.err


def test_without_an_api_key_nothing_is_recorded(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    said = call(capsys, "agent", "Do it", "--store", tmp_path / "runs.db", "--json")
    assert said.code == 3
    assert said.document["error"]["code"] == "no_api_key"
    assert list(tmp_path.iterdir()) == []


def test_without_an_x_server_it_says_what_to_install(
    capsys: Capture, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    said = call(capsys, "replay", "@1", "--store", store)
    assert said.code == 3
    assert "Xvfb" in said.err
    assert len(call(capsys, "runs", "--store", store, "--json").document["runs"]) == 5


def test_an_unknown_machine_is_named(capsys: Capture, store: Path) -> None:
    said = call(capsys, "replay", "@1", "--machine", "toaster", "--store", store)
    assert said.code == 2
    machines = "desktop, vnc, qemu/desktop, qemu/installer"
    assert said.err == f"footage: error: There is no machine 'toaster'.\nhint: Machines: {machines}.\n"


def test_a_run_without_a_screen_cannot_be_replayed(capsys: Capture, tmp_path: Path) -> None:
    with open_store(tmp_path / "blind.db") as opened:
        writer = opened.begin_run(kind=RunKind.RECORDED, task="Blind")
        writer.finish(writer.intend(Action("key", {"text": "a"})), status=StepStatus.EXECUTED)
        writer.end(RunStatus.COMPLETED)
    said = call(capsys, "replay", "@1", "--store", tmp_path / "blind.db")
    assert said.code == 2
    assert "names no machine" in said.err


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("{", "--action is no JSON"),
        ("[1]", "must be a JSON object"),
        ('{"action": "moonwalk"}', "no computer action named 'moonwalk'"),
        ('{"action": "mouse_move"}', "mouse_move needs a valid `coordinate`"),
        ('{"name": "type", "arguments": {}}', "type needs a valid `text`"),
    ],
)
def test_an_action_that_makes_no_sense_is_refused(capsys: Capture, store: Path, document: str, sentence: str) -> None:
    said = call(capsys, "fork", "@1", "--at", "1", "--action", document, "--store", store)
    assert said.code == 2
    assert sentence in said.err


def test_a_step_that_is_not_there_cannot_be_forked(capsys: Capture, store: Path) -> None:
    said = call(capsys, "fork", "@1", "--at", "99", "--store", store)
    assert said.code == 2
    assert "has no step 99" in said.err


def test_a_bug_is_one_sentence_and_its_traceback_on_demand(
    capsys: Capture, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("\x1b[2Jnothing to divide")

    monkeypatch.setattr("footage.cli.commands.runs.open_for", broken)
    said = call(capsys, "runs", "--store", store)
    assert said.code == 3
    assert said.err.startswith("footage: error: ZeroDivisionError: \\x1b[2Jnothing to divide\nhint: This is a bug")
    monkeypatch.setenv("FOOTAGE_DEBUG", "1")
    assert "Traceback" in call(capsys, "runs", "--store", store).err


def test_a_full_disk_is_told_by_the_system(capsys: Capture, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/somewhere")

    monkeypatch.setattr("footage.cli.commands.runs.open_for", full)
    said = call(capsys, "runs", "--store", store)
    assert said.code == 3
    assert said.err == "footage: error: No space left on device: /somewhere.\n"


def test_ctrl_c_is_a_sentence(capsys: Capture, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("footage.cli.commands.runs.open_for", interrupted)
    assert main(["runs", "--store", str(store)]) == 130
    assert capsys.readouterr().err.strip().startswith("footage: error: Interrupted.")


def test_what_is_ignored_stays_ignored(capsys: Capture, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        monkeypatch.setattr("footage.cli.commands.runs.print_json", lambda _: os.kill(os.getpid(), signal.SIGHUP))
        assert call(capsys, "runs", "--store", store, "--json").code == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_was_half_made_does_not_complain(capsys: Capture, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Half:
        def __del__(self) -> None:
            raise AttributeError

    def interrupted(*_: object, **__: object) -> None:
        half = Half()
        raise KeyboardInterrupt(str(half is None))

    complaints: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)
    monkeypatch.setattr("footage.cli.commands.runs.open_for", interrupted)
    assert main(["runs", "--store", str(store)]) == 130
    gc.collect()
    assert complaints == []
    assert capsys.readouterr().err.strip().startswith("footage: error: Interrupted.")


def test_a_closed_pipe_is_quiet(store: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [FOOTAGE, "show", "--store", store, "--json"], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert done.stderr == ""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_unicode_gets_what_it_can_show(store: Path, encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([FOOTAGE, "show", "--store", store], env=environment, capture_output=True, check=True)
    assert b"\\u2713" in done.stdout


def test_the_viewer_ends_well_with_ctrl_c(store: Path) -> None:
    with subprocess.Popen(
        [FOOTAGE, "view", "@1", "--store", store], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as viewer:
        assert viewer.stdout is not None
        address = viewer.stdout.readline()
        viewer.send_signal(signal.SIGINT)
        try:
            _, errors = viewer.communicate(timeout=20)
        finally:
            viewer.kill()
    assert viewer.returncode == 0
    assert errors == "Ctrl-C stops the viewer.\n"
    run = json.loads(subprocess.check_output([FOOTAGE, "show", "@1", "--store", store, "--json"]))["run"]["id"]
    assert f"/runs/{run}?token=" in address


def test_another_commands_json_option_is_not_ours(capsys: Capture, tmp_path: Path) -> None:
    said = call(capsys, "record", "--store", tmp_path, "--", "true", "--json")
    assert said.code == 2
    assert said.err.startswith("footage: error: ")


INTERRUPTED = """
import os, signal, sys

class Finder:
    def find_spec(self, name, *_):
        if name == "click":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
from footage.cli import main
sys.exit(main())
"""


def test_ctrl_c_while_the_program_is_being_loaded_ends_it_without_a_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


def test_a_program_that_loads_the_command_line_keeps_its_own_ctrl_c() -> None:
    script = "import footage.cli, signal; assert signal.getsignal(signal.SIGINT) is signal.default_int_handler"
    subprocess.run([sys.executable, "-c", script], check=True)
