"""A recording, with its threads, in a process that forks."""

from __future__ import annotations

from pathlib import Path

from crashing import run_script
from footage.storage import open_store, verify_store
from footage.trajectory import RunStatus
from places import HELPERS

SCRIPT = """
import os, sys
sys.path.insert(0, {tests!r})
import footage
from recording import call, pixels, reply, request, result, text, user

with footage.record("Add", store=sys.argv[1]) as run:
    run.turn(request(user("Go")), reply(call("a", action="left_click", coordinate=[1, 2])))
    run.frame(pixels(1))  # every thread of the recording is at work
    children = []
    for number in range(2):
        child = os.fork()
        if child == 0:
            run.frame(pixels(100 + number))
            run.turn(request(user(f"Child {{number}}")), reply(text("Done."), message_id=f"msg_c{{number}}"))
            with run.step("wait", duration=number) as step:
                step.frame(pixels(110 + number), "after")
            run.flush()
            run.end()
            os._exit(0)
        children.append(child)
        run.frame(pixels(10 + number))
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    with run.step("left_click", call="a", coordinate=[1, 2]):
        pass
"""


LOADING = """
import sys, threading
sys.path.insert(0, {tests!r})
import footage
from footage.trajectory import Action
from painted import Painted
from recording import call, image, pixels, reply, request, result, text, user

late = []

class Watch:
    def find_spec(self, name, path=None, target=None):
        if threading.current_thread() is not threading.main_thread():
            late.append(name)

with footage.record("Add", store=sys.argv[1]) as run:
    sys.meta_path.insert(0, Watch())
    run.turn(request(user([text("Go"), image(1)])), reply(call("a", action="left_click", coordinate=[1, 2])))
    run.frame(pixels(1))
    with run.step("left_click", call="a", coordinate=[1, 2]) as step:
        step.frame(pixels(2), "after")
    run.flush()
    run.frame(pixels(1))  # a picture that is stored already
    run.turn(request(user([result("a", text("Done."), image(3))])), reply(text("Done."), message_id="msg_2"))
    machine = run.watch(Painted())
    for name in ("left_click", "type", "wait"):
        machine.perform(Action(name, {{"coordinate": [50, 70], "text": "ü", "duration": 0.2}}))
    run.flush()
    sys.meta_path.pop(0)
assert not late, late
"""


def test_no_thread_loads_a_module_whose_lock_a_child_would_wait_for_in_vain(tmp_path: Path) -> None:
    run_script(LOADING.format(tests=str(HELPERS)), tmp_path / "runs.db")
    with open_store(tmp_path / "runs.db") as store:
        assert len(store.frames(store.run("@1").id)) >= 2


SLOW_MODULE = """
import os, sys, threading, time
sys.path.insert(0, {tests!r})
import footage
from footage.storage.writer import RunWriter
from recording import pixels

loading = threading.Event()

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "this_takes_long":
            loading.set()
            time.sleep(0.5)

sys.meta_path.insert(0, Slow())
real = RunWriter.frame

def frame(*arguments, **named):
    try:
        import this_takes_long
    except ImportError:
        pass
    return real(*arguments, **named)

RunWriter.frame = frame

with footage.record("Add", store=sys.argv[1]) as run:
    run.frame(pixels(1))
    assert loading.wait(30)
    child = os.fork()
    if child == 0:
        try:
            import this_takes_long
        except ImportError:
            os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""


def test_a_fork_waits_for_a_module_that_a_thread_of_the_recording_loads(tmp_path: Path) -> None:
    run_script(SLOW_MODULE.format(tests=str(HELPERS)), tmp_path / "runs.db")


FULL = """
import base64, os, sys, threading
sys.path.insert(0, {tests!r})
import footage
from footage.storage.file import forks
from footage.storage.writer import RunWriter
from recording import call, image, reply, request, result, said, text, user

forks.PATIENCE = 30.0
stored, full = threading.Event(), threading.Event()
real = RunWriter.frame

def frame(*arguments, **named):
    assert full.wait(30)
    return real(*arguments, **named)

with footage.record("Look", store=sys.argv[1]) as run:
    RunWriter.frame = frame
    calls = [call(f"c{{n}}", action="screenshot") for n in range(6)]
    run.turn(request(user("Go")), reply(*calls))
    size = len(base64.b64decode(image(0)["source"]["data"]))
    run.pictures._limit = size * 3 // 2
    told = [result(f"c{{n}}", image(n)) for n in range(6)]
    talk = request(user("Go"), said(*calls), user(told))
    waiting = threading.Thread(target=lambda: run.turn(talk, reply(text("Done."), message_id="msg_2")))
    real_wait = run.pictures._queue.changed.wait

    def wait(timeout=None):  # the worker, in vain, for room
        if threading.current_thread().name == "footage-worker":
            stored.set()
        return real_wait(timeout)

    run.pictures._queue.changed.wait = wait
    waiting.start()
    assert stored.wait(30)
    threading.Timer(0.1, full.set).start()  # so that the fork is what both threads meet
    closed, close = [], forks._gate.close
    forks._gate.close = lambda: closed.append(close()) or closed[-1]
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert closed == [True]  # nobody was left inside
    waiting.join()
"""


def test_a_fork_does_not_wait_in_vain_while_a_job_waits_for_room_among_the_pictures(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    run_script(FULL.format(tests=str(HELPERS)), path)
    with open_store(path) as store:
        assert len(store.frames(store.run("@1").id)) == 6
        assert not store.gaps(store.run("@1").id)


def test_a_child_records_on_without_the_threads_of_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    run_script(SCRIPT.format(tests=str(HELPERS)), path)
    with open_store(path) as store:
        run = store.run("@1")
        assert run.status is RunStatus.COMPLETED
        assert sorted(int(store.pixels(f.picture)[0, 0, 0]) for f in store.frames(run.id)) == [
            *(1, 10, 11),
            *(100, 101, 110, 111),
        ]
        assert [step.status for step in store.steps(run.id)] == ["executed"] * 3
        assert {turn.response_id for turn in store.turns(run.id)} == {"msg_1", "msg_c0", "msg_c1"}
        assert not store.gaps(run.id)
        assert verify_store(store).ok
