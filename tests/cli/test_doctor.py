"""`footage doctor` says what is missing, what that means, and what to do; it leaves nothing behind."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli import call
from footage.cli.shared import doctor_checks as checks
from footage.cli.shared.doctor_checks import Status
from footage.storage import open_store

NAMES = [
    *("sqlite", "store", "disk space", "file system", "locks", "durable writes", "clock"),
    *("display", "window manager", "isolation", "python-xlib", "qemu", "chromium"),
]
FAR = 365 * 86400 * 10**9


def full_disk(free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(total=10**12, used=10**12 - free, free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


def test_everything_is_looked_at_and_nothing_is_left_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, "doctor", "--store", tmp_path / "new" / "s.db", "--json")
    assert said.code == 0
    assert [check["name"] for check in said.document["checks"]] == NAMES
    assert said.document["ok"] is True
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_there_is_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.db"
    with open_store(path) as store:
        store.begin_run(task="x").end()
    before, listed = path.read_bytes(), {*tmp_path.iterdir()}
    said = call(capsys, "doctor", "--store", path)
    assert said.code == 0
    assert "runs: 1" in said.out
    assert path.read_bytes() == before
    assert {*tmp_path.iterdir()} - listed <= {tmp_path / "s.db-wal", tmp_path / "s.db-shm"}  # SQLite's own


def test_what_was_seen_stays_beside_its_name_on_a_narrow_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    long = "A sentence that takes more than one line on a narrow terminal, and then /a/path/" + "x" * 60
    found = [checks.Check("window manager", Status.WARN, long, "Do this."), checks.Check("clock", Status.OK, "running")]
    monkeypatch.setattr("footage.cli.commands.doctor.checks", lambda _: iter(found))
    lines = call(capsys, "doctor", "--store", tmp_path / "s.db").out.splitlines()
    assert lines[0].startswith("! window manager A sentence")
    assert all(line.startswith(" " * 17) and line[17] != " " for line in lines[1:-1])
    assert "".join(line[17:].strip() for line in lines[:-1]).replace(" ", "") == (long + "Do this.").replace(" ", "")
    assert lines[-1].rstrip() == "✓ clock          running"
    assert max(map(len, lines)) <= 60


def test_what_is_no_store_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.db").write_text("no store " * 50)
    said = call(capsys, "doctor", "--store", tmp_path / "s.db", "--json")
    failed = [check["name"] for check in said.document["checks"] if check["status"] == "fail"]
    assert (said.code, said.document["ok"], failed) == (1, False, ["store"])


@pytest.mark.parametrize(
    ("version", "status", "word"),
    [
        ((3, 36, 0), Status.FAIL, "too old"),
        ((3, 40, 1), Status.OK, "writers' lock covers it"),
        ((3, 51, 2), Status.OK, "writers' lock covers it"),
        ((3, 51, 3), Status.OK, "SQLite 3.51.3"),
    ],
)
def test_versions_of_sqlite(
    version: tuple[int, int, int], status: Status, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    monkeypatch.setattr(sqlite3, "sqlite_version", ".".join(map(str, version)))
    found = checks.sqlite_version()
    assert found.status is status
    assert word in found.detail
    assert bool(found.hint) is (version < (3, 51, 3))


def test_a_folder_nobody_may_write_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = checks.the_store(tmp_path / "s.db")
    assert found.status is Status.FAIL
    assert "--store" in found.hint


@pytest.mark.parametrize(("free", "status"), [(1 << 20, Status.FAIL), (500 << 20, Status.WARN), (5 << 30, Status.OK)])
def test_disk_space(free: int, status: Status, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full_disk(free, monkeypatch)
    assert checks.disk_space(tmp_path).status is status


def test_locks_that_lock_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.locks(tmp_path).status is Status.OK
    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", lambda *_: None)
        assert checks.locks(tmp_path).status is Status.FAIL

    def refused(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refused)
    assert "not implemented" in checks.locks(tmp_path).detail


def test_a_network_disk_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = f"/dev/sda1 / ext4 rw 0 0\nserver:/x {tmp_path} nfs4 rw 0 0\n"
    monkeypatch.setattr(Path, "read_text", lambda *_: mounts)
    assert checks.file_system(tmp_path / "inside").status is Status.WARN
    assert checks.file_system(tmp_path.parent).detail == "ext4"


def test_durable_writes_that_are_slow_or_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.durable_writes(tmp_path).status is not Status.FAIL
    monkeypatch.setattr(checks, "_commit_time", lambda _: 0.2)
    assert checks.durable_writes(tmp_path).status is Status.WARN
    assert checks.durable_writes(tmp_path / "missing").status is Status.FAIL


def test_a_clock_that_was_set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.db"
    with open_store(path) as store:
        store.begin_run(task="x").end()
    assert checks.clock(path).status is Status.OK
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now - FAR)
    found = checks.clock(path)
    assert found.status is Status.WARN
    assert "8760.0 h behind" in found.detail


@pytest.mark.parametrize("look", [checks.display, checks.window_manager, checks.isolation])
def test_missing_programs_are_warnings_with_their_packages(
    look: checks.Looking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    found = look()
    assert found.status is Status.WARN
    assert "apt-get install" in found.hint


@pytest.mark.parametrize("script", ["exit 1", "echo no number", "exec sleep 60"])
def test_an_x_server_that_does_not_start(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = tmp_path / "Xvfb"
    server.write_text(f"#!/bin/sh\n{script}\n")
    server.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(checks, "_PATIENCE", 0.3)
    assert checks.display().status is Status.WARN


def test_walls_that_may_not_be_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = checks.isolation()
    assert found.status is Status.WARN
    assert "not isolated" in found.detail


def test_without_a_browser_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert checks.browser().status is Status.OK
