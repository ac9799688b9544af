"""Guests: what they are made of, how they are kept, and what is said where they are not whole."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import lzma
import os
import queue
import shutil
import string
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from cli import call
from footage.errors import CannotDo, MachineError, UsageError
from footage.machines.desktop.input.xtest_keyboard import COMMON
from footage.machines.qemu import accelerators
from footage.machines.qemu.guests import building
from footage.machines.qemu.guests import guest_states as states
from footage.machines.qemu.guests.desktop_guest import WITHOUT
from footage.machines.qemu.guests.kernel_modules import keep_modules
from footage.machines.qemu.guests.known_guests import Guest, command, guest_folder, load_guest
from footage.machines.qemu.guests.packages import Packages
from footage.machines.qemu.guests.tree import Tree, needed_libraries
from footage.machines.qemu.input.client_keys import ClientKeys
from footage.machines.qemu.input.devices import BURST, Inlet
from footage.machines.qemu.input.keymap import SPARE, strokes, xkb_symbols

pytestmark = pytest.mark.qemu


@pytest.fixture
def folder(needs_qemu: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the guest `desktop` is kept, in a place of this test's own."""
    assert needs_qemu is None
    monkeypatch.setenv("FOOTAGE_GUESTS", str(tmp_path / "guests"))
    monkeypatch.setattr(building, "best_accelerator", lambda _: "tcg")
    made = guest_folder("desktop")
    made.mkdir(parents=True)
    return made


def put_guest(folder: Path) -> Guest:
    """Put a guest there that looks built and suspended."""
    for part in ("kernel", "initrd"):
        (folder / part).write_bytes(part.encode())
    hashes = {part: hashlib.sha256(part.encode()).hexdigest() for part in ("kernel", "initrd")}
    screen, pointer = (1280, 800), (640, 740)
    recipe = building._recipe("desktop")
    guest = Guest("desktop", folder, "kernel", "initrd", "quiet", 64, screen, pointer, hashes, recipe=recipe)
    (folder / "guest.json").write_text(json.dumps(guest.as_json()))
    states.ready_file(guest, "tcg").write_bytes(b"state")
    return guest


def test_a_guest_that_is_whole_is_left_as_it_is(folder: Path) -> None:
    guest = put_guest(folder)
    assert load_guest("desktop") == guest
    built = building.build_guest("desktop")
    assert not built.fresh
    assert built.guest == guest


@pytest.mark.parametrize("part", ["kernel", "initrd"])
def test_a_changed_file_is_found(folder: Path, part: str) -> None:
    put_guest(folder)
    (folder / part).write_bytes(b"another")
    with pytest.raises(CannotDo, match=f"{part} .*not the one that was built"):
        building.build_guest("desktop")


def test_a_missing_or_damaged_guest_says_what_to_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for damage, said in (
        (lambda: None, "has not been built"),
        (lambda: (folder / "guest.json").write_text("{"), "cannot be read"),
        (lambda: (folder / "guest.json").write_text('{"format": 99}'), "not whole, or of another version"),
    ):
        damage()
        with pytest.raises(CannotDo, match=said) as problem:
            load_guest("desktop")
        assert "footage machine build desktop" in problem.value.hint
    with pytest.raises(UsageError, match="no guest"):
        load_guest("../desktop")
    refused = call(capsys, "machine", "build", "windows", "--json")
    assert refused.code == 2


def test_a_second_build_of_a_guest_waits_for_the_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: queue.Queue[str] = queue.Queue()

    def offline(_: Packages) -> None:
        raise CannotDo("no network")

    monkeypatch.setattr(Packages, "refresh", offline)
    with ThreadPoolExecutor(1) as pool, (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = pool.submit(building.build_guest, "desktop", tell=lambda what, *_: said.put(what))
        assert "another process is building it" in said.get(timeout=60)
        assert said.empty()
        fcntl.flock(lock, fcntl.LOCK_UN)
        with pytest.raises(CannotDo, match="no network"):
            second.result(timeout=60)


def test_what_another_recipe_left_is_not_built_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(_: Packages) -> None:
        raise CannotDo("no network")

    monkeypatch.setattr(Packages, "refresh", offline)
    (folder / "recipe").write_text("another")
    (folder / "kernel").write_bytes(b"of another recipe")
    with pytest.raises(CannotDo, match="no network"):
        building.build_guest("desktop")
    assert not (folder / "kernel").exists()
    (folder / "kernel").write_bytes(b"of this one")
    with pytest.raises(CannotDo, match="no network"):
        building.build_guest("desktop")
    assert (folder / "kernel").read_bytes() == b"of this one"


def test_what_a_killed_build_left_half_done_is_removed(folder: Path) -> None:
    put_guest(folder)
    for name in ("initrd.part", "ready-tcg-0123.part-77"):
        (folder / name).write_bytes(b"half")
    building.build_guest("desktop")
    assert not list(folder.glob("*.part*"))


def test_whether_a_guest_boots_under_kvm_is_tried_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guest, tried = put_guest(folder), list[str]()

    def trial(each: Guest) -> bool:
        tried.append(each.name)
        return len(tried) > 1

    monkeypatch.setattr(accelerators, "boots_under_kvm", trial)
    monkeypatch.setattr(os, "access", lambda *_: True)
    assert [accelerators.best_accelerator(guest) for _ in range(2)] == ["tcg", "tcg"]
    assert tried == ["desktop"]
    other = replace(guest, sha256={"kernel": "0" * 64})
    assert accelerators.best_accelerator(other) == "kvm"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert accelerators.best_accelerator(other) == "tcg"


def test_the_list_says_which_machines_can_be_had(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def listed() -> dict[str, dict[str, object]]:
        return {each["name"]: each for each in call(capsys, "machine", "list", "--json").document["machines"]}

    assert listed()["qemu/desktop"]["hint"] == "footage machine build desktop"
    put_guest(folder)
    assert listed()["qemu/desktop"]["ready"] is True
    assert listed()["qemu/installer"]["ready"] is False


def test_a_state_that_is_gone_or_garbage_is_told_of(folder: Path) -> None:
    guest = put_guest(folder)
    with pytest.raises(MachineError, match="is gone"):
        states.load(guest, "tcg", folder / "nothing")


def test_the_command_line_has_room_for_a_record_log(tmp_path: Path) -> None:
    guest = Guest("desktop", tmp_path, "k", "i", "quiet", 64, (1, 1), (0, 0), {})
    words = command(guest, icount="shift=2,rr=record", drives=["file=x,id=snap"], extra=["-S"])
    assert words[words.index("-icount") + 1] == "shift=2,rr=record"
    assert words[words.index("-drive") + 1] == "file=x,id=snap"
    assert words[-1] == "-S"
    assert "-icount" not in command(guest)


# --- keys -------------------------------------------------------------------------------------------------------------


def test_every_character_of_the_keyboard_has_its_own_stroke() -> None:
    found = strokes(COMMON)
    characters = string.ascii_letters + string.digits + string.punctuation + " " + COMMON
    assert len({found[character] for character in characters}) == len(characters)
    assert not {stroke.qcode for stroke in found.values()} & set(SPARE)
    with pytest.raises(ValueError, match="has room for"):
        strokes("x" * 97)


def test_the_keyboard_file_names_every_character() -> None:
    made = xkb_symbols(COMMON)
    assert all(f"U{ord(character):04X}" in made for character in COMMON)


def struck(typist: ClientKeys, *symbols: int) -> list[str]:
    """Return the keys that go down (+) and up (-) for symbols that a client presses (positive) and lets go of."""
    events = [event["data"] for symbol in symbols for event in typist.events(abs(symbol), down=symbol > 0) or ()]
    return [f"{'+' if event['down'] else '-'}{event['key']['data']}" for event in events]


@pytest.mark.parametrize(
    ("symbols", "keys"),
    [
        ([ord("a"), -ord("a")], ["+a", "-a"]),
        ([ord("A"), -ord("A")], ["+shift", "+a", "-shift", "-a"]),
        ([0xFFE2, ord("A")], ["+shift_r", "+a"]),  # the client holds Shift itself
        ([ord("ż") + 0x01000000], ["+shift", "+alt_r", "+grave_accent", "-alt_r", "-shift"]),
        ([ord("é")], ["+alt_r", "+grave_accent", "-alt_r"]),
        ([0xFFE5, -0xFFE5, ord("A")], ["+caps_lock", "-caps_lock", "+a"]),
        ([0xFF0D, -0xFF0D], ["+ret", "-ret"]),
        ([0xFFB5], []),  # a digit of the keypad, which QEMU's server finds
    ],
)
def test_a_clients_symbol_is_typed_with_what_it_takes_on_the_guests_keyboard(
    symbols: list[int], keys: list[str]
) -> None:
    assert struck(ClientKeys("éż"), *symbols) == keys


def test_keys_and_pointer_reach_a_guest_in_order_each_being_dealt_with_before_the_other() -> None:
    done: list[str] = []
    inlet = Inlet(lambda events: done.append(str(events[0]["type"])), lambda: done.append("rest"), lambda: None)
    key, motion = {"type": "key"}, {"type": "abs"}
    inlet.send(key)
    inlet.send(key)
    inlet.send(motion, motion)
    inlet.give_keys(lambda: done.append("server"))
    inlet.send(motion)
    assert done == ["key", "key", "rest", "abs", "rest", "server", "rest", "abs"]
    done.clear()
    for _ in range(70):
        inlet.send(motion)
    assert max(map(len, "".join("." if each == "abs" else " " for each in done).split())) <= BURST


# --- packages and files ---------------------------------------------------------------------------------------------


def package(tmp_path: Path) -> Path:
    """Make a package with a program, a library it loads, one it does not, links and a manual."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not installed")
    root = tmp_path / "package"
    for name in ("DEBIAN", "bin", "lib/x86_64-linux-gnu", "usr/share/man"):
        (root / name).mkdir(parents=True)
    control = "Package: thing\nVersion: 1\nArchitecture: amd64\nMaintainer: nobody\nDescription: thing\n"
    (root / "DEBIAN/control").write_text(control)
    shutil.copy("/usr/bin/env", root / "bin/thing")
    libraries = root / "lib/x86_64-linux-gnu"
    (libraries / "libc.so.6.0").write_bytes(b"the library")
    (libraries / "libc.so.6").symlink_to("libc.so.6.0")
    (libraries / "libother.so").write_bytes(b"another")
    (root / "usr/share/man/thing").write_text("manual")
    target = tmp_path / "thing.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", root, target], check=True, capture_output=True)
    return target


def test_a_package_is_unpacked_where_files_lie_today_and_keeps_what_it_loads(tmp_path: Path) -> None:
    tree = Tree()
    tree.unpack(package(tmp_path), lambda path: "/man/" not in path)
    assert {"usr/bin/thing", "usr/lib/x86_64-linux-gnu/libother.so"} <= tree.nodes.keys()
    assert "usr/share/man/thing" not in tree.nodes
    tree.keep_libraries(["usr/bin/thing"])
    tree.drop_empty_folders()
    assert {"usr/lib/x86_64-linux-gnu/libc.so.6", "usr/lib/x86_64-linux-gnu/libc.so.6.0"} <= tree.nodes.keys()
    assert "usr/lib/x86_64-linux-gnu/libother.so" not in tree.nodes
    with pytest.raises(CannotDo, match="no file usr/bin/nothing"):
        tree.keep_libraries(["usr/bin/nothing"])


def module(depends: str) -> bytes:
    return b"\x7fELF\0license=GPL\0depends=" + depends.encode() + b"\0"


KERNEL = "usr/lib/modules/6/kernel"


def modules_tree(**packed: bytes) -> Tree:
    """Make a tree with modules: names to what is in their files, underscores before the ending for dots."""
    tree = Tree()
    for name, data in packed.items():
        tree.file(f"{KERNEL}/{name.replace('__', '.')}", data)
    return tree


def test_kernel_modules_are_kept_packed_or_not_with_those_they_need_and_built_in_ones_need_no_file() -> None:
    tree = modules_tree(
        evdev__ko__xz=lzma.compress(module("input-core")), other__ko=module(""), **{"input-core__ko": module("")}
    )
    tree.file("usr/lib/modules/6/modules.builtin", "kernel/drivers/virtio/virtio_pci.ko\n")
    keep_modules(tree, ["virtio_pci", "evdev"])
    assert tree.nodes["etc/modules"].data.decode() == f"/{KERNEL}/input-core.ko\n/{KERNEL}/evdev.ko\n"
    assert tree.nodes[f"{KERNEL}/evdev.ko"].data == module("input-core")
    assert not any(".xz" in path or "other" in path or "builtin" in path for path in tree.nodes)


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (modules_tree(), "has no module evdev"),
        (modules_tree(evdev__ko=module("gone")), "has no module gone"),
        (modules_tree(evdev__ko__xz=b"no archive"), r"evdev\.ko\.xz is damaged"),
        (modules_tree(evdev__ko__zst=b"?"), "packed in a way that is not known"),
    ],
)
def test_a_kernel_module_that_is_missing_or_unreadable_is_told_in_a_sentence(tree: Tree, said: str) -> None:
    with pytest.raises(CannotDo, match=said):
        keep_modules(tree, ["evdev"])


@pytest.mark.parametrize("name", ["libllvm15", "libllvm19", "libperl5.40", "python3.13-minimal", "libx265-215"])
def test_what_a_guest_has_no_use_for_is_left_out_in_whatever_version_it_comes(name: str) -> None:
    assert any(fnmatchcase(name, pattern) for pattern in WITHOUT)


def test_a_damaged_package_is_told_of(tmp_path: Path) -> None:
    whole = package(tmp_path)
    whole.write_bytes(whole.read_bytes()[:-600])
    with pytest.raises(CannotDo, match=r"thing\.deb is damaged"):
        Tree().unpack(whole, lambda _: True)


def test_the_libraries_of_a_program_are_read_from_it() -> None:
    assert "libc.so.6" in set(needed_libraries(Path("/usr/bin/env").read_bytes()))


def test_the_same_files_make_the_same_archive() -> None:
    def written(*names: str) -> bytes:
        tree, out = Tree(), io.BytesIO()
        for name in names:
            tree.file(name, name)
        tree.write(out)
        return out.getvalue()

    made = written("b/x", "a")
    assert made == written("a", "b/x")
    assert made.count(b"070701") == len({"a", "b", "b/x", "usr", "TRAILER"} | {"bin", "sbin", "lib", "lib64"}) + 4
    assert len(made) % 4 == 0
