from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from footage.recorder.screen.frame_queue import PictureQueue, QueuedFrame
from footage.storage import RunWriter
from footage.trajectory import FrameRole, Instant
from recording import Tape, pixels

ONE = pixels(0).nbytes


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The store takes no frame until this is set."""
    opened = threading.Event()
    original = RunWriter.frame

    def slow(self: RunWriter, *args: object, **options: object) -> int:
        assert opened.wait(10)
        return original(self, *args, **options)  # type: ignore[arg-type] # passed through as it came

    monkeypatch.setattr(RunWriter, "frame", slow)
    yield opened
    opened.set()


def frame(shade: int, role: FrameRole) -> QueuedFrame:
    return QueuedFrame(pixels(shade), Instant.now(), [(0, role)])


def queue_of(tape: Tape, frames: int) -> PictureQueue:
    with tape.run.step("screenshot"):
        pass
    return PictureQueue(tape.run.guard, limit=frames * ONE)


def test_a_full_queue_drops_the_oldest_between_frames_and_says_how_many(tmp_path: Path, gate: threading.Event) -> None:
    tape = Tape(tmp_path)
    queue = queue_of(tape, 4)
    queue.put(frame(1, FrameRole.BEFORE))  # taken by the worker, still counted
    for shade in (2, 3, 4, 5):
        queue.put(frame(shade, FrameRole.BETWEEN))
    queue.put(frame(6, FrameRole.AFTER))
    gate.set()
    queue.close()
    seen = tape.read()
    assert seen.shade(0, FrameRole.BEFORE) == [1]
    assert seen.shade(0, FrameRole.AFTER) == [6]
    assert seen.shade(0, FrameRole.BETWEEN) == [4, 5]
    assert [g.lost for g in seen.gaps] == [2]


def test_frames_before_and_after_wait_for_room(tmp_path: Path, gate: threading.Event) -> None:
    tape = Tape(tmp_path)
    queue = queue_of(tape, 2)
    queue.put(frame(1, FrameRole.BEFORE))
    queue.put(frame(2, FrameRole.AFTER))
    waiting = threading.Thread(target=queue.put, args=(frame(3, FrameRole.AFTER),))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    gate.set()
    waiting.join(10)
    queue.close()
    seen = tape.read()
    assert (seen.shade(0, FrameRole.BEFORE), seen.shade(0, FrameRole.AFTER)) == ([1], [2, 3])
    assert seen.gaps == []


def test_a_between_frame_that_finds_no_room_is_dropped(tmp_path: Path, gate: threading.Event) -> None:
    tape = Tape(tmp_path)
    queue = queue_of(tape, 1)
    queue.put(frame(1, FrameRole.BEFORE))
    queue.put(frame(2, FrameRole.BETWEEN))
    gate.set()
    queue.close()
    seen = tape.read()
    assert sorted(seen.shades.values()) == [1]
    assert [g.lost for g in seen.gaps] == [1]


def test_a_frame_larger_than_the_queue_still_gets_in(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    queue = queue_of(tape, 0)
    queue.put(frame(1, FrameRole.AFTER))
    queue.close()
    assert tape.read().shade(0, FrameRole.AFTER) == [1]


def test_what_comes_after_the_end_is_passed_over(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    queue = queue_of(tape, 4)
    queue.close()
    queue.put(frame(1, FrameRole.AFTER))
    queue.close()
    assert tape.read().shades == {}
