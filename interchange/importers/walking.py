"""Walking through files and folders: what is a recording, in which format, and what became of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from footage.errors import NotAStore, PluginBroken, StoreCorrupt, StoreError, StoreTooNew, UsageError
from footage.interchange.importers.contract import Importer
from footage.interchange.importers.draft import DraftRun
from footage.interchange.importers.draft_writer import known_run, write_run
from footage.interchange.importers.entry import Entry
from footage.interchange.importers.ordering import load_importer, ordered_importers
from footage.interchange.importers.own.footage_reader import import_footage_file, is_footage_file
from footage.interchange.importers.reasons import on_a_line, reason_of
from footage.interchange.importers.safety import Pictures, forget, is_pickle, why_unfit
from footage.plugins import OWN, Plugin
from footage.storage.store import Store
from footage.trajectory import JSON, RunStatus

__all__ = ["NO_FORMAT", "OWN_PAGE", "Imported", "Report", "Skipped", "import_paths"]

NO_FORMAT = "it is none of the formats that footage knows"
"""The reason for a file that looks like data, but is no recording."""

OWN_PAGE = (
    "it is a page that footage made to be looked at: import the run's .footage file, which `footage export` writes"
)
"""The reason for a run as one HTML file."""

_DEPTH = 24
_PAGE = re.compile(rb"\s*<(!doctype html|html)\b", re.IGNORECASE)
_MADE_HERE = b'<meta name="generator" content="footage">'
_MAY_BE_RECORDINGS = frozenset({"json", "jsonl", "zip", "sqlite"})


@dataclass(frozen=True, slots=True)
class Imported:
    """A run that is in the store now."""

    run: str
    path: str
    format: str
    steps: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file, or a part of one, that is not in the store, and why."""

    path: str
    reason: str
    known: bool = False
    """Whether it is in the store since an earlier import."""


@dataclass(slots=True)
class Report:
    """What an import did."""

    imported: list[Imported] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    broken: list[PluginBroken] = field(default_factory=list)
    """Importers that could not be loaded, and were not asked."""

    @property
    def already(self) -> int:
        """How many of the skipped were in the store before."""
        return sum(skipped.known for skipped in self.skipped)

    def as_json(self) -> JSON:
        """Return {"imported": [{"run", "path", "format", "steps"}], "skipped": [{"path", "reason"}], "broken": […]}."""
        imported = [{"run": i.run, "path": i.path, "format": i.format, "steps": i.steps} for i in self.imported]
        skipped = [{"path": s.path, "reason": s.reason} for s in self.skipped]
        return {"imported": imported, "skipped": skipped, "broken": [problem.message for problem in self.broken]}


def import_paths(
    store: Store,
    paths: Sequence[Path],
    *,
    format: str | None = None,  # noqa: A002 - the word of the command line
    tags: Sequence[str] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> Report:
    """
    Import every recording in these files and folders; what cannot be imported is reported, and never raised.

    `format` is the only one to try; a file that is named here is taken for it, whatever it looks like. `on_progress` is
    called with (files done, files in all). A recording that is in the store already is not imported again. Raises
    StoreError where the store fails; UsageError or PluginBroken where there is no importer `format`, or it is broken.
    """
    try:
        with Pictures() as pictures:
            walk = _Walk(store, pictures, format, tags, on_progress or (lambda _done, _total: None))
            walk.through(paths)
    finally:
        forget()
    return walk.report


class _Walk:
    """One import: the report so far, and the files that belong to a recording."""

    def __init__(
        self,
        store: Store,
        pictures: Pictures,
        only: str | None,
        tags: Sequence[str],
        on_progress: Callable[[int, int], None],
    ) -> None:
        self.report = Report()
        self._store = store
        self._pictures = pictures
        self._only = load_importer(only) if only is not None else None
        self._asked: list[tuple[Plugin | None, Importer]] = (
            [*ordered_importers(self.report.broken.append)] if self._only is None else [(None, self._only)]
        )
        self._tags = tags
        self._on_progress = on_progress
        self._used: set[Path] = set()
        self._done = self._total = 0
        self._doubtful: list[Path] = []

    def through(self, paths: Sequence[Path]) -> None:
        """Import from each path; at the end, tell of files that look like recordings and belong to none."""
        roots: dict[Path, Path] = {}
        for path in paths:
            try:
                roots[path] = path.resolve()
            except (OSError, RuntimeError):  # RuntimeError: before Python 3.13
                self._skip(path, "its links lead in a circle")
        self._total = sum(1 for root in roots.values() for _ in _files(root))
        for given, root in roots.items():
            if not self._visit(Entry(root, base=_base(root), used=self._used)):
                self._skip(given, _strange(root))
        told = {skipped.path for skipped in self.report.skipped}
        for path in self._doubtful:
            if path not in self._used and str(path) not in told:
                self._skip(path, _strange(path))

    def _visit(self, entry: Entry, depth: int = 0) -> bool:
        """Import from a file or folder; tell whether anything in it was a recording."""
        if entry.path in self._used:
            self._tick(1)
            return True
        if self._only is None and is_footage_file(entry.head):
            self._take_over(entry)
            self._tick(1)
            return True
        recognised = self._format_of(entry, named=not depth)
        if recognised is not None:
            self._import(entry, recognised)
            self._tick(sum(1 for _ in _files(entry.path)) if entry.is_folder else 1)
            return True
        if not entry.is_folder:
            if depth and (entry.kind in _MAY_BE_RECORDINGS or is_pickle(entry.path)):
                self._doubtful.append(entry.path)
            self._tick(1)
            return False
        if depth > _DEPTH:
            self._skip(entry.path, f"more than {_DEPTH} folders lie within each other")
            return True
        found = False
        for path in _children(entry.path):  # one at a time: an entry keeps what was read of it
            found = self._visit(Entry(path, base=entry.base, used=self._used), depth + 1) or found
        return found

    def _tick(self, files: int) -> None:
        self._done += files
        self._on_progress(min(self._done, self._total), self._total)

    def _format_of(self, entry: Entry, *, named: bool) -> Importer | None:
        if self._only is not None and named and not entry.is_folder:
            return self._only
        troubles: list[str] = []
        for plugin, found in self._asked:
            try:
                if found.recognise(entry):
                    return found
            except Exception as error:  # noqa: BLE001 - a plug-in's code may raise anything
                whose = f"{plugin.title} failed: " if plugin is not None and plugin.package != OWN else ""
                troubles.append(whose + reason_of(error))
        for reason in dict.fromkeys(troubles):
            self._skip(entry.path, f"it cannot be looked at: {reason}")
        return None

    def _import(self, entry: Entry, source: Importer) -> None:
        """Write the runs of one recording, as far as they can be read."""
        count = 0
        for run in self._drafts(entry, source):
            count += 1
            if entry.trouble and not entry.is_folder:
                run.problem(f"it breaks off: {entry.trouble.rstrip('.')}")
                run.status = RunStatus.INTERRUPTED if run.status is RunStatus.COMPLETED else run.status
            known = known_run(self._store, source.NAME, run.identity, exported_from=run.exported_from)
            if known is not None:
                self._skip(entry.path, f"it is in the store already, as run {known}", known=True)
                continue
            try:
                written = write_run(self._store, run, source.NAME, pictures=self._pictures, tags=self._tags)
            except StoreError:
                raise
            except Exception as error:  # noqa: BLE001 - as in `_drafts`; the run is marked as interrupted
                self._skip(entry.path, f"a run in it cannot be stored: {reason_of(error)}")
                continue
            if written is None:
                self._skip(entry.path, "another process is importing it", known=True)
                continue
            self.report.imported.append(Imported(written.run, str(entry.path), source.NAME, len(run.steps)))
            for problem in (*run.problems, *written.problems):
                self._skip(entry.located(problem.path), problem.reason)
        if not count and not any(skipped.path == str(entry.path) for skipped in self.report.skipped):
            self._skip(entry.path, f"there is no run in this recording ({source.NAME})")
        if not entry.is_folder:
            self._used.add(entry.path)

    def _take_over(self, entry: Entry) -> None:
        """Take over the families of a `.footage` file: all of them, or nothing."""
        self._used.add(entry.path)
        try:
            found = import_footage_file(self._store, entry.path)
        except (UsageError, NotAStore, StoreTooNew, StoreCorrupt) as error:
            self._skip(entry.path, reason_of(error).removeprefix(f"{entry.path} cannot be imported: "))
            return
        for family in found.known:
            self._skip(entry.path, f"it is in the store already, as run {family}", known=True)
        for run in found.runs:
            for tag in self._tags:
                self._store.add_tag(run, tag)
            steps = self._store.run(run).steps
            self.report.imported.append(Imported(run, str(entry.path), "footage", steps))
        for old, new in found.renamed.items():
            self._skip(entry.path, f"the id {old} was taken: that run is {new} here")

    def _drafts(self, entry: Entry, source: Importer) -> Iterator[DraftRun]:
        """Yield a recording's drafts; what its reader raises ends it, and is reported."""
        try:
            yield from source.read(entry)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - a foreign file must not end the import of the others
            self._skip(entry.path, f"it cannot be read as {source.NAME}: {reason_of(error)}")

    def _skip(self, path: Path, reason: str, *, known: bool = False) -> None:
        self.report.skipped.append(Skipped(str(path), on_a_line(reason), known))


def _base(root: Path) -> Path:
    """Return the outermost folder in which files that belong to a named file or folder are looked for: two above."""
    return (root if root.is_dir() else root.parent).parent.parent


def _strange(path: Path) -> str:
    """Return why a file or folder is no recording."""
    entry = Entry(path)
    if entry.is_folder:
        return "there is no recording in it that footage knows"
    unfit = why_unfit(path)
    if unfit:
        return unfit.rstrip(".")
    if _PAGE.match(entry.head):
        return OWN_PAGE if _MADE_HERE in entry.head else "it is a web page, and no recording"
    whole = entry.kind != "json" or (entry.value is not None and not entry.trouble)
    return NO_FORMAT if whole else entry.trouble.rstrip(".")


def _children(folder: Path) -> Iterable[Path]:
    """Return what lies in a folder, folders last, without links."""
    try:
        found = [path for path in folder.iterdir() if not path.is_symlink()]
    except OSError:
        return []
    return sorted((p for p in found if p.is_dir() or p.is_file()), key=lambda p: (p.is_dir(), p.name))


def _files(root: Path, depth: int = 0) -> Iterator[Path]:
    """Yield the plain files in a folder, or the file itself; links are left out."""
    if not root.is_dir():
        yield root
        return
    for path in _children(root):
        if path.is_dir():
            if depth <= _DEPTH:
                yield from _files(path, depth + 1)
        else:
            yield path
