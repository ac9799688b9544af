"""Reading hostile files, JSON and archives: each refused with its reason, and nothing outside is ever touched."""

from __future__ import annotations

import json
import os
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import bombs
from footage.errors import BadImport
from footage.interchange.importers.safety import (
    Archive,
    Folder,
    Limits,
    decode_text,
    parse_json,
    parse_lines,
    parse_literal,
    read_file,
    read_json,
    read_lines,
)


def reason(call: Callable[..., object], *given: object, **options: object) -> str:
    with pytest.raises(BadImport) as caught:
        call(*given, **options)
    assert "\n" not in caught.value.message
    return caught.value.message


# --- files ---


def test_a_plain_file_is_read(tmp_path: Path) -> None:
    assert read_file(bombs.write(tmp_path / "a", b"abc"), 3) == b"abc"


def test_a_file_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    assert "too large: 4 bytes" in reason(read_file, bombs.write(tmp_path / "a", b"abcd"), 3)


def test_pipes_sockets_devices_and_folders_are_refused_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # a socket's whole path may be too long
        server.bind("socket")
        assert "pipe is a pipe" in reason(read_file, tmp_path / "pipe")
        assert "socket" in reason(read_file, tmp_path / "socket")
    assert "null is a device" in reason(read_file, Path("/dev/null"))
    assert "is a folder" in reason(read_file, tmp_path)
    assert "cannot be opened" in reason(read_file, tmp_path / "none")
    assert "cannot be opened" in reason(read_file, tmp_path / "a\0b")


@pytest.mark.parametrize("name", ["step_0.pkl.gz", "exp_args.pkl", "TASK.PICKLE"])
def test_a_pickle_is_never_read(tmp_path: Path, name: str) -> None:
    assert "runs the code inside it" in reason(read_file, bombs.write(tmp_path / name, b"\x80\x04."))


@pytest.mark.parametrize(
    "name", ["../out", "/etc/passwd", "a/../../out", "..\\out", "C:\\out", "a\0b", "", "link/out", "link"]
)
def test_no_name_leads_out_of_a_folder(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    bombs.write(tmp_path / "out", b"secret")
    (inside / "link").symlink_to(tmp_path)
    assert reason(Folder(inside).read, name)


def test_links_within_a_folder_are_followed_by_name_but_not_walked(tmp_path: Path) -> None:
    bombs.write(tmp_path / "real", b"1")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "ring").symlink_to("ring")
    folder = Folder(tmp_path)
    assert folder.read("link") == b"1"
    assert [path.name for path in folder.files()] == ["real"]
    assert "There is no ring" in reason(folder.read, "ring")


def test_a_folder_has_limits(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(6):
        deep /= "d"
        deep.mkdir()
        bombs.write(deep / "f", b"")
    assert "within each other" in reason(list, Folder(tmp_path, Limits(folder_depth=3)).files())
    assert "more than 2 files" in reason(list, Folder(tmp_path, Limits(files=2)).files())


def test_control_characters_of_a_name_reach_no_terminal(tmp_path: Path) -> None:
    assert "\x1b" not in reason(read_file, bombs.write(tmp_path / "\x1b[2Ja\n", b"abcd"), 1)


# --- JSON ---


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_json_is_read_in_every_marked_encoding(tmp_path: Path, encoding: str) -> None:
    path = bombs.write(tmp_path / "a.json", json.dumps({"ä": "😀"}, ensure_ascii=False).encode(encoding))
    assert read_json(path) == {"ä": "😀"}
    assert [line.value for line in read_lines(path)] == [{"ä": "😀"}]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "expecting value"),
        (b"{", "line 1"),
        (b'{"a": 1,}', "no JSON"),
        (b"\xff\xff", "byte 0 fits nothing"),
        (b'"\xed\xa0\x80"', "byte 1 fits nothing"),
        (b'{"a":1}'.decode().encode("utf-16-le"), "no JSON"),
        (b"\xff\xfe\x00", "byte 2 fits nothing"),
        (b'{"a": 1, "b": 2, "a": 3}', "'a' twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"[" * 300 + b"]" * 300, "nested too deeply"),
        (b"[1] [2]", "extra data"),
        (b'"\x01"', "invalid control character"),
    ],
)
def test_bad_json_is_refused_with_its_reason(text: bytes, why: str) -> None:
    assert why in reason(parse_json, text)


def test_numbers_that_no_file_can_hold_become_none_or_floats() -> None:
    assert parse_json("[NaN, -Infinity, 1e400, 1, -2.5, 123456789012345678901]") == [
        *(None, None, None, 1, -2.5),
        1.2345678901234568e20,
    ]
    assert parse_json("9" * 5000) is None


def test_values_in_the_notation_of_python_are_read_and_not_run() -> None:
    picture = "A" * 3_000_000
    assert parse_literal(f"{{'ok': True, 'n': [1, None], 'p': '{picture}'}}") == {
        "ok": True,
        "n": [1, None],
        "p": picture,
    }
    for text in ("print(1)", "{'a': open('x')}", "[" * 300, "[" + "1," * 3000, "-" * 3000 + "1", "'", "{'a': 1"):
        assert "iteral" in reason(parse_literal, text)


def test_lone_surrogates_become_replacement_characters_and_pairs_are_kept() -> None:
    assert parse_json(r'{"\ud800": ["a\udfffb", "\ud83d\ude00"]}') == {"\ufffd": ["a\ufffdb", "😀"]}


def test_a_text_has_limits() -> None:
    limits = Limits(json=100, wide_json=20, json_values=10, lines=3, line=30)
    assert "too large" in reason(parse_json, b" " * 101, limits=limits)
    assert "too large" in reason(decode_text, "ä".encode() * 11, limits=limits)
    assert "too large" in reason(parse_json, '"\\ud83d' + "a" * 20 + '"', limits=limits)
    assert "too many values" in reason(parse_json, b"[" + b"1," * 20 + b"1]", limits=limits)
    assert parse_json(b'"' + b"," * 50 + b'"', limits=limits) == "," * 50
    assert "more than 3 lines" in reason(list, parse_lines(b"1\n2\n3\n4\n", limits=limits))


def test_a_line_that_cannot_be_read_does_not_hide_the_next() -> None:
    lines = list(parse_lines(b'1\n\n{"a"\n' + b"[" * 40 + b'\n"\xff"\n2', "log", Limits(line=30)))
    assert [(line.number, line.value, bool(line.problem)) for line in lines] == [
        *((1, 1, False), (3, None, True), (4, None, True), (5, None, True), (6, 2, False))
    ]
    assert lines[1].problem.startswith("log, line 3")
    assert "too long: 41 bytes" in lines[2].problem


def test_lines_that_would_fill_the_memory_are_refused() -> None:
    assert "fill the memory" in reason(list, parse_lines(b"[1,1,1]\n" * 20, limits=Limits(json_values=30)))


# --- archives ---


def opened(tmp_path: Path, data: bytes, limits: Limits | None = None) -> Archive:
    return Archive(bombs.write(tmp_path / "a.zip", data), limits or Limits())


def test_an_archive_is_read_by_its_members_names(tmp_path: Path) -> None:
    with opened(tmp_path, bombs.zipped({"a/b": b"1", "c/": b"", "d": b"22"})) as archive:
        assert archive.names == ["a/b", "d"]
        assert (archive.read("a/b"), archive.read("d", 2)) == (b"1", b"22")
        assert "a/b" in archive
        assert "no member c/" in reason(archive.read, "c/")
        assert "too large: 2 bytes" in reason(archive.read, "d", 1)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../a", "a/../../b", "..\\a", "a\\b", "C:/a", "a/..", "x" * 2000, "//host/a"]
)
def test_an_archive_whose_names_lead_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    assert "leads out" in reason(opened, tmp_path, bombs.zipped({"fine": b"1", name: b"2"}))


@pytest.mark.parametrize(
    ("names", "why"),
    [(("a", "a"), "Two of its members"), (("a", "A"), "by case"), (("é", "e\u0301"), "by case"), (("a", "a/"), "Two")],
)
def test_names_that_two_members_share_are_refused(tmp_path: Path, names: tuple[str, str], why: str) -> None:
    data = bombs.zip_of([(zipfile.ZipInfo(name), b"1") for name in names])
    assert why in reason(opened, tmp_path, data)


def test_links_and_encrypted_members_are_refused(tmp_path: Path) -> None:
    assert "a link" in reason(opened, tmp_path, bombs.zip_of([bombs.linked("a", "/etc/passwd")]))
    assert "encrypted" in reason(opened, tmp_path, bombs.encrypted())
    lzma = bombs.zipped({"a": b"1"}, zipfile.ZIP_LZMA)
    assert "method 14" in reason(opened, tmp_path, lzma)


def test_a_name_cut_at_a_nul_is_refused(tmp_path: Path) -> None:
    assert "is no name" in reason(opened, tmp_path, bombs.zipped({"abXcd": b"1"}).replace(b"abXcd", b"ab\0cd"))


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    data = bombs.zipped({str(number): b"" for number in range(65_600)}, zipfile.ZIP_STORED)
    assert "65,600 members" in reason(opened, tmp_path, data)
    assert "directory is too large" in reason(opened, tmp_path, data, Limits(directory=1 << 20))


def test_bombs_are_refused_while_they_are_unpacked(tmp_path: Path) -> None:
    with opened(tmp_path, bombs.zipped({"bomb": bytes(64 << 20)})) as archive:
        assert "bomb: more than 150 times" in reason(archive.read, "bomb")
    assert "lies upon another member" in reason(opened, tmp_path, bombs.overlapping(200))
    half = bombs.zipped({"a": os.urandom(600), "b": os.urandom(600)})
    assert "more than 1,000 bytes" in reason(opened, tmp_path, half, Limits(unpacked=1000))


@pytest.mark.parametrize("stated", [10, 99, 101, 5000, 0xFFFFFFF0])
def test_a_member_that_lies_about_its_size_is_damaged(tmp_path: Path, stated: int) -> None:
    def read() -> None:
        with opened(tmp_path, bombs.lying(os.urandom(100), stated)) as archive:
            archive.read("trace.trace")

    assert reason(read)


def test_what_only_pretends_to_be_an_archive_is_refused(tmp_path: Path) -> None:
    whole = bombs.zipped({"a": os.urandom(3000)})
    assert "does not begin" in reason(opened, tmp_path, b"GIF89a" + whole)
    assert "does not begin" in reason(opened, tmp_path, b"")
    assert "empty zip archive" in reason(opened, tmp_path, bombs.zipped({}))
    for size in (4, 30, 1000, len(whole) - 1):
        assert "no readable zip archive" in reason(opened, tmp_path, whole[:size])
    os.mkfifo(tmp_path / "pipe")
    assert "is no file" in reason(Archive, tmp_path / "pipe")
