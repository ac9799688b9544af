"""Programs that were written for 0.1 find what they imported, and are told where it is now."""

from __future__ import annotations

import subprocess
import sys

EACH = """
import importlib, warnings
from footage.moved import MOVED, new_name
for old in MOVED:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        moved = importlib.import_module(f"footage.{old}")
    there = importlib.import_module(new_name(f"footage.{old}"))
    assert any(f"footage.{old} is " in str(each.message) for each in said), old
    assert all(getattr(moved, name) is getattr(there, name) for name in getattr(there, "__all__", ())), old
"""


def test_a_module_is_found_by_the_name_it_had_and_says_where_it_is() -> None:
    done = subprocess.run([sys.executable, "-c", EACH], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


IMPORTS = """
import warnings
warnings.simplefilter("ignore")
from footage.analysis.diff import diff_runs
from footage.analysis.grading import grade_of, grade_request
from footage.analysis.requests import compare_requests
from footage.analysis.screens import compare_screens
from footage.recorder.lanes import Unrecorded
from footage.recorder.proxy import Proxy
from footage.recorder.secrets import Secrets
from footage.recorder.session import record
from footage.recorder.standin import StandInServer
from footage.recorder.standin.server import StandInServer as Same
from footage.recorder.upstream import Upstream
from footage.replay.machines import open_machine, reopen
from footage.replay.machines.check import check_machine
from footage.replay.machines.desktop.desktop import Desktop
from footage.replay.machines.desktop.programs import Program
from footage.replay.tape.upstream import TapeUpstream
from footage.replay.tape.reply import Answer
from footage.storage.importers import import_paths
from footage.storage.importers.safety.pictures import Pictures
from footage.storage.redaction.secrets import Hider
from footage.storage.writing import RunWriter
from footage.trajectory import MACHINE_PROTOCOL, Machine
import footage, footage.machines.opening
assert StandInServer is Same
assert open_machine is footage.machines.opening.open_machine
assert record is footage.record
assert (Machine, MACHINE_PROTOCOL) == (footage.Machine, footage.MACHINE_PROTOCOL)
"""


def test_what_programs_of_0_1_import_is_there() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
