"""
The user's configuration: machines by a name of their own, and which of them may be reset.

    [machines.lab]
    machine = "vnc:127.0.0.1:5901"
    reset = ["virsh", "snapshot-revert", "lab", "clean"]
    password_env = "LAB_PASSWORD"

It is `footage.toml` in the user's configuration folder, or the file that FOOTAGE_CONFIG names. Passwords are never in
it: only where they are.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from footage.errors import UsageError

__all__ = ["VARIABLE", "ConfiguredMachine", "configuration_path", "configured", "resettable"]

VARIABLE = "FOOTAGE_CONFIG"
"""Names the file, where it is not in the usual place."""


@dataclass(frozen=True, slots=True)
class ConfiguredMachine:
    """A machine of the configuration."""

    machine: str
    """What `open_machine` takes."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What else stands there: options of the driver."""


def configuration_path() -> Path:
    """Return where the configuration is, present or not."""
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_config_dir("footage")) / "footage.toml"


def configured() -> dict[str, ConfiguredMachine]:
    """Return the machines in the configuration by name. Raises UsageError for a file that makes no sense."""
    path = configuration_path()
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise UsageError(f"The configuration {path} cannot be read: {problem}.") from problem
    machines = found.get("machines", {})
    if not isinstance(machines, dict):
        raise UsageError(f"In the configuration {path}, `machines` must be a table.", hint="[machines.NAME]")
    return {str(name): _machine(path, str(name), given) for name, given in machines.items()}


def _machine(path: Path, name: str, given: Any) -> ConfiguredMachine:
    if not isinstance(given, dict) or not isinstance(given.get("machine"), str):
        raise UsageError(
            f"In the configuration {path}, [machines.{name}] lacks `machine`.",
            hint=f'For example: [machines.{name}] machine = "vnc:127.0.0.1:5901"',
        )
    if given["machine"] == name or ":" in name or "/" in name:
        raise UsageError(f"In the configuration {path}, a machine cannot be called {name!r}.")
    return ConfiguredMachine(given["machine"], {key: value for key, value in given.items() if key != "machine"})


def resettable(machine: str) -> str | None:
    """Return the name in the configuration of a machine that may be reset, by what it is; None if there is none."""
    fitting = (name for name, known in configured().items() if known.machine == machine and known.options.get("reset"))
    return next(fitting, None)
