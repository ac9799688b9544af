"""
A command that is recorded: it is run as it is, with the proxy's address in its environment.

It stays in the foreground with this process, so that a terminal's Ctrl-C reaches it as ever; signals that were meant
for this process alone are passed on to it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

from footage.errors import UsageError
from footage.recorder import environment as joining
from footage.recorder.proxy.known_services import SERVICES
from footage.trajectory import RunStatus

__all__ = ["check_command", "command_environment", "ending_of", "run_command", "short_name", "was_stopped"]

_STOPPING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_LOCAL = "127.0.0.1,localhost"
_INTERPRETERS = ("python", "node", "bash", "sh", "zsh", "deno", "bun", "ruby", "perl", "tsx", "ts-node")


def command_environment(
    addresses: Mapping[str, str],
    *,
    run: str,
    store: str,
    proxy: str,
    machine: Mapping[str, str],
    secrets: Sequence[str] = (),
) -> dict[str, str]:
    """
    Return the environment of a recorded command: this process's own, and how to find run, proxy and machine.

    `addresses` are the base addresses by service (`known_services.SERVICES`); `secrets` are the names of the variables
    whose values every layer of the recording is to keep out. Where the environment names a proxy to the network,
    requests to this machine are excepted from it.
    """
    environment = {**os.environ, **machine}
    for service, address in addresses.items():
        environment[SERVICES[service].variable] = address
        environment.pop(SERVICES[service].instead, None)
    environment |= {joining.RUN: run, joining.STORE: store, joining.PROXY: proxy}
    if named := [name for name in (environment.get(joining.SECRETS, ""), *secrets) if name]:
        environment[joining.SECRETS] = ",".join(named)
    for name in ("NO_PROXY", "no_proxy"):
        known = environment.get(name, "")
        environment[name] = f"{known},{_LOCAL}" if known and known != "*" else known or _LOCAL
    return environment


def run_command(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdout: int | None = None,
    started: Callable[[int], object] = lambda _: None,
) -> int:
    """
    Run a command to its end and return its exit code: 128 and the signal's number where a signal ended it.

    `stdout` is a descriptor for its standard output, by default this process's own; `started` is told the process id.
    Raises UsageError where it cannot be started.
    """
    process: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        if number in {signal.SIGINT, signal.SIGQUIT} and _in_foreground():
            return  # the terminal sent it to the command as well
        if process is None:
            early.append(number)
        elif process.poll() is None:
            process.send_signal(number)

    before = {number: signal.signal(number, forward) for number in _FORWARDED}
    try:
        process = _started(command, environment, stdout)
        started(process.pid)
        for number in early:
            process.send_signal(number)
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def was_stopped(code: int) -> bool:
    """Whether a command ended with this exit code because somebody stopped it."""
    return code - 128 in _STOPPING


def ending_of(code: int) -> tuple[RunStatus, str]:
    """Return how the run of a command ends that ended with this exit code, and the sentence that says why."""
    if was_stopped(code):
        return RunStatus.INTERRUPTED, f"The command was stopped ({signal.Signals(code - 128).name})."
    return (RunStatus.ERRORED, f"The command ended with exit code {code}.") if code else (RunStatus.COMPLETED, "")


def check_command(command: Sequence[str]) -> None:
    """Raise UsageError where there is no such command, before anything is begun for it."""
    if shutil.which(command[0]) is None:
        exists = Path(command[0]).exists()
        raise UsageError(
            f"{command[0]} is no program that can be run." if exists else f"There is no command {command[0]!r}.",
            hint="Put the command after --.",
        )


def _started(command: Sequence[str], environment: Mapping[str, str], stdout: int | None) -> subprocess.Popen[bytes]:
    check_command(command)
    try:
        return subprocess.Popen(command, env=dict(environment), stdout=stdout)
    except OSError as error:
        raise UsageError(f"{command[0]} cannot be started: {error.strerror}.") from error


def _in_foreground() -> bool:
    """Whether a terminal sends its signals to this process, and to what it started."""
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        try:
            if stream is not None and os.tcgetpgrp(stream.fileno()) == os.getpgrp():
                return True
        except (OSError, ValueError):
            continue
    return False


def short_name(command: Sequence[str]) -> str:
    """Return a command's program, and the script it runs; no further arguments, which may hold secrets."""
    program = Path(command[0]).name
    script = command[1] if len(command) > 1 and program.startswith(_INTERPRETERS) else ""
    return f"{program} {Path(script).name}" if script and not script.startswith("-") else program
