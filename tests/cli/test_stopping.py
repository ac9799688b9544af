"""Whoever stops a command stops it: with its exit code, a sentence, and nothing left half done."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from cli import call
from footage import stopping
from footage.cli import main
from footage.errors import BadPicture
from footage.interchange.importers.safety.foreign_pictures import Pictures
from footage.stopping import Stopped, Stops

Capture = pytest.CaptureFixture[str]
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
OPEN = "footage.cli.commands.runs.open_for"


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    """Handle signals as a program does that has just begun."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in CODES}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def come(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", list(CODES))
def test_the_exit_code_is_the_signals(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(OPEN, lambda *_, **__: come(number))
    assert main(["runs", "--store", str(tmp_path / "s.db")]) == CODES[number]
    assert capsys.readouterr().err.strip() == "footage: error: Interrupted.\nhint: Nothing was changed."
    assert signal.getsignal(number) is signal.SIG_DFL


def test_an_error_of_cleaning_up_does_not_hide_the_stop(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        try:
            come()
        finally:
            raise ValueError("cleaning up")

    monkeypatch.setattr(OPEN, broken)
    said = call(capsys, "runs", "--store", tmp_path / "s.db", "--json")
    assert said.code == 143
    assert json.loads(said.out)["error"]["code"] == "interrupted"


def test_a_stop_that_a_finalizer_swallows_comes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Finalized:
        def __del__(self) -> None:
            come()
            list(map(str, range(10)))

    def opened(*_: object, **__: object) -> None:
        made = [Finalized()]
        made.clear()
        time.sleep(60)
        pytest.fail("it goes on")

    monkeypatch.setattr(OPEN, opened)
    assert main(["runs", "--store", str(tmp_path / "s.db")]) == 143


def test_signals_that_come_together_are_one_stop_and_cleaning_up_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleaned = []

    def twice(*_: object, **__: object) -> None:
        try:
            come(signal.SIGINT)
        finally:
            come(signal.SIGTERM)
            come(signal.SIGINT)
            cleaned.append(True)

    monkeypatch.setattr(OPEN, twice)
    assert main(["runs", "--store", str(tmp_path / "s.db")]) == 130
    assert cleaned == [True]


def test_the_first_signal_gives_the_exit_code_also_where_a_later_one_ends_the_cleaning_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: object, **__: object) -> None:
        try:
            come(signal.SIGINT)
        finally:
            monkeypatch.setattr(stopping, "_ONE_STOP_SECONDS", 0.0)
            come(signal.SIGTERM)

    monkeypatch.setattr(OPEN, slow)
    assert main(["runs", "--store", str(tmp_path / "s.db")]) == 130


def test_a_stop_waits_for_what_must_not_be_left_half_done() -> None:
    done = []

    def careful() -> None:
        with stopping.held():
            with stopping.held():
                come()
                done.append("inner")
            done.append("outer")
        pytest.fail("it goes on")

    with Stops() as stops, pytest.raises(Stopped), stops.raising():
        careful()
    assert done == ["inner", "outer"]


def test_a_signal_before_the_command_has_begun_stops_it() -> None:
    with Stops() as stops:
        come()
        with pytest.raises(Stopped), stops.raising():
            pytest.fail("it begins")


def test_a_signal_while_modules_are_loaded_gives_no_traceback(tmp_path: Path) -> None:
    lines = ["import os, signal, sys, time", "del sys.path[0]", "os.kill(os.getpid(), signal.SIGINT)", "time.sleep(60)"]
    (tmp_path / "click.py").write_text("\n".join(lines))
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from footage.cli import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code, "runs"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("module", ["footage.cli", "footage.stopping", "typing", "signal", "enum"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_first_modules_are_loaded_gives_no_traceback(module: str, number: int) -> None:
    code = (
        "import os, sys, time\n"
        f"for loaded in [{module!r}, 'typing', 'signal', 're', 'enum']: sys.modules.pop(loaded, None)\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}:\n"
        f"            os.kill(os.getpid(), {int(number)})\n"
        "            time.sleep(60)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from footage.__main__ import main\n"
        "print('nothing came')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (-number, "", "")


def test_the_command_sees_to_signals_before_anything_else_is_loaded() -> None:
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'footage.cli':\n"
        "            print(*sorted(set(sys.modules) - before))\n"
        "            raise SystemExit\n"
        "sys.meta_path.insert(0, Finder())\n"
        "import footage.__main__\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"_signal", "footage", "footage.__main__"}


def test_a_signal_that_somebody_ignores_stays_ignored() -> None:
    code = "import signal, footage.__main__\nprint(signal.getsignal(signal.SIGINT).name)\n"
    script = ["sh", "-c", 'trap "" INT; exec "$0" -c "$1"', sys.executable, code]
    assert subprocess.run(script, capture_output=True, text=True, check=True).stdout == "SIG_IGN\n"


def test_a_signal_after_the_stop_leaves_the_exit_code_as_it_is(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, footage.cli.commands.runs as runs\n"
        "from footage.cli import main\n"
        "runs.open_for = lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM)\n"
        "code = main()\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.exit(code)\n"
    )
    words = ["runs", "--store", str(tmp_path / "s.db")]
    assert subprocess.run([sys.executable, "-c", code, *words], capture_output=True, check=False).returncode == 143


# --- pictures ---


def noise() -> bytes:
    random.seed(3)
    made = io.BytesIO()
    Image.frombytes("RGB", (320, 200), random.randbytes(320 * 200 * 3)).save(made, "PNG")
    return made.getvalue()


def stop_after(pictures: Pictures, name: str, *, read: int) -> Callable[..., None]:
    """Return a method that stops the import: instead of the one of this name, or when part of an answer is read."""

    def stop(*_: object, **__: object) -> None:
        if read:
            pictures._read(read, time.monotonic() + 60)
        come()
        pytest.fail(f"{name} goes on")

    return stop


@pytest.mark.parametrize(("where", "read"), [("_pixels", 1000), ("_pixels", 0), ("_head", 3), ("_head", 0)])
def test_a_stop_while_a_picture_is_read_comes_out_and_the_next_picture_is_fine(
    monkeypatch: pytest.MonkeyPatch, where: str, read: int
) -> None:
    data = noise()
    with Pictures() as pictures, Stops() as stops:
        whole = pictures.prepare(data)
        with monkeypatch.context() as patched:
            patched.setattr(pictures, where, stop_after(pictures, where, read=read))
            with pytest.raises(Stopped) as stopped, stops.raising():
                pictures.prepare(data)
        assert stopped.value.__context__ is None
        assert pictures.prepare(data).sha256 == whole.sha256


def test_a_refused_picture_leaves_its_reader_for_the_next() -> None:
    broken = noise()[:-4000]
    with Pictures() as pictures:
        pictures.prepare(noise())
        reader = pictures._child
        for _ in range(3):
            with pytest.raises(BadPicture, match="cannot be decoded"):
                pictures.prepare(broken)
        pictures.prepare(noise())
        assert pictures._child is reader


def test_whoever_leaves_an_animation_gets_the_next_picture_whole() -> None:
    frames = [Image.new("RGB", (64, 48), color) for color in ("red", "green", "blue")]
    made = io.BytesIO()
    frames[0].save(made, "GIF", save_all=True, append_images=frames[1:])
    with Pictures() as pictures:
        assert next(pictures.frames(made.getvalue())).shape == (48, 64, 3)
        assert pictures.prepare(noise()).pixels.shape == (200, 320, 3)
