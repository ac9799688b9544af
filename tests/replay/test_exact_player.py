"""Playing an exact recording: which processes are started when, and that all of them end. They are made here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from footage.errors import MachineError
from footage.machines.exact_contract import PackedSnapshot
from footage.replay.exact.player import ExactPlayer
from footage.storage import Store
from footage.storage.artefacts import Artefact, Artefacts
from footage.storage.exact_records import Checkpoint, ExactRecording

CHECKPOINTS = (0, 100, 200)
PLAN = [10, 20, 110, 120, 210]
PATIENCE = 60.0


class Process:
    """Stands for a QEMU that executes a recording; its screen is the instant that it is at."""

    all: list[Process]
    news: threading.Condition
    on_start: Callable[[int], object]
    most = 0

    def __init__(self, at: int, to: int) -> None:
        type(self).on_start(at)
        self.at, self.reach, self.icount, self.open = at, to, at, True
        with self.news:
            self.all.append(self)
            type(self).most = max(self.most, sum(one.open for one in self.all))
            self.news.notify_all()

    def run_to(self, icount: int) -> None:
        self.reach = self.icount = icount

    def begin(self, icount: int) -> None:
        self.reach = icount

    def screen(self) -> int:
        return self.icount

    def close(self) -> None:
        self.open = False

    @classmethod
    def wait_for(cls, *starts: int) -> None:
        with cls.news:
            assert cls.news.wait_for(lambda: [one.at for one in cls.all] == [*starts], PATIENCE)


class Made:
    """Stands for what a recording was made on: a machine that is no QEMU."""

    def __init__(self, processes: type[Process]) -> None:
        self._processes = processes

    def execute(self, _log: Path, snapshot: PackedSnapshot, *, to: int) -> Any:
        return self._processes(snapshot.icount, to)

    def go_on(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> type[Process]:
    class Fresh(Process):
        all: list[Process] = []  # noqa: RUF012 - one for each test
        news = threading.Condition()
        on_start = staticmethod(lambda _at: None)

    monkeypatch.setattr(Artefacts, "path", lambda _self, artefact: Path(artefact.kind))
    return Fresh


@pytest.fixture
def playing(store: Store, processes: type[Process]) -> Iterator[ExactPlayer]:
    file = Artefact(1, "record-log", "", 0, {})
    checkpoints = tuple(Checkpoint(f"at-{at}", at, None, file) for at in CHECKPOINTS)
    recording = ExactRecording("run", file, 300, {}, [(0, 0), (300, 300)], checkpoints)
    with ExactPlayer(store, recording, Made(processes)) as made:
        yield made
    assert not [one.at for one in processes.all if one.open]


def test_the_next_process_starts_while_this_one_plays(playing: ExactPlayer, processes: type[Process]) -> None:
    playing.plan(PLAN)
    assert playing.screen_at(10) == 10
    processes.wait_for(0, 100)
    assert [one.reach for one in processes.all] == [20, 110]
    assert [playing.screen_at(at) for at in PLAN] == PLAN
    processes.wait_for(*CHECKPOINTS)
    assert processes.most == 2
    assert playing.restarts == []


def test_nothing_starts_ahead_of_what_is_not_planned(playing: ExactPlayer, processes: type[Process]) -> None:
    playing.plan([10, 20])
    assert [playing.screen_at(at) for at in (10, 110, 20)] == [10, 110, 20]
    processes.wait_for(0, 100, 0)
    assert processes.most == 1


def test_an_instant_at_a_snapshot_is_not_gone_to_ahead(playing: ExactPlayer, processes: type[Process]) -> None:
    playing.plan([10, 100, 110])  # stopped at a snapshot for long, a process would stand still for good
    assert [playing.screen_at(at) for at in (10, 100, 110)] == [10, 100, 110]
    processes.wait_for(0, 100)
    assert processes.most == 1


def test_a_process_that_is_still_starting_ends_with_the_player(playing: ExactPlayer, processes: type[Process]) -> None:
    begun, closing = threading.Event(), threading.Event()

    def slow(at: int) -> None:
        if at == 100:
            begun.set()
            assert closing.wait(PATIENCE)

    processes.on_start = slow
    playing.plan(PLAN)
    playing.screen_at(10)
    assert begun.wait(PATIENCE)
    processes.all[0].close = closing.set  # type: ignore[method-assign] # the first thing that a player ends
    playing.close()
    processes.wait_for(0, 100)
    assert not processes.all[1].open
    processes.all[0].open = False


def test_one_that_cannot_be_started_ahead_is_started_again_and_said_so(
    playing: ExactPlayer, processes: type[Process]
) -> None:
    failures = [100]

    def fail_once(at: int) -> None:
        if at in failures:
            failures.remove(at)
            raise MachineError("QEMU did not start")

    processes.on_start = fail_once
    playing.plan(PLAN)
    assert [playing.screen_at(at) for at in PLAN] == PLAN
    assert failures == []
    assert [sentence for sentence in playing.restarts if "QEMU did not start" in sentence] == playing.restarts
    assert len(playing.restarts) == 1
    assert processes.most == 2


def test_one_that_fails_in_the_middle_leaves_none_behind(playing: ExactPlayer, processes: type[Process]) -> None:
    playing.plan(PLAN)
    playing.screen_at(10)
    processes.wait_for(0, 100)

    def gone() -> int:
        raise MachineError("QEMU is gone")

    processes.all[0].screen = gone  # type: ignore[method-assign]
    assert playing.screen_at(20) == 20
    assert len(playing.restarts) == 1
    assert not processes.all[0].open
    assert processes.most == 2
