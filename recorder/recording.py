"""
A recording: one run being written, and everything that writes into it.

    with footage.record(task="Add two numbers") as run:
        client = run.attach(anthropic.Anthropic())
        machine = run.watch(machine)
        ...
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from footage.errors import RunNotFound, StoreError, UsageError
from footage.machines.contract import Machine
from footage.providers.common_form import plain
from footage.recorder.environment import PROXY, is_proxied, run_to_join
from footage.recorder.heartbeat import Heartbeat
from footage.recorder.kept_out import SHORTEST_NAMED, Secrets, secrets_of_environment
from footage.recorder.resume import take_up
from footage.recorder.safe_writer import Guard
from footage.recorder.screen.frame_queue import PictureQueue, QueuedFrame
from footage.recorder.screen.watched_machine import WatchedMachine
from footage.recorder.step_book import StepBook, StepEntry
from footage.recorder.wire.exchanges import Exchange
from footage.recorder.wire.run_wire import Wire
from footage.storage import RunWriter, Store, open_store
from footage.storage.pictures.tiles import load_modules
from footage.trajectory import JSON, Action, FrameRole, Instant, OutcomeSource, Pixels, RunStatus, StepStatus

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["RecordedStep", "Recording", "record", "resume"]

_log = logging.getLogger("footage")
_ONLY_HERE = (
    "Secrets that are named here are not known to the proxy that records this process's requests: name their variables"
    " with `footage record --secret`."
)
_Client = TypeVar("_Client")
_Name = TypeVar("_Name", FrameRole, OutcomeSource)


def record(
    task: str = "",
    *,
    store: Store | str | Path | None = None,
    task_id: str | None = None,
    model: str = "",
    machine: Machine | JSON | None = None,
    strict: bool = False,
    tags: Sequence[str] = (),
    secrets: Sequence[str] = (),
    join: bool = True,
    layer: str = "in process",
) -> Recording:
    """
    Begin to record a run; a context manager, or end it with `Recording.end`.

    In a command that is being recorded already (`FOOTAGE_RUN`) it joins that run, unless `join` is False or `store` is
    another one. `secrets` are texts that must not be stored, wherever they turn up; the values of variables named like
    secrets, and what looks like a provider's key, are kept out without being named. `layer` says who writes.

    `store` as for `open_store`; `machine` (or its specification) is what the agent acts on, if it is not watched.
    A store that fails later never breaks the agent: the run goes on with a gap, unless `strict`. One that cannot be
    used at all raises NotAStore or StoreTooNew at once; without room or rights the recording says so once and stays
    empty, unless `strict`.
    """
    specification = machine.specification if isinstance(machine, Machine) else machine
    used: Store | None = None
    owned: Store | None = None
    writer: RunWriter | None = None
    joined: RunWriter | None = None
    kept_out = secrets_of_environment()
    only_here = [secret for secret in secrets if kept_out.clean(secret) == secret]
    if any(0 < len(secret.strip()) < SHORTEST_NAMED for secret in secrets):
        _log.warning("A secret of less than %d characters cannot be kept out: it is not.", SHORTEST_NAMED)
    for secret in secrets:
        kept_out.add(secret)
    try:
        used = store if isinstance(store, Store) else open_store(store)
        owned = None if isinstance(store, Store) else used
        task, task_id, model = kept_out.clean(task), task_id and kept_out.clean(task_id), kept_out.clean(model)
        specification = kept_out.clean_json(specification)
        joined = _joined(used, layer) if join else None
        writer = joined or used.begin_run(task=task, task_id=task_id, model=model, machine=specification, layer=layer)
    except (StoreError, OSError) as error:
        if strict or getattr(error, "exit_code", 3) == UsageError.exit_code:
            raise
        what_to_do = f" {hint}" if (hint := getattr(error, "hint", "")) else ""
        _log.warning("This run cannot be recorded: %s%s The agent goes on without.", error, what_to_do)
    recording = Recording(
        writer, owned, strict=strict, model=model, machine=specification, secrets=kept_out, joined=joined is not None
    )
    if joined is not None:
        if only_here and os.environ.get(PROXY):
            _log.warning(_ONLY_HERE)
        recording.guard.write(
            "the task",
            lambda w: w.describe_missing(task=task, task_id=task_id, model=model, machine=specification),
        )
    if used is not None:
        for tag in tags:
            recording.guard.write("a tag", partial(_tag, used, kept_out.clean(tag)))
    return recording


def resume(
    run: str,
    *,
    store: Store | str | Path | None = None,
    secrets: Sequence[str] = (),
    layer: str,
    joined: bool = False,
) -> Recording:
    """
    Go on recording a run whose recorder died, in its place; the caller says what is missing.

    `joined`: its recorder is well, and this is one more, which will not end the run. Raises RunNotFound, StoreError.
    """
    kept_out = secrets_of_environment()
    for secret in secrets:
        kept_out.add(secret)
    used = store if isinstance(store, Store) else open_store(store)
    known = used.run(run)
    owned = None if isinstance(store, Store) else used
    writer = used.join_run(known.id, layer=layer)
    recording = Recording(
        writer, owned, model=known.model, machine=plain(known.machine), secrets=kept_out, joined=joined
    )
    if not joined:
        recording.guard.attempt("the run so far", lambda: take_up(recording, used))
    return recording


def _tag(store: Store, tag: str, writer: RunWriter) -> None:
    store.add_tag(writer.run_id, tag)


def _joined(store: Store, layer: str) -> RunWriter | None:
    """Join the run that this process is recorded in; None where there is none, or none any more."""
    running = run_to_join(store.path)
    try:
        return store.join_run(running, layer=layer) if running else None
    except RunNotFound:
        return None


class Recording:
    """One run being recorded. Thread-safe, except that a watched machine has one caller at a time."""

    def __init__(
        self,
        writer: RunWriter | None,
        store: Store | None = None,
        *,
        strict: bool = False,
        model: str = "",
        machine: JSON | None = None,
        secrets: Secrets | None = None,
        joined: bool = False,
    ) -> None:
        load_modules()
        self._store = store
        self.joined = joined
        """Whether somebody else began the run, and will end it."""
        self.otherwise = ""
        """What names the task at the end where neither a person nor a request did."""
        self._machine = machine
        self._screen: tuple[int, int] | None = _screen_of(machine)
        self._ended = False
        self._watched: list[WatchedMachine] = []
        self.id = writer.run_id if writer else ""
        """The run's id; "" where nothing can be recorded."""
        self.guard = Guard(writer, strict=strict, secrets=secrets, shared=joined)
        """What keeps a failing store from the agent; for modules of the recorder."""
        self.steps = StepBook(self.guard)
        """The steps that are under way; for modules of the recorder."""
        self.pictures = PictureQueue(self.guard)
        """The queue of pictures to be stored; for modules of the recorder."""
        self._heartbeat = Heartbeat(self.guard)
        self.wire = Wire(self.guard, self.steps, self.pictures, screen=lambda: self._screen, model=model)
        """What an attached client's exchanges become; for modules of the recorder."""

    @property
    def writer(self) -> RunWriter | None:
        """The run's pen; None where nothing can be recorded."""
        return self.guard.writer

    # --- layers ---

    def attach(self, client: _Client) -> _Client:
        """
        Return a client like `client` whose exchanges are recorded: Anthropic's, OpenAI's, Google's.

        A client whose requests pass the run's proxy is recorded there, and is returned as it is. Raises UsageError for
        anything else.
        """
        google = getattr(client, "_api_client", None)  # of google.genai: what asks for all its parts
        self.guard.secrets.add(str(getattr(google or client, "api_key", None) or ""), named=False)
        if self.joined and is_proxied(client):
            return client
        if hasattr(client, "with_middleware"):
            from footage.recorder.wire.attach import attach
        elif google is not None:
            from footage.recorder.wire.attach_httpx import attach_google as attach
        else:
            from footage.recorder.wire.attach_httpx import attach

        return attach(client, self.wire)

    def watch(self, machine: Machine, *, quiet: float = 0.25, limit: float = 3.0) -> WatchedMachine:
        """
        Return a machine like `machine` that records a frame before and after each action.

        An action counts as over when the screen has not changed for `quiet` seconds (after keys: half a second, if
        that is longer), at the latest after `limit`.
        """
        specification = machine.specification
        self._screen = _screen_of(specification) or self._screen
        if specification != self._machine:
            self._machine = specification
            known = self.guard.secrets.clean_json(specification)
            self.guard.write("the machine", lambda w: w.describe(machine=known))
        watched = WatchedMachine(machine, self.guard, self.steps, self.pictures, quiet=quiet, limit=limit)
        self._watched.append(watched)
        return watched

    # --- by hand ---

    def turn(self, request: JSON, response: JSON | None = None) -> Exchange:
        """
        Record an exchange with a model, in the Messages API's form; its tool calls become intended steps.

        Without `response` (the message), tell the returned exchange what comes: `reply`, or `feed` and `close`, or
        `fail`.
        """
        exchange = self.wire.ask(plain(request))
        exchange.wait()
        if response is not None:
            exchange.reply(200, response)
        return exchange

    @contextlib.contextmanager
    def step(self, action: Action | str, *, call: str | None = None, **arguments: Any) -> Iterator[RecordedStep]:
        """
        Record an action while the block carries it out: `with run.step("left_click", coordinate=[10, 20]):`.

        `call` is the id of the tool call that asked for it. An exception makes the step `failed`, and goes on.
        """
        given = action if isinstance(action, Action) else Action(action, arguments)
        entry = self.steps.claim(given, call)
        recorded = RecordedStep(self, entry)
        self.steps.start(entry, Instant.now())
        try:
            yield recorded
        except BaseException as error:
            status = StepStatus.FAILED if isinstance(error, Exception) else StepStatus.UNKNOWN
            self.steps.finish(entry, status, result_text=recorded.text, error=_told(error), ended=Instant.now())
            raise
        self.steps.finish(entry, StepStatus.EXECUTED, result_text=recorded.text, ended=Instant.now())

    def frame(
        self,
        picture: Pixels | bytes | Image,
        *,
        step: RecordedStep | int | None = None,
        role: FrameRole | str = FrameRole.BETWEEN,
        captured: Instant | None = None,
        display: str = "",
        screen: tuple[int, int] | None = None,
    ) -> None:
        """
        Record a screen: pixels, an encoded picture or a PIL image; stored by another thread.

        `role` is what it is to `step`. `screen` is the (width, height) of the whole screen, if that is not the
        picture's. A picture that is none leaves a gap (BadPicture if strict, at the next call). An unknown role raises
        UsageError.
        """
        index = step.index if isinstance(step, RecordedStep) else step
        known = _one_of(FrameRole, role, "role of a frame")
        roles = [] if index is None else [(index, known)]
        found = _pixels(picture)
        display = self.guard.secrets.clean(display)
        self.pictures.put(QueuedFrame(found, captured or Instant.now(), roles, display, screen))

    def gap(self, reason: str, *, step: int | None = None, lost: int | None = None) -> None:
        """Mark a stretch that is missing."""
        self.guard.write("a gap", lambda w: w.gap(self.guard.secrets.clean(reason), step=step, lost=lost))

    def outcome(self, value: str, source: OutcomeSource | str = OutcomeSource.SELF, note: str = "") -> None:
        """
        Record an opinion on the task: `success`, `failure` or a number as text; `source` is whose it is.

        Raises UsageError for an unknown source.
        """
        said = _one_of(OutcomeSource, source, "source of an outcome")
        clean = self.guard.secrets.clean
        self.guard.write("an outcome", lambda w: w.outcome(clean(value), said, clean(note)))

    # --- the end ---

    def stop_watching(self) -> None:
        """Take no more frames of the watched machines between actions: they are about to end."""
        for watched in self._watched:
            watched.stop()

    def flush(self) -> None:
        """Wait until everything so far is stored."""
        self.wire.requests.flush()
        self.pictures.flush()
        self.guard.flush()

    def end(self, status: RunStatus = RunStatus.COMPLETED, *, error: str = "") -> None:
        """Store what is still on its way, and end the run. A second call does nothing."""
        if self._ended:
            return
        self._ended = True
        self._heartbeat.stop()
        clean = self.guard.secrets.clean
        self.stop_watching()
        try:
            self.wire.requests.close()
            self.wire.name_task(self.otherwise)
            self.pictures.close()
            self.guard.flush()
        finally:
            try:
                self.guard.write("the end", lambda w: w.leave() if self.joined else w.end(status, error=clean(error)))
            finally:
                if self.guard.writer is not None:
                    self.guard.writer.leave()  # also where the end could not be stored: the run is live no more
                if self._store is not None:
                    self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.end()
            return
        status, text = _ending(error)
        try:
            self.end(status, error=text)
        except Exception as problem:  # noqa: BLE001 - the agent's own error is the one to be seen
            _log.warning("The end of run %s could not be recorded: %s", self.id, problem)


class RecordedStep:
    """A step that is being carried out; what `Recording.step` yields."""

    def __init__(self, recording: Recording, entry: StepEntry) -> None:
        self._recording = recording
        self._entry = entry
        self.text = ""
        """What the action gave back."""

    @property
    def index(self) -> int | None:
        """The step's number in its run; None where it could not be stored."""
        return self._entry.index

    def frame(self, picture: Pixels | bytes | Image, role: FrameRole | str) -> None:
        """Record a screen in its role towards this step."""
        self._recording.frame(picture, step=self, role=role)


def _ending(error: BaseException) -> tuple[RunStatus, str]:
    """Return how a run ends that an exception left."""
    if isinstance(error, SystemExit) and not error.code:
        return RunStatus.COMPLETED, ""
    loaded = sys.modules.get("asyncio")  # where nobody has loaded it, nobody raises what is its own
    stopped = isinstance(error, (KeyboardInterrupt, GeneratorExit, *([loaded.CancelledError] if loaded else [])))
    return RunStatus.INTERRUPTED if stopped else RunStatus.ERRORED, _told(error)


def _told(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted."
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def _one_of(names: type[_Name], given: str, what: str) -> _Name:
    """Return the name that a caller gave. Raises UsageError with those there are."""
    try:
        return names(given)
    except ValueError:
        *others, last = names
        known = f"{', '.join(others)} or {last}"
        raise UsageError(f"{given!r} is no {what}: {known}.") from None


def _screen_of(specification: JSON | None) -> tuple[int, int] | None:
    screen = specification.get("screen") if specification else None
    if isinstance(screen, list | tuple) and len(screen) == 2:
        return int(screen[0]), int(screen[1])
    return None


def _pixels(picture: Pixels | bytes | Image) -> Pixels | bytes:
    """Return a picture as the store takes it; a copy where the caller might change it later."""
    if isinstance(picture, bytes):
        return picture
    import numpy as np

    if hasattr(picture, "convert"):
        return np.asarray(picture.convert("RGB"), dtype=np.uint8)
    return np.array(picture, dtype=np.uint8, order="C")
