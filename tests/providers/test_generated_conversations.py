"""
Whatever API carries a conversation, whole or streamed, the same things are recorded: steps, points, texts, frames.

FOOTAGE_CONVERSATIONS says how many of each provider are generated.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from footage.providers.registry import provider_named
from footage.recorder.recording import record
from footage.storage import open_store
from footage.trajectory import FrameRole, StepStatus
from wires import PROVIDERS, Plan, exchanges

COUNT = int(os.environ.get("FOOTAGE_CONVERSATIONS", "12"))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_generated_conversations_are_recorded_as_what_they_are(tmp_path: Path, provider: str) -> None:
    api = provider_named(provider)
    for seed in range(COUNT):
        plan = Plan.of(provider, seed)
        sent = []
        with open_store(tmp_path / f"{seed}.db") as store, record(store=store) as run:
            for each in exchanges(plan):
                assert api.recognises("POST", each.path, {}), each.path
                exchange = run.wire.ask(each.request, provider=api, path=each.path)
                if plan.stream:
                    cuts = random.Random(seed)
                    at = 0
                    while at < len(each.events):
                        piece = each.events[at : at + cuts.choice([1, 7, 100, 5000])]
                        exchange.feed(piece)
                        at += len(piece)
                    exchange.close()
                else:
                    exchange.reply(200, each.reply)
                sent.append(each.request)
        with open_store(tmp_path / f"{seed}.db") as store:
            found = store.run(run.id)
            steps, turns = store.steps(run.id), store.turns(run.id)
            expected = [(number, *action) for number, actions in enumerate(plan.turns) for action in actions]
            assert [(s.turn, s.action.name, dict(s.action.arguments)) for s in steps] == expected, plan
            assert all(step.action.is_computer and step.status is StepStatus.EXECUTED for step in steps), plan
            assert len(store.conversations(run.id)) == 1, plan
            assert found.task == f"Task {seed}", plan
            assert {turn.provider or "anthropic" for turn in turns} == {provider}
            assert all(turn.status == "completed" and turn.response_id for turn in turns), plan
            lasts = [max(n for n, s in enumerate(steps) if s.turn == turn) for turn in range(len(plan.turns))]
            shown = [len(step.frames.get(FrameRole.OBSERVED, ())) for step in steps]
            assert [n for n, count in enumerate(shown) if count] == lasts, plan
            assert sum(shown) == len(lasts), plan
            for turn, request in zip(turns, sent, strict=True):
                asked = store.request(turn.id, pictures=True)
                assert asked is not None
                assert {key: asked[key] for key in request} == request, plan
        (tmp_path / f"{seed}.db").unlink()
