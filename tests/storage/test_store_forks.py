"""A process that forks while it records: neither it nor its children lose anything, or harm the store."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from crashing import BEGIN, run_script
from footage.storage import open_store, verify_store
from footage.trajectory import RunStatus


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


FORKS = {
    "a child that does nothing": "pass",
    "a child that reads": "assert store.run('@1').id == writer.run_id",
    "a child that ends the run": "writer.end()",
    "a child that leaves by an exception": "raise SystemExit(0)",
    "a child that closes the store": "store.close()",
    "a child that leaves at once": "os._exit(0)",
    "a child of a child": "os.fork() or writer.intend(CLICK, call_id='grandchild'); time.sleep(0.2)",
}


@pytest.mark.parametrize("deed", FORKS.values(), ids=FORKS.keys())
def test_a_child_of_a_recorder_does_it_no_harm(path: Path, deed: str) -> None:
    script = (
        BEGIN
        + "store.runs()\n"
        + "for _ in range(5):\n"
        + "    child = os.fork()\n"
        + "    if child == 0:\n"
        + f"        {deed}\n"
        + "        sys.exit(0)\n"
        + "    writer.intend(CLICK)\n"
        + "    assert os.waitpid(child, 0)[1] == 0\n"
        + "    assert store.run('@1').status == 'recording'\n"
        + "    writer.frame(noise(64, 64), captured=Instant.now())\n"
        + "writer.end()\n"
    )
    run_script(script, path)
    with open_store(path) as store:
        run = store.run("@1")
        assert run.status is RunStatus.COMPLETED
        assert len([step for step in store.steps(run.id) if not step.call_id]) == 6
        assert len(store.frames(run.id)) == 6
        assert verify_store(store).ok


def test_children_of_a_recorder_record_into_its_run(path: Path) -> None:
    script = BEGIN + (
        "children = []\n"
        "for number in range(4):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        for i in range(5):\n"
        "            index = writer.intend(CLICK, call_id=f'{number}.{i}')\n"
        "            writer.frame(noise(64, 64, seed=number), captured=Instant.now(), roles=[(index, 'after')])\n"
        "        writer.end()\n"
        "        sys.exit(0)\n"
        "    children.append(child)\n"
        "for i in range(5):\n"
        "    writer.intend(CLICK, call_id=f'parent.{i}')\n"
        "assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4\n"
        "assert store.run('@1').status == 'recording'\n"
        "writer.end()\n"
    )
    run_script(script, path)
    with open_store(path) as store:
        steps = store.steps("@1")
        assert [step.index for step in steps] == list(range(26))
        assert len({step.call_id for step in steps}) == 26
        assert len(store.frames("@1")) == 21
        assert len(store.database.rows("SELECT id FROM writer")) == 5
        assert store.run("@1").status is RunStatus.COMPLETED
        assert verify_store(store).ok


def test_a_child_born_while_threads_write_is_harmless(path: Path) -> None:
    script = BEGIN + (
        "stop = threading.Event()\n"
        "def work(seed):\n"
        "    while not stop.is_set():\n"
        "        writer.frame(noise(64, 64, seed=seed), captured=Instant.now())\n"
        "        store.runs()\n"
        "threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]\n"
        "[thread.start() for thread in threads]\n"
        "for i in range(15):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        if i % 2:\n"
        "            writer.intend(CLICK, call_id=str(i))\n"
        "        sys.exit(0)\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "stop.set()\n"
        "[thread.join() for thread in threads]\n"
        "writer.end()\n"
    )
    run_script(script, path)
    with open_store(path) as store:
        assert [step.call_id for step in store.steps("@1")] == ["", *(str(i) for i in range(1, 15, 2))]
        assert verify_store(store).ok


def test_a_child_that_outlives_a_killed_recorder_keeps_neither_its_run_nor_the_lock(path: Path) -> None:
    script = BEGIN + (
        "held = store.database.transaction()\n"
        "held.__enter__()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os.close(1), os.close(2)\n"
        "    time.sleep(30)\n"
        "    os._exit(0)\n"
        "print(child, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    run, child = run_script(script, path, expect=-signal.SIGKILL).split()
    try:
        assert (
            run_script(
                "import sys; from footage.storage import open_store; s = open_store(sys.argv[1]);"
                "s.begin_run().end(); print(s.run(sys.argv[2]).status)",
                path,
                run,
            )
            == "interrupted"
        )
    finally:
        os.kill(int(child), signal.SIGKILL)


def test_a_child_born_in_the_middle_of_a_transaction_is_refused_and_its_parent_goes_on(path: Path) -> None:
    script = BEGIN + (
        "from footage.errors import StoreError\n"
        "with store.database.transaction():\n"
        "    writer.intend(CLICK)\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        for call in (store.runs, lambda: writer.intend(CLICK), lambda: open_store(sys.argv[1])):\n"
        "            try:\n"
        "                call()\n"
        "                os._exit(1)\n"
        "            except StoreError as error:\n"
        "                assert 'forked' in error.message\n"
        "        store.close()\n"
        "        os._exit(0)\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "    writer.intend(CLICK)\n"
        "writer.end()\n"
    )
    run_script(script, path)
    with open_store(path) as store:
        assert [step.index for step in store.steps("@1")] == [0, 1, 2]
        assert verify_store(store).ok
