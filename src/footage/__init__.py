"""
A flight recorder and time-travel debugger for computer-use agents.

    import footage

    with footage.record(task="Add two numbers") as run:
        client = run.attach(anthropic.Anthropic())
        machine = run.watch(machine)
        ...
"""

import sys

TYPE_CHECKING = False  # type checkers know it; nothing is imported here before the command sees to signals
if TYPE_CHECKING:
    from typing import Any

    from footage.agent.model_client import make_client
    from footage.analysis.detectors.contract import Abstained, ExaminedRun, Noticed
    from footage.analysis.runs.diff import diff_runs
    from footage.errors import BadImport, FootageError, MachineError, UnsupportedAction, UsageError
    from footage.interchange.exporters.contract import Exported, Progress
    from footage.interchange.exporters.exporting import export_runs
    from footage.interchange.importers import import_paths
    from footage.interchange.importers.draft import DraftRun, DraftStep
    from footage.interchange.importers.entry import Entry
    from footage.machines.contract import MACHINE_PROTOCOL, Availability, Machine
    from footage.machines.desktop.machine import Desktop
    from footage.machines.desktop.programs.starting import Program
    from footage.machines.opening import open_machine, reopen
    from footage.providers.anthropic.computer_tools import actions_of
    from footage.providers.anthropic.scaling import encode_png
    from footage.providers.images import image_block
    from footage.recorder.recording import Recording, record
    from footage.replay.engine import replay_run
    from footage.replay.fork import fork_run
    from footage.replay.fork_options import ForkChange, ForkOptions
    from footage.storage import Store, open_store, verify_store
    from footage.trajectory import (
        Action,
        Conversation,
        Divergence,
        Finding,
        Frame,
        FrameRole,
        Gap,
        InputEvent,
        Instant,
        Note,
        Outcome,
        Performed,
        Region,
        Run,
        Screenshot,
        Space,
        Step,
        StepStatus,
        Turn,
        Verdict,
    )

__all__ = [
    "MACHINE_PROTOCOL",
    "Abstained",
    "Action",
    "Availability",
    "BadImport",
    "Conversation",
    "Desktop",
    "Divergence",
    "DraftRun",
    "DraftStep",
    "Entry",
    "ExaminedRun",
    "Exported",
    "Finding",
    "FootageError",
    "ForkChange",
    "ForkOptions",
    "Frame",
    "FrameRole",
    "Gap",
    "InputEvent",
    "Instant",
    "Machine",
    "MachineError",
    "Note",
    "Noticed",
    "Outcome",
    "Performed",
    "Program",
    "Progress",
    "Recording",
    "Region",
    "Run",
    "Screenshot",
    "Space",
    "Step",
    "StepStatus",
    "Store",
    "Turn",
    "UnsupportedAction",
    "UsageError",
    "Verdict",
    "__version__",
    "actions_of",
    "diff_runs",
    "encode_png",
    "export_runs",
    "fork_run",
    "image_block",
    "import_paths",
    "make_client",
    "open_machine",
    "open_store",
    "record",
    "reopen",
    "replay_run",
    "verify_store",
]

_HOMES = {
    "Abstained": "footage.analysis.detectors.contract",
    "Action": "footage.trajectory",
    "Availability": "footage.machines.contract",
    "BadImport": "footage.errors",
    "Conversation": "footage.trajectory",
    "Divergence": "footage.trajectory",
    "Desktop": "footage.machines.desktop.machine",
    "DraftRun": "footage.interchange.importers.draft",
    "DraftStep": "footage.interchange.importers.draft",
    "Entry": "footage.interchange.importers.entry",
    "ExaminedRun": "footage.analysis.detectors.contract",
    "Exported": "footage.interchange.exporters.contract",
    "Finding": "footage.trajectory",
    "FootageError": "footage.errors",
    "ForkChange": "footage.replay.fork_options",
    "ForkOptions": "footage.replay.fork_options",
    "Frame": "footage.trajectory",
    "FrameRole": "footage.trajectory",
    "Gap": "footage.trajectory",
    "InputEvent": "footage.trajectory",
    "Instant": "footage.trajectory",
    "MACHINE_PROTOCOL": "footage.machines.contract",
    "Machine": "footage.machines.contract",
    "MachineError": "footage.errors",
    "Note": "footage.trajectory",
    "Noticed": "footage.analysis.detectors.contract",
    "Outcome": "footage.trajectory",
    "Performed": "footage.trajectory",
    "Program": "footage.machines.desktop.programs.starting",
    "Progress": "footage.interchange.exporters.contract",
    "Recording": "footage.recorder.recording",
    "Region": "footage.trajectory",
    "Run": "footage.trajectory",
    "Screenshot": "footage.trajectory",
    "Space": "footage.trajectory",
    "Step": "footage.trajectory",
    "StepStatus": "footage.trajectory",
    "Store": "footage.storage",
    "Turn": "footage.trajectory",
    "UnsupportedAction": "footage.errors",
    "UsageError": "footage.errors",
    "Verdict": "footage.trajectory",
    "actions_of": "footage.providers.anthropic.computer_tools",
    "diff_runs": "footage.analysis.runs.diff",
    "encode_png": "footage.providers.anthropic.scaling",
    "export_runs": "footage.interchange.exporters.exporting",
    "fork_run": "footage.replay.fork",
    "image_block": "footage.providers.images",
    "import_paths": "footage.interchange.importers",
    "make_client": "footage.agent.model_client",
    "open_machine": "footage.machines.opening",
    "open_store": "footage.storage",
    "record": "footage.recorder.recording",
    "reopen": "footage.machines.opening",
    "replay_run": "footage.replay.engine",
    "verify_store": "footage.storage",
}


def __getattr__(name: str) -> "Any":
    """Load a public name where it is first used, so that `import footage` stays cheap."""
    if name == "__version__":
        from importlib.metadata import version

        return version("footage")
    from footage.lazy import loading

    return loading("footage", _HOMES)(name)


def __dir__() -> list[str]:
    return __all__


class _OldNames:
    """Asks `footage.moved` for modules of 0.1, and only where one may be meant: it is loaded by no command's start."""

    _ROOMS = ("footage.analysis.", "footage.recorder.", "footage.replay.", "footage.storage.", "footage.viewer.")

    @classmethod
    def find_spec(cls, fullname: str, _path: "Any" = None, _target: "Any" = None) -> "Any":
        if not fullname.startswith(cls._ROOMS):
            return None
        from footage.moved import find

        return find(fullname)


sys.meta_path.insert(0, _OldNames)  # first, so that no module is loaded twice under two names
