"""The model tape: requests that are made more often than recorded, or less often, are told as such."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing

import pytest

from footage.cli import main
from footage.recorder.command import command_environment, run_command
from footage.recorder.proxy.listener import Proxy
from footage.recorder.proxy.relay_process.upstream import Upstream
from footage.recorder.proxy.writer_process.routing import Lanes
from footage.recorder.recording import record
from footage.replay.tape.tape_report import TapeReport
from footage.replay.tape.tape_run import TapeOptions, replay_tape
from footage.replay.tape.tape_service import Policy
from footage.storage import Store
from footage.trajectory import JSON, Verdict
from recording import request, result, said, user
from service import Service, click, text

AGENT = """
import json, os, sys, threading, urllib.request
def ask(body, **headers):
    url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"
    sent = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json", **headers})
    with urllib.request.urlopen(sent) as answer:
        answer.read()
for bodies in json.loads(sys.argv[1]):
    if isinstance(bodies, dict):
        ask(bodies["again"], **{"x-stainless-retry-count": "1"})
        continue
    threads = [threading.Thread(target=ask, args=(body,)) for body in bodies]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
"""
FIRST = request(user("press it"))
SECOND = request(user("press it"), said(click("a", 1, 2)), user([result("a", text("ok"))]))
REPLIES = ([click("a", 1, 2)], [text("Done.")])
HISTORIES = [request(user(f"Task: press it\nHistory:\n{'went well; ' * n}")) for n in range(3)]
OTHERS = [request(user(f"question {n}")) for n in range(3)]

Told = Sequence[Sequence[JSON] | JSON]


def command(told: Told) -> list[str]:
    return [sys.executable, "-c", AGENT, json.dumps(told)]


def recorded(store: Store, told: Told) -> str:
    with Service(*REPLIES) as service:
        run = record("press", store=store, layer="proxy", join=False)
        with closing(Lanes()) as lanes, Proxy({"anthropic": Upstream(service.url)}, lanes) as proxy:
            lanes.add(run, run.id)
            address = {"anthropic": proxy.address(run.id)}
            environment = command_environment(address, run=run.id, store=str(store.path), proxy=proxy.url, machine={})
            assert run_command(command(told), environment, stdout=subprocess.DEVNULL) == 0
            proxy.drain(10)
        run.end()
    return run.id


def played(store: Store, before: Told, now: Told) -> TapeReport:
    return replay_tape(store, recorded(store, before), command(now), None, TapeOptions(Policy.STOP))


@pytest.mark.parametrize(
    "told",
    [
        [[FIRST], [SECOND]],
        [[FIRST], [SECOND], [SECOND]],
        [[FIRST], [FIRST], [SECOND]],
        [[FIRST, FIRST]],
        [[FIRST], [SECOND, SECOND]],
        [OTHERS],
        [[body] for body in HISTORIES],
    ],
    ids=[
        "plain",
        "twice in the middle",
        "opened twice",
        "two at once",
        "two at once in the middle",
        "three at once",
        "told anew",
    ],
)
def test_an_agent_that_asks_as_often_as_recorded_is_reproduced(store: Store, told: Told) -> None:
    report = played(store, told, told)
    assert (report.verdict, report.divergence, report.extra) == (Verdict.REPRODUCED, None, [])
    assert [asked.times for asked in report.asked] == [1] * len(report.turns)


@pytest.mark.parametrize(
    ("before", "now", "turn", "times"),
    [
        ([[FIRST], [SECOND]], [[FIRST], [SECOND], [SECOND]], 1, 1),
        ([[FIRST], [SECOND]], [[FIRST], [SECOND], [SECOND], [SECOND]], 1, 2),
        ([[FIRST], [SECOND]], [[FIRST], [FIRST], [SECOND]], 0, 1),
        ([[FIRST], [SECOND]], [[FIRST, FIRST], [SECOND]], 0, 1),
        ([[OTHERS[0]], [OTHERS[1]], [OTHERS[2]]], [[OTHERS[0]], [OTHERS[1]], [OTHERS[2]], [OTHERS[2]]], 2, 1),
        ([[FIRST], [FIRST], [FIRST]], [[FIRST], [FIRST], [FIRST], [FIRST]], 2, 1),
    ],
    ids=["the last", "the last, two more", "the first", "two at once", "another conversation", "equal ones"],
)
def test_a_request_that_is_made_more_often_than_recorded_is_a_difference(
    store: Store, before: Told, now: Told, turn: int, times: int
) -> None:
    report = played(store, before, now)
    assert report.verdict is Verdict.DIVERGED
    assert [(extra.turn.number, extra.times) for extra in report.extra] == [(turn, times)]
    assert report.divergence is not None
    assert (report.divergence.cause, report.divergence.kind) == ("harness", "structure")
    often = "once" if times == 1 else "2 times"
    assert f"the request of turn {turn} was made {often} more than recorded" in report.divergence.why
    (told,) = report.as_json()["extra"]
    assert (told["turn"], told["times"]) == (turn, times)


def test_what_a_client_sends_again_since_the_reply_did_not_reach_it_is_no_difference(store: Store) -> None:
    report = played(store, [[FIRST], [SECOND]], [[FIRST], {"again": FIRST}, [SECOND]])
    assert (report.verdict, report.extra, [asked.times for asked in report.asked]) == ("reproduced", [], [2, 1])


@pytest.mark.parametrize("now", [[[FIRST]], []], ids=["one less", "none"])
def test_fewer_requests_than_recorded_leave_the_rest_unreached(store: Store, now: Told) -> None:
    report = played(store, [[FIRST], [SECOND]], now)
    assert (report.verdict, len(report.asked)) == (Verdict.UNREACHED, len(now))


def test_one_of_two_equal_requests_less_is_not_reproduced(store: Store) -> None:
    report = played(store, [[FIRST], [FIRST]], [[FIRST]])
    assert (report.verdict, len(report.asked)) == (Verdict.UNREACHED, 1)


def test_the_command_line_says_how_much_more_was_asked(store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    run = recorded(store, [[FIRST], [SECOND]])
    line = ["replay", run, "--store", str(store.path), "--", *command([[FIRST], [SECOND], [SECOND]])]
    assert main(line) == 1
    assert "2 of 2 turns asked for as recorded, and 1 request more" in " ".join(capfd.readouterr().err.split())
