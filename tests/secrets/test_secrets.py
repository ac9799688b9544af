"""Keys and named secrets: wherever they turn up, none reaches the disk or the log."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import random
import string
import urllib.request
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

import pytest

from footage.cli.commands.record import named_secrets
from footage.errors import UsageError
from footage.recorder.kept_out import REMOVED, Secrets, secrets_of_environment
from footage.recorder.proxy.listener import Proxy
from footage.recorder.proxy.relay_process.upstream import Upstream
from footage.recorder.proxy.writer_process.routing import Lanes
from footage.recorder.recording import record, resume
from footage.storage import open_store
from footage.trajectory import JSON, Action, InputEvent, Performed, StepStatus
from recording import Recorded, Tape, call, pixels, reply, request, result, said, user
from service import Service, asked, click, text

_RANDOM = random.Random(7)


def word(length: int = 20, more: str = "") -> str:
    letters = string.ascii_letters + string.digits + more
    return "a1" + "".join(_RANDOM.choice(letters) for _ in range(length))


def post(url: str, body: bytes, headers: dict[str, str]) -> None:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as response:
            response.read()
    except urllib.error.HTTPError as error:
        error.close()


def test_forty_secrets_in_twelve_places_are_in_no_byte_of_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    names = ["SERVICE_KEY", "GITHUB_TOKEN", "DB_PASSWORD", "APP_SECRET"]
    names += ["OPENAI_API_KEY", "SMTP_PASS", "NPM_TOKEN", "CLIENT_CREDENTIALS"]
    environment = {name: word(more='!#$%&/"\\') for name in names}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    named = [f"pass {word(6)} phrase ü{number}" for number in range(16)]
    headers = {"x-api-key": word(), "Authorization": f"Bearer {word(40)}", "Cookie": f"session={word()}; theme=dark"}
    planted = [*environment.values(), *named, headers["x-api-key"], headers["Authorization"][7:]]
    planted.append(headers["Cookie"].split(";")[0].partition("=")[2])
    queries = [word() for _ in range(3)]
    like_keys = [f"sk-ant-api03-{word(40)}", f"ghp_{word(34)}", f"AIza{word(33)}", f"xoxb-{word(20)}", f"hf_{word(34)}"]
    like_keys += [f"AKIA{''.join(_RANDOM.choices(string.ascii_uppercase, k=16))}", f"sk_live_{word(20)}"]
    raw = [word() for _ in range(3)]
    planted += [*queries, *like_keys, *raw]
    echoed = {"error": {"type": "authentication_error", "message": f"invalid x-api-key: {headers['x-api-key']}"}}

    def other(_method: str, _path: str, _body: bytes) -> tuple[int, dict[str, str], bytes]:
        return 401, {"set-cookie": f"sid={raw[0]}", "content-type": "application/json"}, json.dumps(echoed).encode()

    replies = [
        [
            text(f"I type {named[0]} and {like_keys[0]}"),
            {**click("a", 1, 2), "input": {"action": "type", "text": named[1]}},
        ],
        [text("Done.")],
    ]
    with Service(*replies, other=other) as service:
        run = record(f"Log in with {named[2]}", store=tmp_path / "footage.db", secrets=named, layer="proxy")
        with closing(Lanes()) as lanes, Proxy({"anthropic": Upstream(service.url)}, lanes) as proxy:
            lanes.add(run, run.id)
            base = proxy.address(run.id)
            for stream in (False, True):
                system = " ".join([*like_keys[1:4], *environment.values(), *named[4:]])
                first = user(json.dumps({"login": named[3], "key": like_keys[4]}))
                body = asked(first, system=system, stream=stream, metadata={"user_id": like_keys[5]})
                post(f"{base}/v1/messages?api_key={queries[0]}", json.dumps(body).encode(), headers)
                history = [
                    first,
                    said(*replies[0]),
                    user([result("a", text(f"Typed {named[1]}, {environment['APP_SECRET']}"))]),
                ]
                body = asked(*history, stream=stream)
                post(f"{base}/v1/messages?token={queries[1]}", json.dumps(body).encode(), headers)
            upload = {"note": named[0], "nested": [{"k": like_keys[6]}], "escaped": environment["SERVICE_KEY"]}
            post(
                f"{base}/v1/files?signature={queries[2]}",
                json.dumps(upload).encode(),
                {**headers, "x-goog-api-key": raw[1]},
            )
            login = base64.b64encode(f"me:{raw[2]}".encode()).decode()
            post(f"{base}/v1/other", quote(named[0]).encode(), {"Authorization": f"Basic {login}"})
            planted.append(login)
            with pytest.raises(OSError, match="no"), run.step("key", text=named[0]):
                _raise(f"{named[1]} {headers['x-api-key']}")
            with run.step("key", text="y") as step:
                step.text = f"pressed {environment['DB_PASSWORD']}"
            run.gap(f"lost {named[0]}")
            run.outcome("failure", note=f"stuck at {named[3]}")
            run.guard.write("a step", lambda _: 1 / 0 if not planted else _raise(named[1]))
        run.end()
    forms = {form for secret in planted for form in (secret, json.dumps(secret)[1:-1], quote(secret))}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    everything = b"\0".join(path.read_bytes() for path in files) + caplog.text.encode()
    with open_store(tmp_path / "footage.db") as store:  # compressed or not, what is read back counts as well
        read = [store.request(turn.id) for turn in store.turns(run.id)]
        everything += repr([read, store.steps(run.id), store.raw_exchanges(run.id), store.gaps(run.id)]).encode()
    assert [form for form in forms if form.encode() in everything] == []
    assert everything.count(REMOVED.encode()) > 20
    assert len(planted) >= 40


def _raise(secret: str) -> None:
    raise OSError(f"no room for {secret}")


def test_a_typed_secret_is_not_spelled_out_by_the_input_events(tmp_path: Path) -> None:
    class Machine:
        def __init__(self) -> None:
            self.specification: JSON = {"driver": "x", "protocol": 1, "screen": [64, 48]}
            self.typed: list[str] = []

        def screenshot(self) -> None:
            raise OSError("no screen here")

        def perform(self, action: Action) -> Performed:
            self.typed.append(action.arguments["text"])
            return Performed("Typed.", tuple(InputEvent("key_down", (c,)) for c in action.arguments["text"]))

    tape = Tape(tmp_path, secrets=["open sesame"])
    machine = Machine()
    watched = tape.run.watch(machine)  # type: ignore[arg-type] # it does what is needed here
    tape.run.turn(request(user("Log in")), reply(call("a", action="type", text="open sesame")))
    watched.perform(Action("type", {"text": "open sesame"}))
    watched.perform(Action("type", {"text": "harmless"}))
    seen = tape.read()
    assert machine.typed == ["open sesame", "harmless"]
    assert [(s.call_id, s.action.arguments["text"], s.delivered is None) for s in seen.steps] == [
        ("a", REMOVED, True),
        ("", "harmless", False),
    ]


def test_a_typed_secret_is_not_spelled_out_where_another_layer_stored_the_step(tmp_path: Path) -> None:
    tape = Tape(tmp_path, secrets=["open sesame"])
    tape.run.turn(request(user("Log in")), reply(call("a", action="type", text="open sesame")))
    other = resume(tape.run.id, store=tape.path, layer="in process", secrets=["open sesame"], joined=True)
    entry = other.steps.claim(Action("type", {"text": "open sesame"}))
    other.steps.finish(entry, StepStatus.EXECUTED, delivered=[InputEvent("key_down", (c,)) for c in "open sesame"])
    other.end()
    seen = tape.read()
    assert [(s.call_id, s.status, s.delivered) for s in seen.steps] == [("a", "executed", None)]


def test_no_field_of_a_recording_holds_a_secret(tmp_path: Path) -> None:
    word, number = "open sesame", 918273645

    def told(what: str) -> str:
        return f"{what} {word} {what}"

    block = {"type": "tool_use", "id": told("id"), "name": told("tool"), "input": {"pin": number, told("key"): word}}
    other = {**call(told("other"), action="type", text="x"), "input": {"action": told("act"), "text": number}}
    message = {**reply(block, other, message_id=told("msg"), stop_reason=told("stop")), "model": told("model")}
    asked_for = {**request(user([text(told("said")), {"type": told("kind"), "n": number}])), "model": told("wanted")}
    machine: JSON = {"driver": told("driver"), "screen": [64, 48], "port": number}
    run = record(
        told("task"),
        store=tmp_path / "footage.db",
        task_id=told("task id"),
        model=told("model"),
        tags=[told("tag")],
        machine=machine,
        secrets=[word, str(number)],
    )
    run.turn(asked_for, message)
    results = [result(told("id"), text(told("result"))), result(told("other"), text(str(number)), is_error=True)]
    run.turn({**asked_for, "messages": [*asked_for["messages"], said(block, other), user(results)]}).fail(told("why"))
    with run.step(told("action"), text=word, number=number, call=told("call")) as step:
        step.text = told("text")
    run.frame(pixels(3), display=told("display"))
    run.gap(told("gap"))
    run.outcome(told("outcome"), note=told("note"))
    packed = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    with closing(Lanes()) as lanes, Service([text("Done.")]) as service:
        lanes.add(run, run.id)
        with Proxy({"anthropic": Upstream(service.url)}, lanes) as proxy:
            body = gzip.compress(json.dumps({"pin": number, "word": word}).encode())
            for path in ("other", "messages"):
                with suppress(ConnectionError):  # this service does not unpack what it is sent
                    post(f"{proxy.address(run.id)}/v1/{path}", body, packed)
            proxy.drain(10)
    run.end()
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    with open_store(tmp_path / "footage.db") as store:
        requests = [store.request(turn.id) for turn in store.turns(run.id)]
        shown = [store.run(run.id), store.turns(run.id), store.steps(run.id), store.raw_exchanges(run.id), requests]
        read = repr(shown).encode()
        ends = [step.result_text or step.error for step in store.steps(run.id)]
    assert word.encode() not in everything + read
    assert str(number).encode() not in everything + read
    assert len(requests) == 3
    assert ends[:2] == [f"result {REMOVED} result", REMOVED]


def test_a_value_that_is_too_short_to_be_kept_out_is_refused_or_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    record("x", store=tmp_path / "footage.db", secrets=["", "abc"]).end()
    assert caplog.text.count("cannot be kept out") == 1
    monkeypatch.setenv("PIN", "123")
    with pytest.raises(UsageError, match="too short"):
        named_secrets(["PIN"])


def test_variables_that_are_named_as_secrets_are_kept_out_by_their_values() -> None:
    found = secrets_of_environment({"FOOTAGE_SECRETS": "LOGIN,GONE", "LOGIN": "open sesame", "OTHER": "open door"})
    assert found.clean("open sesame, open door") == f"{REMOVED}, open door"


def test_what_the_agent_gets_is_never_changed(tmp_path: Path) -> None:
    body = asked(user("My key is sk-ant-api03-abcdefghijklmnop"))
    with Service([text("You said sk-ant-api03-abcdefghijklmnop")]) as service:
        run = record(store=tmp_path / "footage.db")
        with closing(Lanes()) as lanes, Proxy({"anthropic": Upstream(service.url)}, lanes) as proxy:
            lanes.add(run, run.id)
            with urllib.request.urlopen(f"{proxy.address(run.id)}/v1/messages", json.dumps(body).encode()) as response:
                assert b"sk-ant-api03-abcdefghijklmnop" in response.read()
        run.end()
        assert service.requests == [body]
    assert Recorded(tmp_path / "footage.db", run.id).turns[0].text == f"You said {REMOVED}"


@pytest.mark.parametrize(
    "harmless",
    [
        "stand-in/careful",
        "The keyboard has a key, the task-force a token.",
        "https://example.com/a?b=c",
        "risk-free and task-oriented",
        "12 × 34 = 408",
        "data:image/png;base64,iVBORw0KGgo",
    ],
)
def test_ordinary_text_stays(harmless: str) -> None:
    secrets = secrets_of_environment(
        {"API_KEY": "stand-in", "X_TOKEN": "dummy", "AUTH_PASSWORD": "", "KEYBOARD": "12345678a"}
    )
    secrets.learn({"x-api-key": "none", "Authorization": "Bearer dummy"}, "/v1/messages?beta=true")
    assert secrets.clean(harmless) == harmless


def test_json_without_secrets_is_the_very_same_object() -> None:
    value = {"a": ["b", {"c": 1, "type": "base64", "data": "sk-aaaaaaaaaaaaaaaaaaaa"}], "d": None}
    assert Secrets(["hidden"]).clean_json(value) is value
    assert Secrets(["hidden"]).clean_json({"x": [value, "hidden"]}) == {"x": [value, REMOVED]}


def test_a_text_that_was_harmless_before_a_secret_was_named_is_searched_again() -> None:
    secrets = Secrets()
    assert secrets.clean_json({"a": "open sesame"}) == {"a": "open sesame"}
    secrets.add("sesame")
    assert secrets.clean_json({"a": "open sesame"}) == {"a": f"open {REMOVED}"}


@pytest.mark.parametrize(
    ("before", "key"),
    [
        ("", "sk-ant-api03-" + "a1" * 12),
        ("", "AIza" + "a1" * 17),
        ("", "AKIA" + "Z9" * 8),
        ("", "ASIA" + "Z9" * 8),
        ("", "ghp_" + "a1" * 18),
        ("", "github_pat_" + "a1_" * 18),
        ("", "glpat-" + "a1-" * 8),
        ("", "xoxb-" + "12-" * 5),
        ("", "sk_live_" + "a1" * 10),
        ("", "pk_test_" + "a1" * 10),
        ("", "hf_" + "a1" * 17),
        ("", "eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSM"),
        ("", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"),
        ("Bearer ", "a1" * 10),
        ("bearer ", "a1" * 10),
        ("Basic ", "dXNlcjpwYXNzd29yZA=="),
        ("https://", "me:pass"),
    ],
)
@pytest.mark.parametrize("around", [0, 40, 3000])
def test_what_looks_like_a_key_is_found_in_short_texts_and_in_long_ones(before: str, key: str, around: int) -> None:
    start, end = "x " * around, "@host" if key == "me:pass" else ""
    assert Secrets().clean(f"{start}{before}{key}{end} y") == f"{start}{before}{REMOVED}{end} y"
    twice = f"{start}{before}{key}{end} and {before}{key}{end}"
    assert key not in Secrets().clean(twice)
