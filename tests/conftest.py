"""What tests share."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from footage.storage import Store, open_store

# Tests that run side by side find the width of a terminal here that there is not: nothing is to be wrapped for it.
os.environ.pop("COLUMNS", None)
# A shell that puts tests into the background has Ctrl-C ignored, and what they start inherits that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOM = 6 * 1024**3
"""Bytes of memory that must be free for tests to keep their files there."""


def _memory() -> Path | None:
    """Return a folder in memory, where thousands of small durable stores cost no disk; None where it has no room."""
    folder = Path("/dev/shm")
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) and found.f_bavail * found.f_frsize > ROOM else None


if (memory := _memory()) is not None:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))

LONGEST = (
    *("recorder/test_record_kill", "replay/test_exact", "e2e/test_sessions_vm", "viewer/test_viewer_browser"),
    *(
        "recorder/test_record",
        "replay/test_environment",
        "machines/test_qemu",
        "e2e/test_recipes",
        "cli/test_exact_cli",
    ),
    *("recorder/test_old_sdks", "contracts/test_plugins", "cli/test_stops", "interchange/test_export_footage"),
    *("agent/test_standin", "replay/test_fork", "machines/test_desktop", "machines/test_vnc", "cli/test_cli_desktop"),
)
"""Files whose tests take longest, the longest first: begun last, one of them would keep one worker alone at the end."""


SLOW = (
    *("storage/test_crash", "storage/test_store_forks", "storage/test_removal_crash", "storage/test_powercut"),
    *("storage/test_corruption", "storage/test_sealing", "storage/test_redaction", "interchange/test_export_footage"),
    *("interchange/test_import_foreign", "interchange/test_import_malformed", "interchange/test_import_footage"),
    *("interchange/test_import_broken", "interchange/test_export_atif", "providers/test_generated_conversations"),
)
"""Files that kill processes or try many inputs; `make quick` leaves them out."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; workers take a file at a time, in this order. Mark the slow ones."""
    places = {name: place for place, name in enumerate(LONGEST)}
    tests = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        name = item.path.relative_to(tests).with_suffix("").as_posix() if item.path.is_relative_to(tests) else ""
        if name in SLOW:
            item.add_marker("slow")
        return places.get(name, len(LONGEST))

    items.sort(key=place)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Open a store that is empty."""
    with open_store(tmp_path / "runs.db") as opened:
        yield opened


@pytest.fixture(scope="session")
def needs_qemu() -> None:
    """Skip where QEMU, or the Python side of it, is not installed."""
    skip_without_qemu()


def skip_without_qemu() -> None:
    if shutil.which("qemu-system-x86_64") is None or importlib.util.find_spec("qemu") is None:
        pytest.skip("qemu-system-x86_64 or the extra footage[qemu] is not installed")


def built(name: str) -> str:
    """Return the name of a guest that is there, built once and kept; skips where it cannot be."""
    skip_without_qemu()
    from footage.errors import CannotDo
    from footage.machines.qemu.guests.building import build_guest

    try:
        build_guest(name)
    except CannotDo as problem:
        pytest.skip(f"the guest {name} cannot be built here: {problem}")
    return name


@pytest.fixture(scope="session")
def desktop_guest() -> str:
    """Return the name of the small Debian desktop, built where it is not yet."""
    return built("desktop")


@pytest.fixture(scope="session")
def installer_guest() -> str:
    """Return the name of the Debian installer, built where it is not yet."""
    return built("installer")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 12 MB; skips where that is not allowed."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
