"""Wrong scale is found where it is, by what was delivered or by what the service does to pictures, and nowhere else."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

from footage.analysis.detectors.diagnosing import diagnose
from footage.storage import Store, open_store
from footage.trajectory import Action, InputEvent, Instant, StepStatus
from recording import Tape, call, image, reply, request, result, said, text, user

PLANTED = int(os.environ.get("FOOTAGE_PLANTED", "12"))
"""Runs with a fault; five times as many are without."""


def delivered_run(store: Store, points: list[tuple[int, int]], landed: list[tuple[int, int]]) -> str:
    writer = store.begin_run(task="press")
    for asked, place in zip(points, landed, strict=True):
        index = writer.intend(Action("left_click", {"coordinate": list(asked)}))
        events = [InputEvent("move", place), InputEvent("button_down", (1,)), InputEvent("button_up", (1,))]
        writer.finish(index, status=StepStatus.EXECUTED, delivered=events, started=Instant.now())
    writer.end()
    return writer.run_id


def found(store: Store, run: str) -> list[str]:
    return [each.message for each in diagnose(store, run).findings if each.kind == "scale"]


def test_each_planted_factor_and_offset_is_found_and_clean_runs_are_silent(tmp_path: Path) -> None:
    choose = random.Random(5)
    with open_store(tmp_path / "runs.db") as store:
        for number in range(PLANTED):
            points = [(choose.randrange(50, 1200), choose.randrange(50, 750)) for _ in range(choose.randint(3, 9))]
            if number % 3 == 2:
                across, down = choose.choice([(1280, 0), (0, 800), (-1280, 0), (1920, 200)])
                landed = [(x + across, y + down) for x, y in points]
                wanted = f"{across:+d} across and {down:+d} down"
            else:
                factor = choose.choice([0.4, 0.5, 0.625, 0.8, 1.25, 1.5, 1.84, 2.0, 3.0])
                landed = [(round(x * factor), round(y * factor)) for x, y in points]
                wanted = " times the point"
            (message,) = found(store, delivered_run(store, points, landed))
            assert wanted in message
            if number % 3 != 2:
                said = float(message.partition(wanted)[0].rpartition(" ")[2])
                assert said == pytest.approx(factor, rel=0.01)
        for _ in range(5 * PLANTED):
            points = [(choose.randrange(1280), choose.randrange(800)) for _ in range(choose.randint(1, 9))]
            landed = [(x + choose.randint(-2, 2), y + choose.randint(-2, 2)) for x, y in points]
            assert found(store, delivered_run(store, points, landed)) == []


def test_points_that_landed_anywhere_are_no_wrong_scale(tmp_path: Path) -> None:
    points, landed = [(100, 100), (500, 300), (900, 700)], [(400, 90), (20, 600), (1000, 50)]
    with open_store(tmp_path / "runs.db") as store:
        assert found(store, delivered_run(store, points, landed)) == []


@pytest.mark.parametrize(
    ("size", "declared", "wanted"),
    [
        ((2560, 1600), (2560, 1600), "at most 1389x868"),
        ((1920, 1080), (1920, 1080), "factor of"),
        ((1280, 800), (1280, 800), ""),
        ((1280, 800), (1024, 640), ""),
        ((1024, 768), (1024, 768), ""),
        ((1280, 800), (1024, 768), "the shapes differ"),
        ((2560, 1600), (1280, 800), ""),  # the agent scales
    ],
)
def test_what_the_service_shrinks_is_told_and_what_the_agent_scales_is_not(
    tmp_path: Path, size: tuple[int, int], declared: tuple[int, int], wanted: str
) -> None:
    tape = Tape(tmp_path)
    tool = {"type": "computer_20251124", "name": "computer", "display_width_px": declared[0]}
    tools: list[Any] = [{**tool, "display_height_px": declared[1]}]
    look, click = call("a", action="screenshot"), call("b", action="left_click", coordinate=[300, 200])
    history = [user("Go"), said(look), user([result("a", text("Here."), image(7, size))])]
    tape.run.turn(request(*history[:1], tools=tools), reply(look))
    tape.run.turn(request(*history, tools=tools), reply(click, message_id="msg_2"))
    tape.read()
    with open_store(tmp_path / "footage.db") as store:
        messages = found(store, "@1")
    assert len(messages) == bool(wanted)
    assert wanted in "".join(messages)
