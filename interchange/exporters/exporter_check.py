"""Whether an exporter keeps what its contract promises: it writes the runs of a store, whole or not at all."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from footage.errors import RunNotFound, UsageError
from footage.interchange.exporters.contract import Exporter
from footage.plugins import CheckResult, Plugin, assert_named, attempt
from footage.storage import Store

__all__ = ["check_exporter"]


class _Stopped(Exception):
    """What is raised in the middle of an export."""


def check_exporter(plugin: Plugin, store: Store, empty: str) -> Iterator[CheckResult]:
    """Yield what is seen of an exporter, on a store with recorded runs; `empty` is a run in which nothing happened."""
    exporter: Exporter = plugin.load()
    contract = attempt("contract", lambda: _contract(plugin, exporter))
    yield contract
    if not contract.ok:
        return
    trials = {"writes": _writes, "refuses": _refuses, "replaces": _replaces, "stopped": _stopped, "unknown": _unknown}
    for name, trial in trials.items():
        with tempfile.TemporaryDirectory(prefix="footage-check-") as made:
            look = trial
            yield attempt(name, lambda look=look, made=made: look(exporter, store, Path(made)))  # type: ignore[misc]
    with tempfile.TemporaryDirectory(prefix="footage-check-") as made:
        yield attempt("empty", lambda: _empty(exporter, store, empty, Path(made)))


def _contract(plugin: Plugin, exporter: Exporter) -> str:
    line = assert_named(plugin, exporter, "is in the file")
    ending = getattr(exporter, "ENDING", None)
    assert isinstance(ending, str), "ENDING must be the ending of its files"
    right = ending == Path(f"x{ending}").suffix == ending.lower()
    assert right, f"ENDING must be one dot and small letters, and is {ending!r}"
    assert callable(getattr(exporter, "export", None)), "there is no export(store, runs, path, …)"
    return f"{ending}: {line}"


def _export(exporter: Exporter, store: Store, run: str, path: Path, *, overwrite: bool = False) -> None:
    exporter.export(store, [run], path, overwrite=overwrite, on_progress=lambda _done, _total: None)


def _target(exporter: Exporter, folder: Path, name: str = "run") -> Path:
    return folder / f"{name}{exporter.ENDING}"


def _writes(exporter: Exporter, store: Store, folder: Path) -> str:
    """Export every run of the store that has steps."""
    count = size = 0
    for run in (run for run in store.runs() if run.steps):
        path = _target(exporter, folder, run.id)
        written = exporter.export(store, [run.id], path, overwrite=False, on_progress=lambda _done, _total: None)
        assert path.is_file(), "no file was written"
        assert path.stat().st_size, "the file is empty"
        document = json.loads(json.dumps(written.as_json()))
        assert document.get("path") == str(path), f'"path" is {document.get("path")!r}, and the file is {path}'
        assert document.get("to") == exporter.NAME, f'"to" is {document.get("to")!r}, and the name {exporter.NAME!r}'
        assert run.id in document.get("runs", ()), f'"runs" is {document.get("runs")!r}, and lacks {run.id}'
        assert isinstance(document.get("bytes"), int), '"bytes" must be how many bytes were written'
        assert document["bytes"] >= path.stat().st_size, '"bytes" is fewer than the file has'
        count, size = count + 1, size + document["bytes"]
    return f"{count} runs, {size:,} bytes"


def _refuses(exporter: Exporter, store: Store, folder: Path) -> str:
    """Export onto a file that is there, without being asked to replace it."""
    path = _target(exporter, folder)
    path.write_bytes(b"something else")
    try:
        _export(exporter, store, "@1", path)
    except UsageError as error:
        assert path.read_bytes() == b"something else", "it refused, and changed the file that was there"
        return error.message
    raise AssertionError("it wrote over a file that was there, without overwrite")


def _replaces(exporter: Exporter, store: Store, folder: Path) -> str:
    path = _target(exporter, folder)
    path.write_bytes(b"something else")
    _export(exporter, store, "@1", path, overwrite=True)
    assert path.read_bytes() != b"something else", "with overwrite, the file is still the old one"
    return f"with overwrite, {path.stat().st_size:,} bytes took the place of 14"


def _stopped(exporter: Exporter, store: Store, folder: Path) -> str:
    """Let the export fail at its first news of progress: what was there must be there as it was."""
    path = _target(exporter, folder)
    path.write_bytes(b"something else")

    def fail(_done: int, _total: int) -> None:
        raise _Stopped

    try:
        exporter.export(store, ["@1"], path, overwrite=True, on_progress=fail)
    except _Stopped:
        assert path.read_bytes() == b"something else", "it failed in the middle, and the old file is lost"
        left = [each.name for each in folder.iterdir() if each != path]
        assert not left, f"it failed in the middle, and left {', '.join(left)}"
        return "failed in the middle: the old file is whole, and nothing is left over"
    return "it tells no progress: not tried"


def _unknown(exporter: Exporter, store: Store, folder: Path) -> str:
    """Export a run that is not there."""
    try:
        _export(exporter, store, "no-such-run", _target(exporter, folder))
    except RunNotFound as error:
        left = [each.name for each in folder.iterdir()]
        assert not left, f"it left {', '.join(left)}"
        return error.message
    raise AssertionError("it exported a run that is not there")


def _empty(exporter: Exporter, store: Store, run: str, folder: Path) -> str:
    """Export a run in which nothing happened: either is right, a file or a sentence."""
    path = _target(exporter, folder)
    try:
        _export(exporter, store, run, path)
    except UsageError as error:
        assert not path.exists(), "it refused the run, and left a file"
        return error.message
    return f"{path.stat().st_size:,} bytes"
