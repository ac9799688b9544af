"""Copies from the process that passes requests on to the one that records them, which may be gone, slow or hang."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from footage.recorder.proxy.copy_protocol import HELD, Kind, Passing, pack, read_copies
from footage.recorder.proxy.relay_process.copy_sender import CopyTee, Link
from footage.recorder.proxy.writer_process.copy_receiver import LOST, Intake
from footage.recorder.proxy.writer_process.routing import Lanes
from footage.recorder.recording import record
from footage.trajectory import Instant
from recording import Recorded, reply, request, text, user

MESSAGES = Passing("r", "anthropic", "POST", "/v1/messages?beta=true", [("a", "b")], Instant.now())
JSON_REPLY = [("content-type", "application/json")]
EVENTS = [("content-type", "text/event-stream")]


class Recorder:
    """The other side: accepts connections one after the other, and notes what it is told."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "post")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.listener.settimeout(10)

    def accept(self, *, ready: bool = True) -> socket.socket:
        connection, _ = self.listener.accept()
        connection.settimeout(10)
        if ready:
            connection.sendall(pack(Kind.READY, 0))
        return connection

    def close(self) -> None:
        self.listener.close()


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    folder = Path(tempfile.mkdtemp(prefix="f"))  # the path of a Unix socket has to be short
    running = Recorder(folder)
    yield running
    running.close()
    shutil.rmtree(folder)


def told(connection: socket.socket, count: int) -> list[tuple[Kind, bytes]]:
    with connection.makefile("rb") as file:
        copies = read_copies(file)
        return [(kind, payload) for kind, _, payload in (next(copies) for _ in range(count))]


def exchange(link: Link, *pieces: bytes, headers: list[tuple[str, str]] = JSON_REPLY, body: bytes = b"{}") -> CopyTee:
    tee = link.tee(MESSAGES)
    tee.sent(body)
    tee.asked()
    tee.answered(200, headers)
    for piece in pieces:
        tee.pass_by(piece)
    return tee


def until(link: Link, *, ready: bool) -> None:
    deadline = time.monotonic() + 5
    while link._ready is not ready and time.monotonic() < deadline:
        time.sleep(0.005)
    assert link._ready is ready


def test_everything_is_told_in_its_order(recorder: Recorder) -> None:
    link = Link(recorder.path)
    tee = exchange(link, b"abc")
    tee.hang_up()
    tee.end("why")
    with recorder.accept() as connection:
        kinds = told(connection, 7)
        assert [kind for kind, _ in kinds] == [
            *(Kind.OPEN, Kind.SENT, Kind.ASKED, Kind.ANSWERED, Kind.PIECE, Kind.HANG_UP, Kind.END),
        ]
        assert Passing.load(kinds[0][1], again=False) == MESSAGES
        assert json.loads(kinds[3][1]) == [200, [["content-type", "application/json"]]]
        connection.sendall(pack(Kind.DONE, tee.number))
        link.close()
    assert not link._kept


def test_a_recorder_that_dies_before_it_says_anything_is_followed_by_the_next(recorder: Recorder) -> None:
    link = Link(recorder.path)
    tee = exchange(link, b"abc")
    recorder.accept(ready=False).close()
    with recorder.accept() as connection:
        kind, _ = told(connection, 5)[0]
        connection.sendall(pack(Kind.DONE, tee.number))
        tee.end()
        assert (kind, link.close(5)) == (Kind.OPEN, 0)


def test_the_end_waits_for_as_long_as_something_is_confirmed(recorder: Recorder) -> None:
    link = Link(recorder.path)
    numbers = [exchange(link).number for _ in range(5)]
    left: list[int] = []
    closing = threading.Thread(target=lambda: left.append(link.close(1.0)))
    with recorder.accept() as connection:
        closing.start()
        for number in numbers[:4]:
            time.sleep(0.4)
            connection.sendall(pack(Kind.DONE, number))
        closing.join(10)
    assert left == [1]


def test_what_was_not_confirmed_is_told_again_to_the_next(recorder: Recorder) -> None:
    link = Link(recorder.path)
    first, second = exchange(link), exchange(link)
    first.end()
    with recorder.accept() as connection:
        told(connection, 9)
        connection.sendall(pack(Kind.DONE, first.number))
        deadline = time.monotonic() + 5
        while first.number in link._kept and time.monotonic() < deadline:
            time.sleep(0.005)
    with recorder.accept() as connection:
        second.pass_by(b"abc")
        again = told(connection, 5)
        assert [kind for kind, _ in again] == [Kind.AGAIN, Kind.SENT, Kind.ASKED, Kind.ANSWERED, Kind.PIECE]
        connection.sendall(pack(Kind.DONE, second.number))
        link.close()


def test_a_piece_that_may_complete_a_call_is_held_until_it_is_stored(recorder: Recorder) -> None:
    link = Link(recorder.path)
    with recorder.accept() as connection:
        until(link, ready=True)
        tee = exchange(link, b'{"a": 1')
        stored = tee.pass_by(b"}")
        assert stored is not None
        assert not stored.is_set()
        kind, payload = told(connection, 6)[-1]
        assert (kind, payload[HELD.size :]) == (Kind.HELD, b"}")
        connection.sendall(pack(Kind.STORED, tee.number, payload[:4]))
        assert stored.wait(5)


def test_nobody_waits_for_a_recorder_that_is_gone(recorder: Recorder) -> None:
    link = Link(recorder.path)
    connection = recorder.accept()
    until(link, ready=True)
    stored = exchange(link).pass_by(b"{}")
    assert stored is not None
    connection.close()
    assert stored.wait(5)
    until(link, ready=False)
    assert exchange(link).pass_by(b"{}") is None


def test_nobody_waits_for_a_recorder_that_has_not_begun(recorder: Recorder) -> None:
    link = Link(recorder.path)
    with recorder.accept(ready=False):
        assert exchange(link).pass_by(b"{}") is None


STREAM = b'event: content_block_stop\ndata: {"type": "content_block_stop", "index": 0}\n\n'
OTHER = b'event: ping\ndata: {"type": "ping"}\n\n'


@pytest.mark.parametrize("size", [1, 3, 20, 1000])
def test_only_the_piece_that_ends_a_block_is_held(recorder: Recorder, size: int) -> None:
    link = Link(recorder.path)
    with recorder.accept():
        until(link, ready=True)
        tee, whole = exchange(link, headers=EVENTS), OTHER + STREAM + OTHER
        held = [at for at in range(0, len(whole), size) if tee.pass_by(whole[at : at + size]) is not None]
    end = len(OTHER + STREAM) - 1
    assert held == [end // size * size]


def test_a_recorder_that_hangs_costs_no_more_memory_than_allowed(recorder: Recorder) -> None:
    link = Link(recorder.path, limit=100_000)
    with recorder.accept():
        until(link, ready=True)
        for _ in range(50):
            exchange(link, b"x" * 40_000).end()
    assert link._size <= 100_000
    assert sum(len(payload) for _, _, payload in link._outbox) < 150_000


def test_what_was_lost_while_nobody_recorded_is_told_to_each_until_one_has_stored_it(recorder: Recorder) -> None:
    link = Link(recorder.path, limit=100_000)
    for _ in range(5):
        exchange(link, b"x" * 40_000).end()
    for _ in range(2):
        with recorder.accept() as connection, connection.makefile("rb") as file:
            copies = read_copies(file)
            found = [next(copies) for _ in range(13)]
        gone = [(number, json.loads(payload)) for kind, number, payload in found if kind is Kind.GONE]
        assert [said for _, said in gone] == [["r", 3]]
        assert sum(kind in {Kind.OPEN, Kind.AGAIN} for kind, _, _ in found) == 2
    with recorder.accept() as connection:
        for number in list(link._kept):
            connection.sendall(pack(Kind.DONE, number))
        assert link.close(5) == 0


def test_what_was_lost_while_nobody_recorded_is_a_gap(recorder: Recorder, tmp_path: Path) -> None:
    link = Link(recorder.path, limit=100_000)
    for number in range(5):
        body = json.dumps(request(user(f"{number} {'x' * 40_000}"))).encode()
        exchange(link, json.dumps(reply(text("Done."), message_id=f"m{number}")).encode(), body=body).end()
    run = record("a task", store=tmp_path / "footage.db")
    lanes = Lanes()
    lanes.add(run, "r")
    Intake(recorder.listener, lanes)
    assert link.close(30) == 0
    lanes.close()
    run.end()
    seen = Recorded(tmp_path / "footage.db", run.id)
    assert [turn.response_id for turn in seen.turns] == ["m3", "m4"]
    assert [(gap.reason, gap.lost) for gap in seen.gaps] == [(LOST, 3)]


@pytest.mark.parametrize("junk", [b"", b"\x01", pack(Kind.OPEN, 1, b"abc")[:-1]])
def test_a_message_that_was_cut_off_is_passed_over(junk: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(pack(Kind.ASKED, 7) + junk)
        theirs.shutdown(socket.SHUT_WR)
        with ours.makefile("rb") as file:
            assert list(read_copies(file)) == [(Kind.ASKED, 7, b"")]
