"""The model tape: an agent runs again on what the model said, and every change in its requests is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from footage.cli import main
from footage.errors import UsageError
from footage.recorder.command import command_environment, run_command
from footage.recorder.proxy.listener import Proxy
from footage.recorder.proxy.relay_process.upstream import Upstream
from footage.recorder.proxy.writer_process.routing import Lanes
from footage.recorder.recording import record
from footage.replay.tape.model_tape import Tape
from footage.replay.tape.tape_fork import TapeFork, fork_tape
from footage.replay.tape.tape_report import TapeReport
from footage.replay.tape.tape_run import TapeOptions, replay_tape
from footage.replay.tape.tape_service import Policy, TapeService
from footage.storage import Store, open_store, verify_store
from footage.trajectory import JSON, Region, RunKind, RunStatus, Verdict
from places import AGENT_LOOPS
from recording import image
from service import Service, click, text

LOOP = AGENT_LOOPS / "changed_loop.py"
THOUGHT = {"type": "thinking", "thinking": "The first button, I think.", "signature": "c2lnbmVk"}
REPLIES: tuple[list[JSON], ...] = (
    [THOUGHT, text("I click."), click("a", 10, 20)],
    [click("b", 30, 40), click("c", 5, 6)],
    [click("d", 7, 8)],
    [text("Done: 42 ✓")],
)


def agent(*words: str) -> list[str]:
    return [sys.executable, str(LOOP), *words]


def record_agent(store: Store, *words: str, replies: tuple[list[JSON], ...] = REPLIES, **options: Any) -> str:
    """Record the loop as `footage record` does, against a scripted service; return the run's id."""
    with Service(*replies, **options) as service:
        run = record("add", store=store, layer="proxy", join=False)
        with closing(Lanes()) as lanes, Proxy({"anthropic": Upstream(service.url)}, lanes) as proxy:
            lanes.add(run, run.id)
            environment = command_environment(
                {"anthropic": proxy.address(run.id)}, run=run.id, store=str(store.path), proxy=proxy.url, machine={}
            )
            run_command(agent(*words), environment, stdout=subprocess.DEVNULL)
            proxy.drain(10)
        run.end()
    return run.id


@pytest.fixture(scope="module")
def tapes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, dict[str, str]]]:
    """A store with the loop recorded whole and streamed."""
    with pytest.MonkeyPatch.context() as patch, open_store(tmp_path_factory.mktemp("tape") / "runs.db") as opened:
        patch.setenv("PYTHONPATH", f"{LOOP.parent.parent}:{_path()}")
        yield opened, {"whole": record_agent(opened), "stream": record_agent(opened, "stream")}


def _path() -> str:
    return os.environ.get("PYTHONPATH", "")


@pytest.fixture(autouse=True)
def _no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever asks for another address than this machine's fails at once."""
    monkeypatch.setenv("PYTHONPATH", f"{LOOP.parent.parent}:{_path()}")
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def again(
    tapes: tuple[Store, dict[str, str]], *words: str, policy: Policy = Policy.WARN, run: str = "whole", **options: Any
) -> TapeReport:
    store, runs = tapes
    given = TapeOptions(policy, stdout=subprocess.DEVNULL, **options)
    return replay_tape(store, runs.get(run, run), agent(*words), None, given)


def grades(report: TapeReport) -> list[str]:
    return [str(asked.grade) for asked in report.asked]


@pytest.mark.parametrize("recorded", ["whole", "stream"])
@pytest.mark.parametrize("asks", ["whole", "stream"])
def test_an_unchanged_agent_has_no_differences_in_either_form(
    tapes: tuple[Store, dict[str, str]], recorded: str, asks: str
) -> None:
    store, runs = tapes
    report = again(tapes, *(["stream"] if asks == "stream" else []), policy=Policy.STOP, run=recorded)
    assert grades(report) == (["identical"] if recorded == asks else ["volatile"]) * 4
    assert [change.path for asked in report.asked for change in asked.changes] == (
        [] if recorded == asks else ["stream"] * 4
    )
    assert (report.verdict, report.exit_code, report.refused) == (Verdict.REPRODUCED, 0, [])
    assert [step.verdict for step in report.steps] == [Verdict.REPRODUCED] * 4
    tape, source = store.run(report.run), store.run(runs[recorded])
    assert (tape.kind, tape.status, tape.verdict) == (RunKind.TAPE, RunStatus.COMPLETED, Verdict.REPRODUCED)
    assert (tape.family, tape.parent.run if tape.parent else None) == (source.family, source.id)
    told = [[(t.content, t.stop_reason, t.usage, t.response_id) for t in store.turns(r)] for r in (tape.id, source.id)]
    assert told[0] == told[1]
    assert [step.source_step for step in store.steps(tape.id)] == [0, 1, 2, 3]
    assert verify_store(store).ok


PLANTED = {
    "system": ("text", 0, "system"),
    "task": ("text", 0, "messages[0].content"),
    "new tool": ("structure", 0, "tools[1]"),
    "scaling": ("structure", 0, "tools[0].display_width_px"),
    "max tokens": ("structure", 0, "max_tokens"),
    "temperature": ("structure", 0, "temperature"),
    "model": ("structure", 0, "model"),
    "pruned": ("structure", 1, "messages[2].content[0].content[1]"),
    "result": ("text", 1, "messages[2].content[0].content[0].text"),
    "picture": ("frame", 1, "messages[2].content[0].content[1].source"),
    "nudge": ("structure", 1, "messages[3]"),
    "thinking": ("structure", 1, "messages[1].content[0].type"),
    "failed": ("structure", 1, "messages[2].content[0].is_error"),
}

CAUSES = {"picture": "environment", "result": "environment", "failed": "execution"}


@pytest.mark.parametrize("kind", PLANTED)
def test_the_first_field_that_a_changed_harness_sends_otherwise_is_named(
    tapes: tuple[Store, dict[str, str]], kind: str
) -> None:
    grade, turn, path = PLANTED[kind]
    report = again(tapes, kind)
    parted = next(asked for asked in report.asked if asked.counts)
    assert parted.first is not None
    assert (parted.turn.number, parted.first.path) == (turn, path)
    assert parted.first.grade == grade
    assert report.divergence is not None
    assert report.divergence.cause == CAUSES.get(kind, "harness")
    assert path in report.divergence.why or kind == "failed"
    assert (report.verdict, report.exit_code) == (Verdict.DIVERGED, 0)  # a warning goes on to the end


def test_a_region_that_was_learned_to_move_by_itself_is_no_difference(tmp_path: Path) -> None:
    with open_store(tmp_path / "runs.db") as store:
        run = record_agent(store)
        store.set_volatile(run, [Region(0, 0, 64, 48)])
        with store.database.transaction() as connection:
            connection.execute("UPDATE run SET machine = json_set(machine, '$.screen', json_array(64, 48))")
        service = TapeService(store, store.run(run), Tape(store, store.run(run)))
        changed = store.request(store.turns(run)[1].id, pictures=True)
        assert changed is not None
        changed["messages"][2]["content"][0]["content"][1] = image(90)
        answer = service.answer("POST", "/v1/messages", json.dumps(changed).encode())
        assert answer is not None
        assert (answer.status, service.asked[0].grade, service.asked[0].counts) == (200, "frame", False)


@pytest.mark.parametrize("kind", ["dated", "cached"])
def test_dates_and_cache_marks_are_volatile_and_listed(tapes: tuple[Store, dict[str, str]], kind: str) -> None:
    report = again(tapes, kind, policy=Policy.STOP)
    assert (report.verdict, set(grades(report))) == (Verdict.REPRODUCED, {"volatile"})
    first = report.asked[0].first
    assert first is not None
    assert first.path == ("system" if kind == "dated" else "metadata")


def test_the_policy_stop_refuses_a_changed_request_and_all_that_follow(tapes: tuple[Store, dict[str, str]]) -> None:
    store, _ = tapes
    report = again(tapes, "result", policy=Policy.STOP)
    assert (report.verdict, report.exit_code) == (Verdict.DIVERGED, 7)
    assert [(asked.turn.number, asked.served) for asked in report.asked] == [(0, True), (1, False)]
    assert [(refused.kind, refused.after) for refused in report.refused] == [("stopped", 1)]
    assert [step.verdict for step in report.steps] == ["reproduced", "unreached", "unreached", "unreached"]
    turns = store.turns(report.run)
    assert turns[-1].status == "errored"
    assert "messages[2].content[0].content[0].text" in turns[-1].attempts[0].error
    document = report.as_json()
    assert document["turns"][1]["first"]["path"] == "messages[2].content[0].content[0].text"
    assert [step["index"] for step in document["steps"]] == [0, 1, 2, 3]


def test_what_is_not_on_the_tape_is_refused_in_plain_words_and_goes_nowhere(
    tapes: tuple[Store, dict[str, str]],
) -> None:
    with Service(*REPLIES) as elsewhere, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANTHROPIC_BASE_URL", elsewhere.url)
        report = again(tapes, "goes on", policy=Policy.CONTINUE)
        assert elsewhere.paths == []
    assert (report.verdict, report.exit_code) == (Verdict.DIVERGED, 7)
    assert [found.kind for found in report.refused] == ["ended"]
    assert "conversation 0 ended with turn 3, and the tape with it" in report.refused[0].why


def models(method: str, path: str, _body: bytes) -> tuple[int, dict[str, str], bytes]:
    told = {"input_tokens": 777} if path.endswith("count_tokens") else {"said of": path}
    return 204 if method == "OPTIONS" else 200, {"content-type": "application/json"}, json.dumps(told).encode()


def test_traffic_that_is_no_models_gets_the_recorded_answer_and_decides_nothing(
    tapes: tuple[Store, dict[str, str]], capfd: pytest.CaptureFixture[str]
) -> None:
    store, _ = tapes
    recorded = record_agent(store, "probes", other=models)
    paths = [(e.method, e.path) for e in store.raw_exchanges(recorded)]
    assert ("HEAD", "") in paths, "the address itself, without a slash, which is asked for with one"
    report = replay_tape(store, recorded, agent("probes"), None)
    assert (report.verdict, report.exit_code, report.refused, report.remarks) == (Verdict.REPRODUCED, 0, [], [])
    said = capfd.readouterr().out
    assert 'POST /v1/messages/count_tokens 200 {"input_tokens": 777}' in said
    assert "GET /v1/models?limit=1 200" in said


def test_traffic_that_is_no_models_and_was_not_recorded_is_a_remark_and_decides_nothing(
    tapes: tuple[Store, dict[str, str]], capfd: pytest.CaptureFixture[str]
) -> None:
    store, runs = tapes
    code = main(["replay", runs["whole"], "--store", str(store.path), "--json", "--", *agent("probes")])
    out, _ = capfd.readouterr()
    document = json.loads(out)
    assert (code, document["verdict"], document["divergence"], document["refused"]) == (0, "reproduced", None, [])
    assert [(remark["what"], remark["why"]) for remark in document["remarks"]] == [
        ("HEAD /", "an empty answer was given"),
        ("GET /v1/models", "404 was given"),
        ("OPTIONS /v1/messages", "an empty answer was given"),
        ("POST /api/event_logging/batch", "an empty answer was given"),
        ("POST /v1/messages/count_tokens", "an estimate was given"),
        ("POST /v1/messages, a conversation without tools", "it was refused"),
    ]
    assert main(["replay", runs["whole"], "--store", str(store.path), "--", *agent("probes")]) == 0
    told = capfd.readouterr().err
    assert "reproduced: 4 of 4 turns asked for as recorded" in told
    assert "not recorded: HEAD /: an empty answer was given" in told


def test_what_another_providers_model_is_asked_still_counts(tapes: tuple[Store, dict[str, str]]) -> None:
    store, runs = tapes
    service = TapeService(store, store.run(runs["whole"]), Tape(store, store.run(runs["whole"])))
    for path in ("/via/openai/responses", "/via/gemini/v1beta/models/m:streamGenerateContent?alt=sse"):
        answer = service.answer("POST", path, b"{}")
        assert answer is not None
        assert answer.status == 404
    assert [refused.kind for refused in service.refused] == ["endpoint"] * 2
    assert service.remarks == []


def test_a_difference_that_shows_in_every_turn_is_told_once_and_named_in_each(
    tapes: tuple[Store, dict[str, str]], capfd: pytest.CaptureFixture[str]
) -> None:
    store, runs = tapes
    argv = ["replay", runs["whole"], "--store", str(store.path), "--policy", "warn", "--", *agent("max tokens")]
    assert main(argv) == 1
    lines = [line for line in capfd.readouterr().err.splitlines() if " turn " in line and "max_tokens" in line]
    assert len(lines) >= 4
    assert [line.endswith("max_tokens, as in turn 0") for line in lines[:4]] == [False, True, True, True]


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[1, 2]", b'{"messages": "x", "thread": 3, "tools": {}}', b"[" * 100_000]
)
def test_a_request_that_makes_no_sense_is_refused_too(tapes: tuple[Store, dict[str, str]], body: bytes) -> None:
    store, runs = tapes
    service = TapeService(store, store.run(runs["whole"]), Tape(store, store.run(runs["whole"])))
    answer = service.answer("POST", "/v1/messages?beta=true", body)
    assert answer is not None
    assert answer.status == 400
    assert [refused.kind for refused in service.refused] in (["unreadable"], ["not_recorded"])


def test_other_services_are_refused_too(tapes: tuple[Store, dict[str, str]]) -> None:
    store, runs = tapes
    program = (
        "import os, urllib.request, urllib.error, sys\n"
        "for name in ('OPENAI_BASE_URL', 'GOOGLE_GEMINI_BASE_URL'):\n"
        "    assert os.environ[name].startswith('http://127.0.0.1:')\n"
        "    try: urllib.request.urlopen(os.environ[name] + '/chat/completions', b'{}')\n"
        "    except urllib.error.HTTPError as error: assert error.code == 404; error.close()\n"
        "    else: sys.exit(1)\n"
    )
    report = replay_tape(store, runs["whole"], [sys.executable, "-c", program], None)
    assert (report.exit_code, [refused.what for refused in report.refused]) == (
        0,
        ["POST /via/openai/chat/completions", "POST /via/gemini/chat/completions"],
    )
    assert not report.asked


def test_an_agent_that_ends_early_leaves_the_rest_unreached(tapes: tuple[Store, dict[str, str]]) -> None:
    report = again(tapes, "gives up")
    assert (report.verdict, report.divergence) == (Verdict.UNREACHED, None)
    assert [step.verdict for step in report.steps] == ["reproduced", "reproduced", "reproduced", "unreached"]


def test_the_same_request_again_gets_the_same_answer(tapes: tuple[Store, dict[str, str]]) -> None:
    report = again(tapes, "twice", policy=Policy.STOP)
    assert [asked.times for asked in report.asked] == [1, 2, 1, 1]
    assert [step.verdict for step in report.steps] == [Verdict.REPRODUCED] * 4
    assert (report.verdict, [(e.turn.number, e.times) for e in report.extra]) == (Verdict.DIVERGED, [(1, 1)])


def test_several_conversations_and_endpoints_are_served_each_from_its_own_place(
    tapes: tuple[Store, dict[str, str]],
) -> None:
    store, _ = tapes
    titled = record_agent(store, "title", replies=([text("Sums")], *REPLIES[1:]))
    assert len(store.conversations(titled)) == 2
    report = again(tapes, "title", policy=Policy.STOP, run=titled)
    assert (report.verdict, grades(report)) == (Verdict.REPRODUCED, ["identical"] * 2)
    counted = record_agent(
        store, "count", other=lambda *_: (200, {"content-type": "application/json"}, b'{"input_tokens": 17}')
    )
    assert again(tapes, "count", policy=Policy.STOP, run=counted).verdict is Verdict.REPRODUCED


def test_a_failure_is_served_as_the_failure_it_was(tapes: tuple[Store, dict[str, str]]) -> None:
    store, _ = tapes
    failed = record_agent(store, failures=[400])
    report = again(tapes, policy=Policy.STOP, run=failed)
    assert (report.exit_code, report.verdict, grades(report)) == (7, Verdict.REPRODUCED, ["identical"])


def test_a_run_without_replies_has_no_tape(store: Store) -> None:
    writer = store.begin_run(task="scripted")
    writer.end()
    with pytest.raises(UsageError, match="no recorded replies"):
        replay_tape(store, writer.run_id, ["true"], None)
    writer = store.begin_run(task="foreign", trusted=False)
    writer.end()
    with pytest.raises(UsageError, match="not trusted"):
        replay_tape(store, writer.run_id, ["true"], None)


# --- forks --------------------------------------------------------------------------------------------------------


def fork(
    tapes: tuple[Store, dict[str, str]], at: int, service: Service, *words: str, policy: Policy = Policy.STOP
) -> TapeFork:
    store, runs = tapes
    live = {"anthropic": Upstream(service.url)}
    return fork_tape(
        store, runs["whole"], at, agent(*words), None, live, TapeOptions(policy, stdout=subprocess.DEVNULL)
    )


@pytest.mark.parametrize("form", ["whole", "stream"])
def test_a_fork_is_on_the_tape_up_to_its_step_and_live_from_there(
    tapes: tuple[Store, dict[str, str]], form: str
) -> None:
    store, runs = tapes
    other = (*REPLIES[:2], [click("e", 50, 30)], [text("Another end.")])
    with Service(*other) as service:
        made = fork(tapes, 3, service, *([form] if form == "stream" else []))
        assert len(service.requests) == 2
        assert len(service.requests[0]["messages"]) == 5
    assert (made.forked, made.live.requests, made.live.thinking, made.live.complaints) == (True, 2, 1, [])
    assert [asked.turn.number for asked in made.tape.asked] == [0, 1]
    assert [step.verdict for step in made.tape.steps] == [Verdict.REPRODUCED] * 3
    run = store.run(made.tape.run)
    assert (run.kind, run.status, run.verdict) == (RunKind.FORK, RunStatus.COMPLETED, Verdict.REPRODUCED)
    assert run.parent is not None
    assert (run.parent.run, run.parent.step) == (runs["whole"], 3)
    assert [step.call_id for step in store.steps(run.id)] == ["a", "b", "c", "e"]
    assert [turn.text for turn in store.turns(run.id)] == ["I click.", "", "", "Another end."]


def test_a_fork_that_goes_on_with_another_model_is_listed_with_it(tapes: tuple[Store, dict[str, str]]) -> None:
    store, runs = tapes
    with Service(*REPLIES) as service:
        made = fork(tapes, 3, service, "model", policy=Policy.WARN)
        model = service.requests[0]["model"]
    assert store.run(runs["whole"]).model != model
    assert (store.run(made.tape.run).model, made.live.model) == (model, model)


def test_a_service_that_refuses_recorded_thinking_is_reported(tapes: tuple[Store, dict[str, str]]) -> None:
    message = "messages.1.content.0: Invalid `signature` in `thinking` block"
    with Service(*REPLIES, failures=[400], failure=message) as service:
        made = fork(tapes, 3, service)
    assert (made.tape.exit_code, made.live.thinking) == (7, 1)
    assert message in made.live.complaints[0]


def test_a_changed_agent_does_not_get_to_the_fork(tapes: tuple[Store, dict[str, str]]) -> None:
    with Service(*REPLIES) as service:
        made = fork(tapes, 3, service, "system")
        assert service.requests == []
    assert (made.forked, made.tape.verdict) == (False, Verdict.DIVERGED)


def test_a_step_in_the_middle_of_a_reply_is_refused_with_the_one_to_fork_at(
    tapes: tuple[Store, dict[str, str]],
) -> None:
    with Service(*REPLIES) as service, pytest.raises(UsageError, match="not the first of its reply") as refused:
        fork(tapes, 2, service)
    assert refused.value.hint == "Fork at step 1."


# --- the command line ---------------------------------------------------------------------------------------------

SAYS = "import runpy, sys; print('hello'); runpy.run_path(sys.argv[1], run_name='__main__')"
TALKS = [sys.executable, "-c", SAYS, str(LOOP)]


def test_the_command_prints_one_document_and_keeps_the_agents_words_out_of_it(
    tapes: tuple[Store, dict[str, str]], capfd: pytest.CaptureFixture[str]
) -> None:
    store, runs = tapes
    place = ["--store", str(store.path)]
    assert main(["replay", runs["whole"], *place, "--json", "--", *TALKS]) == 0
    out, err = capfd.readouterr()
    assert (json.loads(out)["verdict"], err) == ("reproduced", "hello\n")
    assert main(["replay", runs["whole"], *place, "--policy", "continue", "--json", "--", *TALKS, "system"]) == 1
    document = json.loads(capfd.readouterr().out)
    assert [turn["first"]["path"] for turn in document["turns"]] == ["system"] * 4


def test_the_command_says_what_parted_and_what_to_look_at(
    tapes: tuple[Store, dict[str, str]], capfd: pytest.CaptureFixture[str]
) -> None:
    store, runs = tapes
    assert main(["replay", runs["whole"], "--store", str(store.path), "--", *agent("result")]) == 1
    err = capfd.readouterr().err
    assert "turn   1  text  messages[2].content[0].content[0].text: 'Clicked.' against 'Clicked it.'" in err
    assert "at step 1 (here the end): environment (text)" in err
    assert "footage diff" in err
    assert main(["replay", runs["whole"], "--store", str(store.path), "--", "true"]) == 1
    assert "does it send its requests to ANTHROPIC_BASE_URL?" in capfd.readouterr().err
    assert main(["replay", runs["whole"], "--store", str(store.path), "--", "no-such-program"]) == 2


def test_a_command_that_is_stopped_interrupts_its_run(
    tapes: tuple[Store, dict[str, str]], capfd: pytest.CaptureFixture[str]
) -> None:
    store, runs = tapes
    stopped = ["sh", "-c", "kill -TERM $$"]
    assert main(["replay", runs["whole"], "--store", str(store.path), "--json", "--", *stopped]) == 143
    run = store.run(json.loads(capfd.readouterr().out)["run"])
    assert (run.status, run.error) == (RunStatus.INTERRUPTED, "The command was stopped (SIGTERM).")


def test_a_fork_from_the_command_line_goes_where_the_variable_points(
    tapes: tuple[Store, dict[str, str]], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, runs = tapes
    with Service(*REPLIES) as service:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", service.url)
        words = ["fork", runs["whole"], "--at", "3", "--store", str(store.path)]
        assert main([*words, "--json", "--", *agent()]) == 0
        document = json.loads(capfd.readouterr().out)
        assert (document["forked"], document["at"], document["live"]["requests"]) == (True, 3, 2)
        assert main([*words, "--model", "x", "--", *agent()]) == 2
