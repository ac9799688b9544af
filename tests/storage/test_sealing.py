"""Sealing: fewer bytes for the same pictures; in the background, again and again, and whoever else is at work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cli import call
from drawn import page, pixels
from footage.errors import UsageError
from footage.sample import sample_path
from footage.storage import Store, open_store, verify_store
from footage.storage.file.database import Database
from footage.storage.upkeep.sealing import METHOD, seal_runs
from footage.trajectory import Instant, Parent, Pixels, RunKind
from samples import encoded, noise


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with open_store(path) as opened:
        yield opened


def screens(seed: int) -> list[Pixels]:
    """Return screens with drawn pages, something photographic, and little of either."""
    sky = np.linspace(0, 255, 320)[None, :, None] + np.random.default_rng(seed).normal(0, 3, (200, 320, 3))
    photo = np.clip(sky, 0, 255).astype(np.uint8)
    drawn = [pixels(page(f"Page {seed} {number}")) for number in range(3)]
    return [*drawn, photo, np.roll(photo, 40, axis=0), drawn[0]]


def fill(store: Store, seed: int, parent: str | None = None, *, end: bool = True) -> str:
    kind = RunKind.REPLAY if parent else RunKind.RECORDED
    writer = store.begin_run(kind=kind, parent=Parent(parent) if parent else None)
    for screen in screens(seed):
        writer.frame(screen, captured=Instant.now())
    writer.frame(encoded(noise(60, 40), "JPEG"), captured=Instant.now())
    if end:
        writer.end()
    return writer.run_id


def said(store: Store, run: str) -> list[tuple[int, str, Pixels]]:
    """Return ids, hashes and pixels of a run's pictures."""
    return [(frame.picture, frame.sha256, store.pixels(frame.picture)) for frame in store.frames(run)]


def same(a: list[tuple[int, str, Pixels]], b: list[tuple[int, str, Pixels]]) -> bool:
    return len(a) == len(b) and all(x[:2] == y[:2] and np.array_equal(x[2], y[2]) for x, y in zip(a, b, strict=True))


def test_a_sealed_run_takes_less_and_shows_the_same(store: Store) -> None:
    run = fill(store, 1)
    before = said(store, run)
    sealed = seal_runs(store, [run])
    assert sealed.runs == (run,)
    assert sealed.after < 0.95 * sealed.before
    with open_store(store.path, readonly=True) as viewer:
        assert same(said(viewer, run), before)
    assert {row[0] for row in store.database.rows("SELECT sealed FROM atlas")} == {METHOD}
    assert verify_store(store).ok


def test_a_run_is_sealed_once(store: Store) -> None:
    run = fill(store, 1)
    first = seal_runs(store, [run])
    asked: list[tuple[int, int]] = []
    again = seal_runs(store, [run], on_progress=lambda done, total: asked.append((done, total)))
    assert (again.before, again.after, asked) == (first.after, first.after, [])


def test_what_a_fork_added_to_a_sealed_family_is_sealed_with_it(store: Store) -> None:
    mother = fill(store, 1)
    seal_runs(store, [mother])
    child = fill(store, 2, mother)
    before = said(store, mother), said(store, child)
    sealed = seal_runs(store, [child])
    assert sealed.after < sealed.before
    assert same(said(store, mother), before[0])
    assert same(said(store, child), before[1])


def test_a_run_that_is_being_recorded_is_refused(store: Store) -> None:
    run = fill(store, 1, end=False)
    with pytest.raises(UsageError, match="being recorded"):
        seal_runs(store, [run])
    assert store.database.rows("SELECT count(*) FROM atlas WHERE sealed IS NOT NULL")[0][0] == 0


def test_a_recorder_in_the_same_family_goes_on(store: Store) -> None:
    mother = fill(store, 1)
    writer = store.begin_run(kind=RunKind.REPLAY, parent=Parent(mother))
    for number, screen in enumerate(screens(1) + screens(3)):
        writer.frame(screen, captured=Instant.now())
        if number % 4 == 0:
            seal_runs(store, [mother])
    writer.end()
    seen = [store.pixels(frame.picture) for frame in store.frames(writer.run_id)]
    assert all(map(np.array_equal, seen, screens(1) + screens(3)))
    assert verify_store(store).ok


def test_a_reader_that_has_the_store_open_shows_the_same(store: Store) -> None:
    run = fill(store, 1)
    with open_store(store.path, readonly=True) as viewer:
        before = said(viewer, run)
        seal_runs(store, [run])
        assert same(said(viewer, run), before)


def test_an_image_that_another_process_changed_meanwhile_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = fill(store, 1)
    from footage.storage.upkeep import sealing

    found = sealing._tighter

    def changed_meanwhile(database: Database, atlas: int) -> list[tuple[int, bytes, bytes]]:
        made = found(database, atlas)
        with store.database.transaction() as connection:
            connection.execute("UPDATE atlas SET image = x'01' WHERE id = ?", (atlas,))
        return made

    monkeypatch.setattr(sealing, "_tighter", changed_meanwhile)
    seal_runs(store, [run])
    assert {row[0] for row in store.database.rows("SELECT image FROM atlas")} == {b"\1"}


def test_a_store_of_an_older_version_is_sealed_as_well(tmp_path: Path) -> None:
    path = tmp_path / "sample.db"
    path.write_bytes(sample_path().read_bytes())
    with open_store(path) as store:
        before = {run.id: said(store, run.id) for run in store.runs()}
        sealed = seal_runs(store, list(before))
        assert sealed.after < sealed.before
        assert all(same(said(store, run), found) for run, found in before.items())
        assert verify_store(store).ok


def test_seal_all_leaves_live_runs_out(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_store(path) as store:
        done, live = fill(store, 1), fill(store, 2, end=False)
        found = call(capsys, "seal", "--all", "--json", "--store", path).document
        assert found["runs"] == [done]
        assert found["after"] < found["before"]
        assert store.run(live).status == "recording"
    assert "1 run sealed: pictures took" in call(capsys, "seal", done, "--store", path).out


@pytest.mark.parametrize("words", [(), ("--all", "@1")])
def test_seal_wants_runs_or_all(path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    open_store(path).close()
    found = call(capsys, "seal", *words, "--store", path)
    assert (found.code, "--all" in found.err) == (2, True)
