"""What the agent must never notice: its own exceptions come through as they are, and a failing store is silent."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import anthropic
import pytest
from anthropic import APIRequest, APIResponse, AsyncAPIResponse, AsyncCallNext, CallNext, Middleware

import footage
from footage.errors import StoreFull
from footage.recorder.heartbeat import Heartbeat
from footage.storage import RunWriter, open_store, verify_store
from footage.storage.file.database import Database
from footage.trajectory import FrameRole, Run, RunStatus, StepStatus
from recording import CLASSIC, Tape, call, pixels, reply, request, result, text, user
from sdk_http import http

ASK: dict[str, Any] = {"model": "m", "max_tokens": 10, "tools": [CLASSIC], "messages": [user("Go")]}
PLACE = http.Request("POST", "http://127.0.0.1:9/v1/messages")
GIVEN: dict[str, Any] = {
    "message": "as it came",
    "request": PLACE,
    "response": http.Response(418, request=PLACE),
    "body": {"error": "as it came"},
    "path": None,
    "library": "x",
    "extra": "y",
    "action": "add",
    "toolset_name": "computer",
}


# --- the agent's own exceptions -----------------------------------------------------------------------------------


def every(base: type[BaseException]) -> Iterator[type[BaseException]]:
    yield base
    for found in base.__subclasses__():
        yield from every(found)


def made(kind: type[BaseException]) -> BaseException:
    """Return an exception of this class, whatever it needs to be made."""
    wanted = inspect.signature(kind.__init__).parameters
    if issubclass(kind, anthropic.AnthropicError):
        return kind(**{name: value for name, value in GIVEN.items() if name in wanted})
    return kind("as it came")


OTHERS: tuple[type[BaseException], ...] = (
    KeyboardInterrupt,
    SystemExit,
    GeneratorExit,
    asyncio.CancelledError,
    MemoryError,
    http.ReadTimeout,
)
KINDS: list[type[BaseException]] = list(dict.fromkeys([*every(anthropic.AnthropicError), *OTHERS]))


class Raising(Middleware):
    """Stands for whatever is below the recorder."""

    def __init__(self) -> None:
        self.error: BaseException = Exception()

    def handle(self, request: APIRequest, call_next: CallNext) -> APIResponse[Any]:  # noqa: ARG002 - the SDK's names
        raise self.error

    async def handle_async(self, request: APIRequest, call_next: AsyncCallNext) -> AsyncAPIResponse[Any]:  # noqa: ARG002
        raise self.error


def raised_by(client: anthropic.Anthropic) -> BaseException:
    try:
        client.messages.create(**ASK)
    except BaseException as error:  # noqa: BLE001 - all of them are what this is about
        return error
    pytest.fail("nothing was raised")


async def raised_by_async(client: anthropic.AsyncAnthropic) -> BaseException:
    try:
        await client.messages.create(**ASK)
    except BaseException as error:  # noqa: BLE001
        return error
    pytest.fail("nothing was raised")


def test_there_is_something_to_raise() -> None:
    assert len(KINDS) >= 30
    assert {anthropic.RateLimitError, anthropic.APITimeoutError, anthropic.OverloadedError} <= set(KINDS)


def test_every_exception_of_the_sdk_is_the_same_object_with_the_recorder_on_and_off(tmp_path: Path) -> None:
    tape, below = Tape(tmp_path), Raising()
    bare = anthropic.Anthropic(api_key="k", max_retries=0)
    plain, attached = bare.with_middleware(below), tape.run.attach(bare).with_middleware(below)
    for kind in KINDS:
        below.error = made(kind)
        off, on = raised_by(plain), raised_by(attached)
        assert off is below.error, kind
        assert on is below.error, kind
        assert on.__cause__ is None
    seen = tape.read()
    told = " ".join(attempt.error for turn in seen.turns for attempt in turn.attempts)
    assert all(kind.__name__ in told for kind in KINDS if issubclass(kind, Exception))


def test_so_it_is_with_an_asynchronous_client(tmp_path: Path) -> None:
    tape, below = Tape(tmp_path), Raising()
    attached = tape.run.attach(anthropic.AsyncAnthropic(api_key="k", max_retries=0)).with_middleware(below)
    for kind in KINDS:
        if issubclass(kind, KeyboardInterrupt | SystemExit):  # asyncio itself ends the loop with these
            continue
        below.error = made(kind)
        assert asyncio.run(raised_by_async(attached)) is below.error, kind
    tape.run.end()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_ends_it_in_a_step_too(kind: type[BaseException], tmp_path: Path) -> None:
    tape, error = Tape(tmp_path), kind("as it came")
    with pytest.raises(kind) as raised, tape.run, tape.run.step("wait", duration=1):
        raise error
    assert raised.value is error
    with open_store(tape.path, readonly=True) as store:
        assert store.run(tape.run.id).status in {RunStatus.INTERRUPTED, RunStatus.ERRORED}
        assert store.steps(tape.run.id)[0].status is StepStatus.UNKNOWN


# --- a clock that is set back -------------------------------------------------------------------------------------


def test_a_clock_that_is_set_back_changes_no_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tape, plain, shift = Tape(tmp_path), time.time_ns, [0]
    monkeypatch.setattr(time, "time_ns", lambda: plain() + shift[0])
    for number in range(6):
        shift[0] = (-1) ** number * number * 365 * 86400 * 10**9
        with tape.run.step("left_click", coordinate=[number, 0]) as step:
            shift[0] -= 3600 * 10**9  # in the middle of the action as well
            step.frame(pixels(number), FrameRole.AFTER)
    seen = tape.read()
    assert [step.action.point for step in seen.steps] == [(number, 0) for number in range(6)]
    assert all(step.duration_ms is not None and 0 <= step.duration_ms < 60_000 for step in seen.steps)
    moments = [moment for step in seen.steps for moment in (step.intended, step.started, step.ended)]
    clock = [moment.monotonic_ns for moment in moments if moment]
    assert clock == sorted(clock)
    assert [seen.shade(number, FrameRole.AFTER) for number in range(6)] == [[number] for number in range(6)]


# --- a store that fails -------------------------------------------------------------------------------------------


class Failing:
    """A store whose transactions fail: those numbered `first` to `first + count - 1`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, first: int = 0, count: int = 0) -> None:
        self.asked = 0
        self.failed = 0
        self.failed_at_end = False
        """Whether it was the end of the run that could not be stored."""
        self._failing = range(first, first + count)
        self._plain = Database.transaction
        monkeypatch.setattr(Database, "transaction", lambda database, **options: self._counted(database, options))

    @contextlib.contextmanager
    def _counted(self, database: Database, options: dict[str, Any]) -> Iterator[Any]:
        number, self.asked = self.asked, self.asked + 1
        if number in self._failing:
            self.failed += 1
            self.failed_at_end |= any(call.name == "end" for call in traceback.extract_stack())
            raise StoreFull("No room left.")
        with self._plain(database, **options) as connection:
            yield connection


Acked = dict[str, list[Any]]
KEPT = ("begin_turn", "end_turn", "intend", "finish", "frame")


def noting(monkeypatch: pytest.MonkeyPatch) -> Acked:
    """Note what the pen acknowledged: a call that returned."""
    acked: Acked = {name: [] for name in KEPT}

    def patched(name: str) -> None:
        plain = getattr(RunWriter, name)

        def method(writer: RunWriter, *arguments: Any, **options: Any) -> Any:
            returned = plain(writer, *arguments, **options)
            acked[name].append(arguments[0] if returned is None else returned)
            return returned

        monkeypatch.setattr(RunWriter, name, method)

    whole = RunWriter.together

    @contextlib.contextmanager
    def together(writer: RunWriter) -> Iterator[None]:
        before = {name: len(values) for name, values in acked.items()}
        try:
            with whole(writer):
                yield
        except BaseException:  # nothing of what is done together is acknowledged before all of it
            for name, count in before.items():
                del acked[name][count:]
            raise

    monkeypatch.setattr(RunWriter, "together", together)
    for name in KEPT:
        patched(name)
    return acked


def work(path: Path) -> footage.Recording:
    """Do what an agent does: two exchanges, two calls carried out with frames; each stage a transaction or two."""
    with footage.record("Add", store=path, tags=["a"]) as run:
        run.turn(request(user("Go")), reply(call("a", action="left_click", coordinate=[1, 2])))
        with run.step("left_click", call="a", coordinate=[1, 2]) as step:
            step.frame(pixels(10), FrameRole.BEFORE)
            run.pictures.flush()
            step.frame(pixels(20), FrameRole.AFTER)
            run.pictures.flush()
            step.text = "Clicked."
        said = [user("Go"), {"role": "assistant", "content": [call("a", action="left_click", coordinate=[1, 2])]}]
        run.turn(request(*said, user([result("a", text("Clicked."))])), reply(text("Done."), message_id="msg_2"))
        with run.step("wait", duration=0):
            pass
        run.outcome("success")
    return run


def check(path: Path, run: str, acked: Acked) -> Run:
    """All that was acknowledged is there; return the run."""
    with open_store(path) as store:
        steps = {step.index: step for step in store.steps(run)}
        turns = {turn.number: turn for turn in store.turns(run)}
        assert steps.keys() >= set(acked["intend"])
        assert all(steps[index].status is StepStatus.EXECUTED for index in acked["finish"])
        assert turns.keys() >= set(acked["begin_turn"])
        assert all(turns[number].status == "completed" for number in acked["end_turn"])
        frames = {frame.id: frame for frame in store.frames(run)}
        assert all(store.pixels(frames[frame].picture).shape == (48, 64, 3) for frame in acked["frame"])
        assert verify_store(store).ok
        return store.run(run)


def stages() -> int:
    """Return how many transactions the work has, the store's own making among them."""
    import tempfile

    with pytest.MonkeyPatch.context() as patched, tempfile.TemporaryDirectory() as folder:
        counted = Failing(patched)
        work(Path(folder) / "s.db")
        return counted.asked


@pytest.mark.parametrize("count", [1, 4, 1000])
def test_a_store_that_fails_at_any_stage_never_breaks_the_agent_and_shows_a_gap(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "footage")
    monkeypatch.setattr(Heartbeat, "_work", lambda _: None)  # on a slow machine it would be a stage more now and then
    last = stages()
    assert last > 15
    for first in range(last):
        path = tmp_path / f"{first}.db"
        with monkeypatch.context() as patched:
            acked = noting(patched)
            failing = Failing(patched, first, count)
            run = work(path)
        assert failing.failed
        if not run.id:  # it failed before there was a run
            assert not any(acked.values())
            continue
        kept = check(path, run.id, acked)
        with open_store(path, readonly=True) as store:
            gaps = store.gaps(run.id)
            turns, frames = store.turns(run.id), store.frames(run.id)
        if not gaps:  # what could not be stored at once was stored piece by piece
            assert [turn.status for turn in turns] == ["completed", "completed"]
            assert (kept.steps, len(frames)) == (2, 2), f"stage {first}: a failure that nothing tells of"
            assert all(turn.attempts and turn.response_id for turn in turns)
            continue
        lost = sum(gap.lost or 0 for gap in gaps)
        assert lost or kept.status is RunStatus.INTERRUPTED
        if count == 1 and not failing.failed_at_end:
            assert kept.status is RunStatus.COMPLETED


def test_a_strict_recorder_marks_what_it_lost_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tape = Tape(tmp_path, strict=True)
    with monkeypatch.context() as patched:
        patched.setattr(RunWriter, "frame", Mock(side_effect=StoreFull("No room left.")))
        tape.run.frame(pixels(1))
        with pytest.raises(StoreFull):
            tape.run.flush()
    (gap,) = tape.read().gaps
    assert gap.lost == 1
    assert gap.reason == "a frame could not be recorded: StoreFull: No room left."
