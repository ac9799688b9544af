"""Whether an importer keeps what its contract promises: shown strangers, broken files, and its own example."""

from __future__ import annotations

import shutil
import tempfile
import time
import traceback
import zipfile
from collections.abc import Iterator
from pathlib import Path

from footage.errors import BadImport, FootageError
from footage.interchange.importers.contract import Importer, WithExample
from footage.interchange.importers.entry import Entry
from footage.interchange.importers.walking import Report, import_paths
from footage.plugins import CheckResult, Plugin, assert_named, attempt
from footage.storage import open_store
from footage.storage.upkeep.verify import verify_store

__all__ = ["check_importer"]

_PATIENCE = 10.0
"""Seconds that `recognise` may take for all strangers together; the built-in ones take a hundredth."""
_STRANGERS: dict[str, bytes] = {
    "empty": b"",
    "empty.json": b"{}",
    "list.json": b"[]",
    "null.json": b"null",
    "number.json": b"1e999",
    "deep.json": b"[" * 100_000,
    "twice.json": b'{"a": 1, "a": 2}',
    "wrong.json": b'{"steps": 7, "messages": {"0": null}, "actions": "none", "events": [[]], "history": [null]}',
    "cut.json": b'{"steps": [{"action": "cli',
    "nulls.jsonl": b"null\nnull\n",
    "broken.jsonl": b'{"type": "user"}\n{"type": \n\xff\xfe\n',
    "text.txt": b"Dear diary, today I clicked.\n",
    "page.html": b"<!doctype html><title>x</title>",
    "no-utf8.json": b'{"\xff\xfe": "\xed\xa0\x80"}',
    "cut.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "cut.db": b"SQLite format 3\0",
    "cut.zip": b"PK\x03\x04",
    "bytes.bin": bytes(range(256)) * 4096,
}
"""Files that are nobody's recording."""


def check_importer(plugin: Plugin, example: Path | None = None) -> Iterator[CheckResult]:
    """Yield what is seen of an importer; `example` is a recording of its format, where it does not bring its own."""
    importer: Importer = plugin.load()
    with tempfile.TemporaryDirectory(prefix="footage-check-") as made:
        folder = Path(made)
        contract = attempt("contract", lambda: _contract(plugin, importer))
        yield contract
        if not contract.ok:
            return
        yield attempt("strangers", lambda: _strangers(importer, folder / "strangers"))
        found = attempt("example", lambda: str(_example(importer, folder / "example", example)))
        if not found.ok:
            yield found
            return
        path = Path(found.detail)
        yield attempt("import", lambda: _imports(importer, path, folder))
        yield attempt("again", lambda: _again(importer, path, folder))
        yield attempt("broken", lambda: _broken(importer, path, folder / "broken"))


def _contract(plugin: Plugin, importer: Importer) -> str:
    line = assert_named(plugin, importer, "it looks for")
    priority = getattr(importer, "PRIORITY", 0)
    assert isinstance(priority, int | float), "PRIORITY must be a number"
    for name in ("recognise", "read"):
        assert callable(getattr(importer, name, None)), f"there is no {name}(entry)"
    return f"{line}; priority {priority:g}"


def _strangers(importer: Importer, folder: Path) -> str:
    """Ask of everything that is no recording."""
    folder.mkdir()
    for name, data in _STRANGERS.items():
        (folder / name).write_bytes(data)
    with zipfile.ZipFile(folder / "up.zip", "w") as archive:
        archive.writestr("../../up.json", "{}")
    (folder / "nothing").mkdir()
    (folder / "link.json").symlink_to(folder / "gone.json")
    asked = [*sorted(folder.iterdir()), folder]
    began = time.monotonic()
    for path in asked:
        answer = _asked(importer, path, path.name)
        assert isinstance(answer, bool), f"recognise returned {answer!r} for {path.name}, and no bool"
        assert not answer, f"{path.name}, which is no recording, was taken for one"
    took = time.monotonic() - began
    assert took < _PATIENCE, f"recognise took {took:.1f} s for {len(asked)} small files"
    return f"{len(asked)} files and folders that are no recordings, none taken for one, {took * 1000:.0f} ms"


def _asked(importer: Importer, path: Path, what: str) -> object:
    """Return what an importer says of a file or folder; False where it says that this cannot be looked at at all."""
    try:
        return importer.recognise(Entry(path))
    except BadImport:
        return False
    except Exception as error:
        raise AssertionError(f"recognise raised {type(error).__name__} for {what}: {error}") from error


def _example(importer: Importer, folder: Path, given: Path | None) -> Path:
    if given is not None:
        assert given.exists(), f"there is no file or folder {given}"
        return given.resolve()
    assert isinstance(importer, WithExample), "it has no write_example(folder), and none was given with --example"
    folder.mkdir()
    path = importer.write_example(folder)
    assert path.exists(), f"write_example returned {path}, which is not there"
    assert path.resolve().is_relative_to(folder.resolve()), f"write_example wrote outside its folder: {path}"
    return path


def _imports(importer: Importer, path: Path, folder: Path) -> str:
    """Import the example as a user would, and look whether it is in the store as it was read."""
    with open_store(folder / "store.db") as store:
        report = import_paths(store, [path])
        assert report.imported, f"nothing was imported: {_reasons(report)}{_place(importer, path)}"
        for one in report.imported:
            assert one.format == importer.NAME, f"{one.format!r} takes it: a higher PRIORITY is asked first"
            run = store.run(one.run)
            assert run.source_format == importer.NAME, f"the run was stored as {run.source_format!r}"
            assert run.steps or run.turns, f"run {one.run} has no steps and no replies"
        checked = verify_store(store)
        assert checked.ok, f"the store is not sound: {checked.bad[0].why}"
    steps, left = sum(one.steps for one in report.imported), len(report.skipped)
    return f"{len(report.imported)} runs, {steps} steps" + (
        f", {left} parts left out: {_reasons(report)}" if left else ""
    )


def _again(importer: Importer, path: Path, folder: Path) -> str:
    """Import the example again, and a copy of it from elsewhere: both must be known."""
    with open_store(folder / "store.db") as store:
        elsewhere = folder / "elsewhere" / path.name
        elsewhere.parent.mkdir()
        if path.is_dir():
            shutil.copytree(path, elsewhere)
        else:
            shutil.copytree(path.parent, elsewhere.parent, dirs_exist_ok=True)
        for place, what in ((path, "once more"), (elsewhere, "from another folder")):
            report = import_paths(store, [place], format=importer.NAME)
            assert not report.imported, f"it was imported twice, {what}: the identity must come from its bytes alone"
            assert report.already, f"it was not known {what}: {_reasons(report)}"
    return "imported once more, and from another folder: known both times"


def _broken(importer: Importer, path: Path, folder: Path) -> str:
    """Look at the example cut off at several places: it is recognised or not, and never raises."""
    source = path if path.is_dir() else path.parent
    count = 0
    for part in (0.0, 0.1, 0.5, 0.9, 0.99):
        place = folder / f"{part:g}"
        shutil.copytree(source, place)
        target = place if path.is_dir() else place / path.name
        for file in [each for each in place.rglob("*") if each.is_file()] if path.is_dir() else [target]:
            data = file.read_bytes()
            file.write_bytes(data[: int(len(data) * part)])
        _asked(importer, target, f"the example, cut off after {part:.0%}")
        with open_store(folder / f"{part:g}.db") as store:
            import_paths(store, [target], format=importer.NAME)
            checked = verify_store(store)
            assert checked.ok, f"cut off after {part:.0%}, it left an unsound store: {checked.bad[0].why}"
        count += 1
    return f"cut off at {count} places: told of, and the store stays sound"


def _place(importer: Importer, path: Path) -> str:
    """Return where in its code `read` goes wrong, for its author; nothing where it says itself what is wrong."""
    try:
        for _ in importer.read(Entry(path)):
            pass
    except FootageError:
        return ""
    except Exception as error:  # noqa: BLE001 - an importer's code may raise anything
        file, line, *_ = traceback.extract_tb(error.__traceback__)[-1]
        return f": {type(error).__name__} in {Path(file).name}, line {line}"
    return ""


def _reasons(report: Report) -> str:
    reasons = [f"{Path(skipped.path).name}: {skipped.reason}" for skipped in report.skipped]
    return "; ".join([*reasons[:3], *([f"{len(reasons) - 3} more"] if len(reasons) > 3 else [])]) or "no reason given"
