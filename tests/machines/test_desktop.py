"""The desktop machine: equal screens, honest input, one clear sentence for what cannot be done."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from footage.errors import CannotDo, MachineError, MissingProgram, UnsupportedAction, UsageError
from footage.machines.contract import Machine
from footage.machines.desktop.machine import Desktop
from footage.machines.desktop.programs import activity
from footage.machines.desktop.programs.starting import Program, default_programs
from footage.machines.opening import machine_names, open_machine, reopen
from footage.trajectory import Action, Pixels, Region

pytestmark = pytest.mark.desktop

SEVEN, EIGHT, PLUS, EQUALS = [139, 421], [210, 421], [350, 606], [421, 575]
DISPLAY_OF_CALCULATOR = (slice(220, 272), slice(108, 452))
TEXT_AREA = [850, 420]


@pytest.fixture(scope="module")
def shared() -> Iterator[Desktop]:
    with Desktop() as machine:
        yield machine


@pytest.fixture
def desktop(shared: Desktop) -> Desktop:
    """Give a machine that is as it was at the start."""
    if shared.input_log or shared.run(["true"]).returncode:
        shared.reset()
    return shared


def file_is(machine: Desktop, content: bytes) -> bool:
    with contextlib.suppress(MachineError):  # between unlinking and writing
        return machine.read_file("notes.txt") == content
    return False


def do(machine: Machine, name: str, **arguments: object) -> list[list[str | int]]:
    return [event.as_list() for event in machine.perform(Action(name, arguments)).delivered]


def until(condition: Callable[[], bool], what: str, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def same(a: Pixels, b: Pixels) -> bool:
    return np.array_equal(a, b)


# --- equal screens ----------------------------------------------------------------------------------------------------


def test_fresh_starts_on_a_busy_computer_show_byte_identical_screens(shared: Desktop) -> None:
    shared.reset()
    first = shared.screenshot().pixels
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        for _ in range(3):
            with Desktop() as machine:
                assert same(machine.screenshot().pixels, first)
    finally:
        for process in busy:
            process.kill()
            process.wait()


def test_pictures_of_an_idle_screen_are_all_equal_the_pointer_in_them(desktop: Desktop) -> None:
    first = desktop.screenshot().pixels
    assert len(np.unique(first[738:762, 636:656].reshape(-1, 3), axis=0)) > 2, "no pointer on the plain desktop"
    assert all(same(desktop.screenshot().pixels, first) for _ in range(100))


def test_reset_brings_back_the_first_screen_the_first_files_and_the_display(desktop: Desktop) -> None:
    first, where = desktop.screenshot().pixels, dict(desktop.environment)
    do(desktop, "left_click", coordinate=TEXT_AREA)
    do(desktop, "type", text="gone")
    do(desktop, "key", text="ctrl+s")
    until(lambda: file_is(desktop, b"gone"), "the file was not saved")
    desktop.reset()
    assert same(desktop.screenshot().pixels, first)
    assert desktop.read_file("notes.txt") == b""
    assert not desktop.input_log
    assert desktop.environment == where


def test_at_rest_means_that_the_effect_of_an_action_is_on_the_screen(desktop: Desktop) -> None:
    do(desktop, "left_click", coordinate=TEXT_AREA)
    before = desktop.screenshot().pixels
    for text in ("a long line of text\n" * 10, "more"):
        do(desktop, "type", text=text)
        assert desktop.rest()
        after = desktop.screenshot().pixels
        assert not same(before, after)
        time.sleep(0.2)
        assert same(desktop.screenshot().pixels, after)
        before = after
    desktop.launch(["sh", "-c", "while :; do :; done"])
    time.sleep(0.05)
    assert not desktop.rest(at_most=0.1)
    desktop.reset()


def test_the_programs_clock_stands_still_while_the_machines_goes_on(desktop: Desktop) -> None:
    told = [desktop.run(["date", "+%F %T.%N"]).stdout for _ in range(2)]
    assert told == [b"2026-01-01 12:00:00.000000000\n"] * 2
    before = desktop.clock()
    do(desktop, "wait", duration=0.05)
    assert desktop.clock() - before >= 0.05


# --- input ------------------------------------------------------------------------------------------------------------


def test_the_calculator_adds(desktop: Desktop) -> None:
    zero = desktop.screenshot().pixels[DISPLAY_OF_CALCULATOR]
    for key in (SEVEN, PLUS, EIGHT, EQUALS):
        do(desktop, "left_click", coordinate=key)
    fifteen = zero

    def settled() -> bool:
        nonlocal fifteen
        before, fifteen = fifteen, desktop.screenshot().pixels[DISPLAY_OF_CALCULATOR]
        time.sleep(0.1)
        return same(before, fifteen) and not same(fifteen, zero)

    until(settled, "the display did not change")
    # The same sum by keyboard ends with the same digits.
    desktop.reset()
    do(desktop, "left_click", coordinate=[250, 310])
    do(desktop, "type", text="7+8=")
    until(lambda: same(desktop.screenshot().pixels[DISPLAY_OF_CALCULATOR], fifteen), "7+8 differs by keyboard")


def test_every_event_is_told_and_logged_in_order(desktop: Desktop) -> None:
    click = do(desktop, "left_click", coordinate=TEXT_AREA, text="shift")
    assert click == [
        ["key_down", "Shift_L"],
        ["move", *TEXT_AREA],
        ["button_down", 1],
        ["button_up", 1],
        ["key_up", "Shift_L"],
    ]
    typed = do(desktop, "type", text="aB€")
    assert typed == [
        ["key_down", "a"],
        ["key_up", "a"],
        ["key_down", "Shift_L"],
        ["key_down", "B"],
        ["key_up", "B"],
        ["key_up", "Shift_L"],
        ["key_down", "€"],
        ["key_up", "€"],
    ]
    assert do(desktop, "screenshot") == []
    assert [event.as_list() for event in desktop.input_log] == click + typed
    moments = [event.at_ns for event in desktop.input_log]
    assert moments == sorted(moments)
    assert moments[0] > 0


def test_two_clicks_made_at_once_are_not_a_double_click_and_a_double_click_is(desktop: Desktop) -> None:
    do(desktop, "left_click", coordinate=TEXT_AREA)
    do(desktop, "type", text="word")
    for _ in range(2):
        do(desktop, "left_click", coordinate=[540, 226])
    do(desktop, "type", text="X")
    do(desktop, "key", text="ctrl+s")
    until(lambda: b"X" in desktop.read_file("notes.txt"), "the file was not saved")
    assert sorted(desktop.read_file("notes.txt")) == sorted(b"wordX"), "the clicks selected the word"
    do(desktop, "double_click", coordinate=[540, 226])
    do(desktop, "type", text="Y")
    do(desktop, "key", text="ctrl+s")
    until(lambda: file_is(desktop, b"Y"), "the double click selected nothing")


def test_a_drag_moves_a_window_and_a_wheel_scrolls_a_text(desktop: Desktop) -> None:
    before = desktop.screenshot().pixels[220:600, 530:1170]
    do(desktop, "left_click_drag", start_coordinate=[700, 174], coordinate=[730, 124])
    until(lambda: same(desktop.screenshot().pixels[170:550, 560:1200], before), "the window did not follow")
    do(desktop, "left_click", coordinate=TEXT_AREA)
    do(desktop, "type", text="\n".join(str(n) for n in range(60)))
    time.sleep(0.5)
    bottom = desktop.screenshot().pixels
    do(desktop, "scroll", coordinate=TEXT_AREA, scroll_direction="up", scroll_amount=10)
    until(lambda: not same(desktop.screenshot().pixels[200:560], bottom[200:560]), "the text did not scroll")


@pytest.mark.parametrize("held", ["0", "0.05", "0.3"])
def test_the_desktops_menu_stays_open_however_long_the_button_was_held(desktop: Desktop, held: str) -> None:
    display = os.environ | desktop.environment
    before = desktop.screenshot().pixels
    hold = ["xdotool", "mousemove", "640", "720", "mousedown", "3", "sleep", held, "mouseup", "3"]
    subprocess.run(hold, env=display, check=True, timeout=20)
    until(lambda: (desktop.screenshot().pixels != before).any(axis=2).sum() > 3000, "no menu")
    desktop.rest(2)
    assert (desktop.screenshot().pixels != before).any(axis=2).sum() > 3000
    do(desktop, "key", text="Escape")


def test_the_desktops_menu_starts_a_program(desktop: Desktop) -> None:
    do(desktop, "right_click", coordinate=[640, 60])
    time.sleep(0.2)
    do(desktop, "left_click", coordinate=[680, 90])
    until(lambda: desktop.run(["pgrep", "-c", "-x", "galculator"]).stdout == b"2\n", "no second calculator")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("left_click", {"coordinate": [1280, 10]}),
        ("mouse_move", {"coordinate": [-1, 10]}),
        ("mouse_move", {}),
        ("mouse_move", {"coordinate": "middle"}),
        ("mouse_move", {"coordinate": [float("nan"), 1]}),
        ("left_click_drag", {"start_coordinate": [1, 1], "coordinate": [1, 800]}),
        ("key", {"text": "ctrl+nonsense"}),
        ("key", {"text": ""}),
        ("key", {"text": "a", "repeat": -1}),
        ("hold_key", {"text": "a", "duration": 1e9}),
        ("type", {"text": "good\x00bad"}),
        ("type", {}),
        ("scroll", {"scroll_direction": "sideways", "scroll_amount": 1}),
        ("scroll", {"scroll_direction": "up", "scroll_amount": 1.5}),
        ("wait", {"duration": "long"}),
        ("zoom", {"region": [10, 10, 10, 20]}),
        ("zoom", {"region": [0, 0, 1281, 20]}),
        ("left_click", {"coordinate": [5, 5], "text": "sift"}),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_delivered(
    desktop: Desktop, name: str, arguments: dict[str, object]
) -> None:
    before = len(desktop.input_log)
    with pytest.raises(MachineError) as refusal:
        desktop.perform(Action(name, arguments))
    assert refusal.value.message.endswith(".")
    assert len(desktop.input_log) == before


def test_an_action_it_does_not_have_is_unsupported(desktop: Desktop) -> None:
    for action in (Action("fly"), Action("run", {"command": "ls"}, namespace="bash")):
        with pytest.raises(UnsupportedAction):
            desktop.perform(action)


# --- windows of others ------------------------------------------------------------------------------------------------


PLANT = """
import sys
from Xlib import display, X
d = display.Display()
s = d.screen()
w = s.root.create_window(0, 0, 300, 200, 0, s.root_depth, background_pixel=0xFF0000, override_redirect=True)
w.map(); w.configure(x=100, y=330); d.sync()
print("up", flush=True)
sys.stdin.read()
"""


def test_a_process_outside_can_plant_a_window_with_the_cookie_and_not_without(desktop: Desktop) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PLANT],
        env=os.environ | dict(desktop.environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"up\n"
        assert (desktop.screenshot().pixels[340:520, 110:390] == [255, 0, 0]).all()
        other.communicate()
    stranger = {"DISPLAY": desktop.environment["DISPLAY"], "XAUTHORITY": os.devnull, "PATH": os.environ["PATH"]}
    refused = subprocess.run(
        [sys.executable, "-c", PLANT], env=stranger, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert refused.returncode != 0
    assert b"up" not in refused.stdout


def test_a_program_launched_in_the_session_ends_with_its_code(desktop: Desktop) -> None:
    code = desktop.launch(["sh", "-c", "exit 3"])
    until(lambda: code() is not None, "it did not end")
    assert code() == 3
    assert desktop.run(["sh", "-c", 'echo "$0"; echo no >&2; pwd', "a 'b"]).stdout == b"a 'b\n/home/user\n"
    with pytest.raises(MachineError, match="did not end"):
        desktop.run(["sleep", "60"], timeout=0.1)


def test_a_program_that_keeps_the_server_to_itself_does_not_stop_the_pictures(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("footage.machines.desktop.display.x_screen.GRAB_PATIENCE", 0.3)
    grab = "from Xlib import display\nd = display.Display()\nd.grab_server()\nd.sync()\nprint(1, flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", grab],
        env=os.environ | dict(desktop.environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        before = desktop.screenshot().pixels
        do(desktop, "mouse_move", coordinate=[1000, 50])
        until(lambda: not same(desktop.screenshot().pixels, before), "the pointer did not move")
        other.communicate(b"\n")
    desktop.reset()


# --- what it is -------------------------------------------------------------------------------------------------------


def test_it_is_a_machine_and_its_specification_makes_the_same_one_again(shared: Desktop) -> None:
    shared.reset()
    assert isinstance(shared, Machine)
    written = json.dumps(shared.specification)
    with reopen(json.loads(written)) as again:  # type: ignore[attr-defined] # the desktop is a context manager
        assert again.specification == shared.specification
        assert again.environment["DISPLAY"] != shared.environment["DISPLAY"]
        assert same(again.screenshot().pixels, shared.screenshot().pixels)


def test_another_screen_other_programs_other_files() -> None:
    editor = Program(("mousepad", "--disable-server", "~/a/b.txt"), Region(50, 60, 500, 300))
    with Desktop(screen=(801, 601), programs=[editor], files={"a/b.txt": "hé"}) as machine:
        picture = machine.screenshot().pixels
        assert picture.shape == (601, 801, 3)
        corners = picture[[60, 60, 359, 359], [50, 549, 50, 549]]
        assert not (corners == picture[0, 0]).all(axis=1).any(), "the frame is not where it was wanted"
        assert (picture[[59, 360, 100, 100], [300, 300, 49, 550]] == picture[0, 0]).all()
        assert machine.read_file("a/b.txt") == "hé".encode()


@pytest.mark.parametrize("screen", [(640, 480), (1024, 768), (1280, 800), (1920, 1080)])
def test_default_windows_are_on_the_screen_and_do_not_overlap(screen: tuple[int, int]) -> None:
    calculator, editor = (program.frame for program in default_programs(screen))
    assert calculator is not None
    assert editor is not None
    assert 0 <= calculator.x < calculator.right <= editor.x < editor.right <= screen[0]
    assert 0 <= calculator.y < calculator.bottom <= screen[1]


def test_files_are_read_below_home_and_nowhere_else(desktop: Desktop) -> None:
    desktop.run(["sh", "-c", "ln -s /etc/passwd link; ln -s /etc folder; mkfifo pipe; mkdir d; echo x > d/y"])
    assert desktop.read_file("d/y") == b"x\n"
    for name in ("link", "folder/passwd", "pipe", "d", "nothing"):
        with pytest.raises(MachineError):
            desktop.read_file(name)
    for name in ("../x", "/etc/passwd", "."):
        with pytest.raises(UsageError):
            desktop.read_file(name)


def test_the_known_machines_are_named_for_an_unknown_one() -> None:
    assert "desktop" in machine_names()
    with pytest.raises(UsageError) as unknown:
        open_machine("toaster")
    assert "desktop" in unknown.value.hint
    with pytest.raises(UsageError, match="colour"):
        open_machine("desktop", colour="blue")
    with pytest.raises(UsageError):
        reopen({"driver": "desktop", "screen": [1280, 800]})
    with pytest.raises(UsageError):
        open_machine("desktop", screen=(100, 100))
    with pytest.raises(UsageError):
        open_machine("desktop", files={"../escape": ""})


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingProgram, match="no-such-program"):
        Desktop(programs=[Program(("no-such-program",))])
    with pytest.raises(MachineError, match="false ended"):
        Desktop(programs=[Program(("false",))])
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CannotDo, match="Xvfb is not installed") as missing:
        Desktop()
    assert "apt-get install xvfb" in missing.value.hint


def test_a_machine_without_python_xlib_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "Xlib", None)
    with pytest.raises(MissingProgram) as missing:
        Desktop()
    assert "footage[desktop]" in missing.value.hint


def test_a_server_that_dies_is_reported_and_reset_brings_it_back(desktop: Desktop) -> None:
    first = desktop.screenshot().pixels
    do(desktop, "mouse_move", coordinate=[5, 5])
    os.kill(server_of(desktop), 9)
    with pytest.raises(MachineError, match="gone"):
        do(desktop, "left_click", coordinate=[10, 10])
    with pytest.raises(MachineError):
        desktop.screenshot()
    desktop.reset()
    assert same(desktop.screenshot().pixels, first)


def test_a_reset_that_fails_can_be_tried_again(desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    first = desktop.screenshot().pixels
    display = desktop.environment["DISPLAY"]
    with monkeypatch.context() as patched:
        patched.setenv("PATH", "/nowhere")
        with pytest.raises(MissingProgram, match="Xvfb"):
            desktop.reset()
    with pytest.raises(MachineError, match="did not come up again"):
        desktop.screenshot()
    desktop.reset()
    assert same(desktop.screenshot().pixels, first)
    assert desktop.environment["DISPLAY"] == display


def test_a_program_that_hangs_as_it_starts_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("footage.machines.desktop.windows.PATIENCE", 10.0)
    with Desktop(programs=[Program(("sh", "-c", "sleep 2; exec galculator"))]) as machine:
        first = machine.screenshot().pixels
        stopped: list[int] = []

        def stop_one() -> None:
            while not stopped:
                for pid in activity.descendants(machine._keeper.pid):
                    if name_of(pid) == "sleep":
                        os.kill(pid, signal.SIGSTOP)
                        stopped.append(pid)

        thread = threading.Thread(target=stop_one)
        thread.start()
        machine.reset()
        thread.join()
        assert same(machine.screenshot().pixels, first)
        assert not Path(f"/proc/{stopped[0]}").exists()


def test_after_close_nothing_works_and_closing_again_is_harmless() -> None:
    machine = Desktop(programs=[])
    machine.close()
    machine.close()
    for use in (machine.screenshot, machine.reset, machine.clock, lambda: machine.specification):
        with pytest.raises(MachineError, match="closed"):
            use()


def test_it_outlives_the_thread_that_opened_it() -> None:
    opened: list[Desktop] = []
    thread = threading.Thread(target=lambda: opened.append(Desktop(programs=[])))
    thread.start()
    thread.join()
    with opened[0] as machine:
        time.sleep(0.2)
        machine.screenshot()
        assert machine.run(["echo", "here"]).stdout == b"here\n"


def test_its_display_number_stays_its_own_while_it_is_reset() -> None:
    with Desktop(programs=[]) as machine:
        number = machine.environment["DISPLAY"][1:]
        lock = Path(f"/tmp/.X{number}-lock")
        assert int(lock.read_text()) == machine._keeper.pid
        stop = threading.Event()
        others: set[str] = set()

        def open_others() -> None:
            while not stop.is_set():
                with Desktop(programs=[]) as other:
                    others.add(other.environment["DISPLAY"][1:])

        thread = threading.Thread(target=open_others)
        thread.start()
        for _ in range(3):
            machine.reset()
        stop.set()
        thread.join()
        assert machine.environment["DISPLAY"][1:] == number
        assert others
        assert number not in others
    assert not lock.exists()


def test_it_ends_when_nothing_refers_to_it_any_more() -> None:
    machine = Desktop(programs=[])
    server = server_of(machine)
    del machine
    until(lambda: not Path(f"/proc/{server}").exists(), "the X server was left")


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def server_of(machine: Desktop) -> int:
    session = machine._session
    assert session is not None
    return session.server.pid
