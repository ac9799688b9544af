"""`footage record -- CMD`: agents of several kinds, recorded as they are."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from footage.recorder.kept_out import REMOVED
from footage.recorder.proxy.relay_process.client_connection import ENDED
from footage.recorder.proxy.writer_process.observers import AHEAD
from footage.storage import open_store
from footage.storage.rows.to_rows import task_id_of
from footage.trajectory import StepStatus
from places import AGENT_LOOPS
from record_command import FOOTAGE, PATHS, environment
from recording import Recorded, Tape, reply, result, said, user
from scripted_service import Scripted
from service import Service, asked, click, text

CLICKS = ([text("I click."), click("a", 10, 20)], [click("b", 30, 40), click("c", 5, 6)], [text("Done.")])


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(*CLICKS) as running:
        yield running


def recorded(
    folder: Path, service: Service, *command: str, options: tuple[str, ...] = (), more: Mapping[str, str] | None = None
) -> tuple[subprocess.CompletedProcess[str], Recorded]:
    """Record a command and read the run back."""
    path = folder / "footage.db"
    argv = [*FOOTAGE, "record", "--store", str(path), *options, "--", *command]
    done = subprocess.run(argv, env=environment(service, **more or {}), capture_output=True, text=True, check=False)
    with open_store(path) as store:
        (run,) = store.runs()
    return done, Recorded(path, run.id)


def told(seen: Recorded) -> list[tuple[Any, ...]]:
    """Return what a run's steps are, apart from when."""
    return [(s.action.title, s.action.point, s.call_id, s.turn, s.status, s.result_text) for s in seen.steps]


def by_hand(folder: Path) -> Recorded:
    """Return the same run as recorded by the explicit API."""
    tape, messages = Tape(folder), [user("Add two numbers")]
    for number, content in enumerate(CLICKS):
        tape.run.turn(asked(*messages), reply(*content, message_id=f"msg_{number}"))
        calls = [block["id"] for block in content if block["type"] == "tool_use"]
        messages += [said(*content), user([result(each, text("Clicked.")) for each in calls])]
    return tape.read()


LOOPS = {
    "demo": [sys.executable, str(AGENT_LOOPS / "demo_loop.py")],
    "runner": [sys.executable, str(AGENT_LOOPS / "runner_loop.py"), "whole"],
    "threads": [sys.executable, str(AGENT_LOOPS / "runner_loop.py")],
    "curl": ["sh", str(AGENT_LOOPS / "curl_loop.sh"), "false"],
    "node": ["node", str(AGENT_LOOPS / "node_loop.mjs")],
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", LOOPS)
def test_every_kind_of_loop_records_the_steps_that_the_explicit_api_does(
    tmp_path: Path, service: Service, kind: str, stream: bool
) -> None:
    command = LOOPS[kind]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    argv = [word.replace("false", "true") for word in command] + ["stream"] if stream else command
    done, seen = recorded(tmp_path, service, *argv)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    (tmp_path / "hand").mkdir()
    expected = by_hand(tmp_path / "hand")
    assert told(seen) == told(expected)
    assert [(t.text, t.conversation) for t in seen.turns] == [(t.text, t.conversation) for t in expected.turns]
    assert seen.requests == service.requests
    assert {turn.conversation for turn in seen.turns} == {0}


ATTACHED = """
    import anthropic, footage
    from recording import said, user, result
    from service import asked, text

    with footage.record("inside", tags=["inside"]) as run:
        client = run.attach(anthropic.Anthropic(api_key="none"))
        messages = [user("Add two numbers")]
        while True:
            reply = client.messages.create(**asked(*messages)).model_dump(mode="json", exclude_unset=True)
            calls = [block for block in reply["content"] if block["type"] == "tool_use"]
            if not calls:
                break
            for each in calls:
                with run.step("left_click", call=each["id"], coordinate=each["input"]["coordinate"]) as step:
                    step.text = "Done it."
            results = [result(each["id"], text("Clicked.")) for each in calls]
            messages += [said(*reply["content"]), user(results)]
        print(run.id)
"""
BY_HAND = """
    import anthropic, footage
    from recording import said, user, result
    from service import asked, text

    client = anthropic.Anthropic(api_key="none")
    messages = [user("Add two numbers")]
    with footage.record() as run:
        while True:
            body = asked(*messages)
            reply = client.messages.create(**body).model_dump(mode="json", exclude_unset=True)
            run.turn(body, reply)
            calls = [block["id"] for block in reply["content"] if block["type"] == "tool_use"]
            if not calls:
                break
            messages += [said(*reply["content"]), user([result(each, text("Clicked.")) for each in calls])]
        print(run.id)
"""


@pytest.mark.parametrize("script", [ATTACHED, BY_HAND], ids=["attached", "by hand"])
def test_what_two_layers_see_is_recorded_once(tmp_path: Path, service: Service, script: str) -> None:
    done, seen = recorded(tmp_path, service, sys.executable, "-c", textwrap.dedent(script))
    assert (done.returncode, done.stdout.strip()) == (0, seen.run.id), done.stderr
    assert [(s.call_id, s.turn, s.status) for s in seen.steps] == [
        ("a", 0, StepStatus.EXECUTED),
        ("b", 1, StepStatus.EXECUTED),
        ("c", 1, StepStatus.EXECUTED),
    ]
    assert [(t.text, t.conversation, len(t.attempts)) for t in seen.turns] == [
        ("I click.", 0, 1),
        ("", 0, 1),
        ("Done.", 0, 1),
    ]
    assert seen.labels == [""]
    assert (seen.run.status, [gap for gap in seen.gaps if gap.reason != AHEAD]) == ("completed", [])
    if script is ATTACHED:
        assert all(step.started and step.ended for step in seen.steps)
        assert seen.run.tags == ("inside",)


TYPING = """
    import footage
    from footage.trajectory import Action

    with footage.record(secrets={secrets}) as run, run.step(Action("type", {{"text": "open sesame"}})):
        pass
"""


def test_a_secret_named_for_the_command_is_kept_out_by_the_layer_inside_it(tmp_path: Path, service: Service) -> None:
    script = textwrap.dedent(TYPING.format(secrets=[]))
    more, options = {"LOGIN": "open sesame"}, ("--secret", "LOGIN")
    done, seen = recorded(tmp_path, service, sys.executable, "-c", script, more=more, options=options)
    assert [step.action.arguments["text"] for step in seen.steps] == [REMOVED], done.stderr
    assert "--secret" not in done.stderr


def test_of_a_secret_named_only_inside_a_command_it_is_said_that_the_proxy_does_not_know_it(
    tmp_path: Path, service: Service
) -> None:
    script = textwrap.dedent(TYPING.format(secrets=["open sesame"]))
    done, seen = recorded(tmp_path, service, sys.executable, "-c", script)
    assert [step.action.arguments["text"] for step in seen.steps] == [REMOVED]
    assert "footage record --secret" in done.stderr


def test_a_client_that_goes_around_the_proxy_is_recorded_in_the_same_run(tmp_path: Path, service: Service) -> None:
    around = ATTACHED.replace('api_key="none"', 'api_key="none", base_url=__import__("os").environ["REAL"]')
    more = {"REAL": service.url}
    done, seen = recorded(tmp_path, service, sys.executable, "-c", textwrap.dedent(around), more=more)
    assert done.returncode == 0, done.stderr
    assert [step.call_id for step in seen.steps] == ["a", "b", "c"]
    assert [turn.text for turn in seen.turns] == ["I click.", "", "Done."]
    assert "no request" not in done.stderr


@pytest.mark.parametrize(("code", "status"), [(0, "completed"), (3, "errored")])
def test_the_exit_code_is_the_commands(tmp_path: Path, service: Service, code: int, status: str) -> None:
    done, seen = recorded(tmp_path, service, "sh", "-c", f"echo out; exit {code}")
    assert (done.returncode, done.stdout, seen.run.status) == (code, "out\n", status)
    assert "no request passed the proxy" in done.stderr


def test_the_command_finds_run_store_and_proxy(tmp_path: Path, service: Service) -> None:
    options = ("--task", "Look around", "--task-id", "t1", "--tag", "x", "--provider", "openai")
    done, seen = recorded(tmp_path, service, "env", options=options, more={"NO_PROXY": "corp.example"})
    found = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert found["FOOTAGE_RUN"] == seen.run.id
    assert found["FOOTAGE_STORE"] == str(tmp_path / "footage.db")
    assert found["ANTHROPIC_BASE_URL"] == f"{found['FOOTAGE_PROXY']}/run/{seen.run.id}"
    assert found["OPENAI_BASE_URL"] == f"{found['FOOTAGE_PROXY']}/run/{seen.run.id}/via/openai"
    assert found["NO_PROXY"] == "corp.example,127.0.0.1,localhost"
    assert (seen.run.task, seen.run.task_id, seen.run.tags) == ("Look around", "t1", ("x",))


NAMED = ("--task", "Sums", "--task-id", "t1")
ASKING = """
    import anthropic
    from recording import user
    from service import asked, text

    client = anthropic.Anthropic(api_key="none")
    without = {name: value for name, value in asked(user("Is this a greeting?")).items() if name != "tools"}
    client.messages.create(**without)
    for words in ("Add two numbers", "Something else"):
        client.messages.create(**asked(user([text("Be brief."), text(words)])))
"""


def test_the_task_is_what_the_agent_says_to_a_model_with_tools_where_nobody_named_one(
    tmp_path: Path, service: Service
) -> None:
    done, seen = recorded(tmp_path, service, sys.executable, "-c", textwrap.dedent(ASKING))
    assert done.returncode == 0, done.stderr
    assert seen.run.task == "Be brief.\n\nAdd two numbers"
    (tmp_path / "named").mkdir()
    _, named = recorded(tmp_path / "named", service, sys.executable, "-c", textwrap.dedent(ASKING), options=NAMED)
    assert (named.run.task, named.run.task_id) == ("Sums", "t1")
    with open_store(tmp_path / "footage.db") as store:
        assert [run.id for run in store.runs(text="brief")] == [seen.run.id]
        assert seen.run.task_id == task_id_of(seen.run.task)


def test_the_name_of_a_run_holds_no_arguments(tmp_path: Path, service: Service) -> None:
    _, seen = recorded(tmp_path, service, "sh", "-c", "exit 0", "--password=hunter2")
    assert seen.run.task == "sh"
    assert not any(b"hunter2" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_reach_the_command(tmp_path: Path, service: Service, number: signal.Signals) -> None:
    script = f"trap 'echo caught; exit 5' {number.name.removeprefix('SIG')}; echo ready; while :; do sleep 0.05; done"
    argv = [*FOOTAGE, "record", "--store", str(tmp_path / "footage.db"), "--", "bash", "-c", script]
    process = subprocess.Popen(
        argv, env=environment(service), stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert (out, process.returncode) == ("caught\n", 5)


def test_a_command_that_a_signal_ended_is_told_as_shells_do(tmp_path: Path, service: Service) -> None:
    done, seen = recorded(tmp_path, service, "sh", "-c", "kill -TERM $$")
    assert (done.returncode, seen.run.status) == (143, "interrupted")


LEFT_BEHIND = """
    import os, subprocess, sys, urllib.request

    if len(sys.argv) > 1:  # what the command left in the background
        urllib.request.urlopen(os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages", b"{}", timeout=100)
    else:
        subprocess.Popen([sys.executable, __file__, "ask"], stderr=subprocess.DEVNULL)
        sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("number", "code", "status"), [(signal.SIGINT, 0, "completed"), (signal.SIGTERM, 143, "interrupted")]
)
def test_ctrl_c_ends_the_wait_for_a_reply_that_does_not_come_and_another_signal_the_recording(
    tmp_path: Path, number: signal.Signals, code: int, status: str
) -> None:
    path, agent = tmp_path / "footage.db", tmp_path / "agent.py"
    agent.write_text(textwrap.dedent(LEFT_BEHIND))
    argv = [*FOOTAGE, "record", "--store", str(path), "--", sys.executable, str(agent)]
    with Scripted(b"") as silent:
        more = {"ANTHROPIC_BASE_URL": silent.url, "PYTHONPATH": PATHS}
        pipe = subprocess.PIPE
        with subprocess.Popen(argv, env=os.environ | more, text=True, stdin=pipe, stderr=pipe) as recorder:
            assert recorder.stdin is not None
            assert recorder.stderr is not None
            while not silent.bodies:
                time.sleep(0.01)
            recorder.stdin.close()
            assert any("waiting for a reply" in line for line in recorder.stderr)
            recorder.send_signal(number)
            said = recorder.stderr.read()
            assert recorder.wait(60) == code, said
    with open_store(path) as store:
        (run,) = store.runs()
        (turn,) = store.turns(run.id)
        assert (run.status, [attempt.error for attempt in turn.attempts]) == (status, [ENDED])
        assert not store.gaps(run.id)


def test_the_command_line_loads_nothing_that_only_its_processes_need(tmp_path: Path) -> None:
    script = "import sys; from footage.cli import main; main(sys.argv[1:]); print('loaded:', *sys.modules)"
    argv = [sys.executable, "-c", script, "record", "--store", str(tmp_path / "footage.db"), "--", "true"]
    loaded = subprocess.check_output(argv, text=True).rpartition("loaded:")[2].split()
    assert not {"numpy", "PIL", "rich", "sqlite_utils", "asyncio", "footage.storage.store"} & set(loaded)


@pytest.mark.parametrize(
    ("command", "said"),
    [("no-such-command", "There is no command 'no-such-command'."), (str(Path(__file__).parent), "no program that")],
)
def test_a_command_that_cannot_be_run_begins_no_run(tmp_path: Path, service: Service, command: str, said: str) -> None:
    argv = [*FOOTAGE, "record", "--store", str(tmp_path / "runs.db"), "--", command]
    done = subprocess.run(argv, env=environment(service), capture_output=True, text=True, check=False)
    assert (done.returncode, said in done.stderr) == (2, True)
    assert not (tmp_path / "runs.db").exists()


def test_a_store_that_cannot_be_written_does_not_keep_the_agent_from_running(service: Service) -> None:
    store = "/proc/nowhere/footage.db"
    argv = [*FOOTAGE, "record", "--store", store, "--", *LOOPS["curl"]]
    done = subprocess.run(argv, env=environment(service), capture_output=True, text=True, check=False)
    assert (done.returncode, len(service.requests)) == (0, 3)
    assert "cannot be recorded" in done.stderr
    assert done.stderr.endswith("Nothing of this run could be stored.\n")


FILLING = """
    import contextlib, json, os, sys, time, urllib.request

    def ask(words):
        body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": words}]}
        address = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"
        urllib.request.urlopen(address, json.dumps(body).encode()).read()

    ballast = sys.argv[1]
    ask("Look.")
    with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    ask(os.urandom(500_000).hex())
    while sys.argv[2:] and os.path.exists(ballast):
        time.sleep(0.05)
"""
"""An agent that fills the disk; with a second argument it goes on until somebody makes room."""


def filling(disk: Path, *more: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(FILLING), str(disk / "ballast"), *more]


def test_a_disk_that_is_full_to_the_end_is_told_at_the_end(small_disk: Path, service: Service) -> None:
    argv = [*FOOTAGE, "record", "--store", str(small_disk / "footage.db"), "--", *filling(small_disk)]
    done = subprocess.run(argv, env=environment(service), capture_output=True, text=True, check=False)
    assert (done.returncode, len(service.requests)) == (0, 2)
    (told,) = [line for line in done.stderr.splitlines() if "Not everything of run" in line]
    assert re.search(r"\(No room left on the disk of .*\): \d+ events are lost, its end among them\.", told)
    assert "no request passed" not in done.stderr


def test_a_disk_that_was_full_for_a_while_is_told_at_the_end(small_disk: Path, service: Service) -> None:
    argv = [*FOOTAGE, "record", "--store", str(small_disk / "footage.db"), "--", *filling(small_disk, "wait")]
    recorder = subprocess.Popen(argv, env=environment(service), stderr=subprocess.PIPE, text=True)
    assert recorder.stderr is not None
    assert any("could not be recorded" in line for line in recorder.stderr)
    (small_disk / "ballast").unlink()
    _, said = recorder.communicate(timeout=60)
    with open_store(small_disk / "footage.db") as store:
        (run,) = store.runs()
        lost = sum(gap.lost or 0 for gap in store.gaps(run.id) if gap.reason != AHEAD)
    assert (recorder.returncode, run.status) == (0, "completed")
    assert f"{lost} event{'s are' if lost > 1 else ' is'} lost. The run has gaps." in said


def test_the_proxy_alone_tells_what_is_lost_of_each_run(small_disk: Path, service: Service) -> None:
    argv = [*FOOTAGE, "proxy", "--store", str(small_disk / "footage.db")]
    piped = subprocess.PIPE
    proxy = subprocess.Popen(argv, env=environment(service), text=True, stdout=piped, stderr=piped)
    assert proxy.stdout is not None
    assert proxy.stderr is not None
    address = proxy.stdout.readline().strip().removeprefix("ANTHROPIC_BASE_URL=").replace("NAME", "one")
    with urllib.request.urlopen(f"{address}/v1/messages", json.dumps(asked(user("Look."))).encode()) as response:
        response.read()
    while not proxy.stderr.readline().startswith("one: run "):  # until then there is no store on the disk
        pass
    subprocess.run(filling(small_disk), env=os.environ | {"ANTHROPIC_BASE_URL": address}, check=True)
    proxy.send_signal(signal.SIGINT)
    _, said = proxy.communicate(timeout=60)
    assert re.search(r"Not everything of run \w+ could be stored \(No room .*, its end among them\.", said)


def test_the_proxy_alone_serves_several_agents(tmp_path: Path, service: Service) -> None:
    path = tmp_path / "footage.db"
    argv = [*FOOTAGE, "proxy", "--store", str(path), "--tag", "many"]
    proxy = subprocess.Popen(argv, env=environment(service), stdout=subprocess.PIPE, text=True)
    assert proxy.stdout is not None
    address = proxy.stdout.readline().strip().removeprefix("ANTHROPIC_BASE_URL=")
    agents = [
        subprocess.Popen(
            LOOPS["curl"], env=environment(service) | {"ANTHROPIC_BASE_URL": address.replace("NAME", name)}
        )
        for name in ("one", "two")
    ]
    assert [agent.wait(30) for agent in agents] == [0, 0]
    proxy.send_signal(signal.SIGINT)
    proxy.communicate(timeout=20)
    with open_store(path) as store:
        runs = {run.tags: (run.status, run.steps, run.turns, run.task) for run in store.runs()}
    told = ("completed", 3, 3, "Add two numbers")
    assert runs == {("many", "one"): told, ("many", "two"): told}, "named by what is asked; the path's name is a tag"


@pytest.mark.desktop
def test_a_machine_for_the_command_is_found_and_its_screen_recorded(tmp_path: Path, service: Service) -> None:
    script = tmp_path / "agent.sh"
    ask = json.dumps(asked(user("Add two numbers")))
    again = json.dumps(asked(user("Add two numbers"), said(*CLICKS[0]), user([result("a", text("Clicked."))])))
    script.write_text(
        f"""set -e
        curl -sS --fail -d '{ask}' "$ANTHROPIC_BASE_URL/v1/messages" > /dev/null
        sleep 2; xdotool mousemove 300 300 click 1; sleep 2
        curl -sS --fail -d '{again}' "$ANTHROPIC_BASE_URL/v1/messages" > /dev/null
        """,
        "utf-8",
    )
    begun = time.monotonic()
    done, seen = recorded(tmp_path, service, "sh", str(script), options=("--machine", "desktop"))
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begun < 60
    assert seen.run.machine is not None
    first = {role: len(frames) for role, frames in seen.steps[0].frames.items()}
    assert first["before"] == first["after"] == 1  # type: ignore[index] # roles are strings
    before, after = (seen.steps[0].frames[role][0] for role in ("before", "after"))  # type: ignore[index]
    assert before.sha256 != after.sha256
