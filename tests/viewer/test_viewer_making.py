"""Comparisons are made beside the viewer, which goes on answering; they are shared, kept, stopped and cleaned up."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from footage.errors import StoreCorrupt
from footage.storage import Store, open_store
from footage.trajectory import Instant
from footage.viewer import create_app, make_viewer
from footage.viewer.comparing import making as making_module
from footage.viewer.comparing.making import Comparisons, Making
from footage.viewer.kept import Kept
from viewer_samples import click, record_story, screen, write_step

HERE = "http://127.0.0.1:8765"
OWN = {"Origin": HERE, "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def pair(store: Store) -> tuple[str, str]:
    return record_story(store), record_story(store, number="28")


@pytest.fixture
def comparisons(store: Store) -> Iterator[Comparisons]:
    made = Comparisons(store)
    yield made
    made.close()
    assert children() == []


@pytest.fixture
def sleeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparer that says how far it is and then takes for ever."""
    program = tmp_path / "sleeper.py"
    program.write_text(
        "import os, pickle, sys\n"
        "pickle.dump(('at', 3, 8), sys.stdout.buffer); sys.stdout.flush()\n"
        "while os.read(0, 9): pass\n"
    )
    monkeypatch.setattr(making_module, "_PROGRAM", program)


def children() -> list[int]:
    """The processes that this one has comparing."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # the thread has ended
            found += [int(child) for child in (task / "children").read_text().split()]
    return [child for child in found if re.search(rb"comparer|sleeper", command_of(child))]


def command_of(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def ask(comparisons: Comparisons, store: Store, a: str, b: str) -> Making:
    return comparisons.ask(store.run(a), store.run(b))


def test_two_who_ask_for_the_same_share_one(comparisons: Comparisons, store: Store, pair: tuple[str, str]) -> None:
    first, second = ask(comparisons, store, *pair), ask(comparisons, store, *pair)
    assert first is second
    assert first.ended.wait(60)
    assert ask(comparisons, store, *pair) is first  # and is kept
    assert first.result().diff.verdict == "diverged"


def test_a_changed_run_is_compared_again(comparisons: Comparisons, store: Store, pair: tuple[str, str]) -> None:
    first = ask(comparisons, store, *pair)
    assert first.ended.wait(60)
    store.add_tag(pair[0], "seen")
    assert ask(comparisons, store, *pair) is first  # a remark changes no comparison
    writer = store.begin_run(task="growing")
    write_step(writer, Instant.now(), "", "", click((10, 10)), (screen(), screen("2")))
    live = ask(comparisons, store, pair[0], writer.run_id)
    assert live.ended.wait(60)
    write_step(writer, Instant.now(), "", "", click((10, 10)), (screen(), screen("2")))
    writer.end()
    again = ask(comparisons, store, pair[0], writer.run_id)
    assert again is not live
    assert again.ended.wait(60)
    assert sum(step.b is not None for step in again.result().diff.steps) == 2


@pytest.mark.usefixtures("sleeper")
def test_one_that_takes_for_ever_holds_up_no_page(
    store: Store, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(store, token=None)
    client = app.test_client()
    path = f"/diff/{pair[0]}/{pair[1]}"
    page = client.get(path, base_url=HERE)
    assert page.status_code == 202
    assert "are being compared" in page.text
    making = app.extensions["footage"].comparisons.find(*pair)
    while not making.total:
        making.ended.wait(0.01)
    assert "37 %" in client.get(f"{path}?part=progress", base_url=HERE).text
    assert client.get("/", base_url=HERE).status_code == 200
    monkeypatch.undo()  # the next one is made by the real program
    other = f"/diff/{pair[1]}/{pair[0]}"
    while (answer := client.get(other, base_url=HERE)).status_code == 202:
        pass
    assert answer.status_code == 200
    assert client.get(path, base_url=HERE).status_code == 202
    app.extensions["footage"].close()
    assert children() == []


@pytest.mark.usefixtures("sleeper")
def test_one_that_is_stopped_is_begun_again_only_when_asked_for(store: Store, pair: tuple[str, str]) -> None:
    app = create_app(store, token=None)
    client = app.test_client()
    path = f"/diff/{pair[0]}/{pair[1]}"
    page = client.get(path, base_url=HERE).text
    check = re.search(r'name="check" value="(\w+)"', page)
    assert check
    assert client.post(f"{path}/stop", base_url=HERE, headers=OWN, data={"check": "no"}).status_code == 403
    assert len(children()) == 1
    assert client.post(f"{path}/stop", base_url=HERE, headers=OWN, data={"check": check[1]}).status_code == 303
    assert 'data-state="stopped"' in client.get(f"{path}?part=progress", base_url=HERE).text
    assert app.extensions["footage"].comparisons.find(*pair) is None
    while children():
        time.sleep(0.01)
    assert client.get(path, base_url=HERE).status_code == 202
    app.extensions["footage"].close()
    assert children() == []


@pytest.mark.usefixtures("sleeper")
def test_more_than_fit_wait_for_their_turn(
    comparisons: Comparisons, store: Store, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparisons, "_places", threading.Semaphore(1))
    first = ask(comparisons, store, *pair)
    while not first.total:
        first.ended.wait(0.01)
    second = ask(comparisons, store, pair[1], pair[0])
    assert not second.ended.wait(0.1)
    assert second.waits
    assert len(children()) == 1
    comparisons.forget(first)
    while second.waits:
        second.ended.wait(0.01)
    assert not second.ended.is_set()


def test_an_error_is_told_and_not_kept(store: Store, pair: tuple[str, str]) -> None:
    with store.database.transaction() as connection:
        hashes = connection.execute("SELECT sha256, id FROM picture").fetchall()
        connection.execute("UPDATE picture SET sha256 = 'no hash ' || id")
    client = create_app(store, token=None).test_client()
    path = f"/diff/{pair[0]}/{pair[1]}"
    while (answer := client.get(path, base_url=HERE)).status_code == 202:
        pass
    assert answer.status_code == 500
    with store.database.transaction() as connection:
        connection.executemany("UPDATE picture SET sha256 = ? WHERE id = ?", [tuple(row) for row in hashes])
    while (answer := client.get(path, base_url=HERE)).status_code == 202:
        pass
    assert answer.status_code == 200


@pytest.mark.usefixtures("sleeper")
def test_a_process_that_is_killed_is_said_to_be(comparisons: Comparisons, store: Store, pair: tuple[str, str]) -> None:
    making = ask(comparisons, store, *pair)
    while not making.total:
        making.ended.wait(0.01)
    assert making.process is not None
    making.process.kill()
    assert making.ended.wait(60)
    assert "signal 9" in str(making.error)


def test_a_deleted_run_has_no_comparison_any_more(store: Store, pair: tuple[str, str]) -> None:
    from footage.storage.upkeep.removal import remove_runs

    client = create_app(store, token=None).test_client()
    path = f"/diff/{pair[0]}/{pair[1]}"
    while client.get(path, base_url=HERE).status_code == 202:
        pass
    remove_runs(store, [pair[1]])
    assert client.get(path, base_url=HERE).status_code == 404


def test_a_store_that_is_only_read_is_compared_too(tmp_path: Path) -> None:
    with open_store(tmp_path / "runs.db") as written:
        ids = record_story(written), record_story(written, number="28")
    with open_store(tmp_path / "runs.db", readonly=True) as store:
        made = Comparisons(store)
        making = ask(made, store, *ids)
        assert making.ended.wait(60)
        assert making.result().diff.verdict == "diverged"
        made.close()


@pytest.mark.usefixtures("sleeper")
def test_the_server_ends_with_its_processes(store: Store, pair: tuple[str, str]) -> None:
    server, _ = make_viewer(store)
    app = server.app
    making = app.extensions["footage"].comparisons.ask(*(store.run(run) for run in pair))  # type: ignore[attr-defined]
    while not making.total:
        making.ended.wait(0.01)
    assert len(children()) == 1
    server.server_close()
    assert children() == []


def test_what_is_being_read_holds_up_nothing_else() -> None:
    kept = Kept[str](2)
    begun, may_end = threading.Event(), threading.Event()
    got: list[str] = []

    def slow() -> str:
        begun.set()
        assert may_end.wait(60)
        return "slow"

    waiting = [threading.Thread(target=lambda: got.append(kept.get("a", slow))) for _ in range(2)]
    for thread in waiting:
        thread.start()
    assert begun.wait(60)
    assert kept.get("b", lambda: "quick") == "quick"
    may_end.set()
    for thread in waiting:
        thread.join()
    assert got == ["slow", "slow"]


def test_what_could_not_be_read_is_tried_again() -> None:
    kept = Kept[str](2)

    def fail() -> str:
        raise StoreCorrupt("no")

    with pytest.raises(StoreCorrupt):
        kept.get("a", fail)
    assert kept.get("a", lambda: "there") == "there"
