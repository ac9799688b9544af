"""Plug-ins: footage's own and others' come through one door, and a broken one stands in nobody's way."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import pytest

import footage.plugins as door
from cli import call
from footage.errors import CannotDo
from footage.interchange.importers.importer_check import check_importer
from footage.interchange.importers.ordering import ordered_importers
from more_recordings import RECORDINGS as MORE
from outside import Outside
from places import ROOT
from recordings import RECORDINGS as FOREIGN

OWN = [plugin for kind in door.GROUPS for plugin in door.installed(kind).values() if plugin.package == door.OWN]
RECORDINGS = {name: made for name, made in {**FOREIGN, **MORE}.items() if name != "footage file"}
IMPORTER = """
NAME, LINE = "diary", "nothing at all"
def recognise(entry):
    {recognise}
def read(entry):
    yield from ()
"""


@pytest.fixture
def outside(tmp_path: Path) -> Outside:
    return Outside(tmp_path / "packages")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "session.jsonl"
    said = {"role": "assistant", "model": "m", "id": "1", "content": [{"type": "text", "text": "Hello."}]}
    path.write_text(json.dumps({"type": "assistant", "sessionId": "s", "uuid": "u", "message": said}) + "\n")
    return path


@pytest.mark.parametrize("plugin", OWN, ids=lambda plugin: f"{plugin.kind}-{plugin.name}")
def test_each_of_footages_own_plugins_is_loaded_through_the_door(plugin: door.Plugin) -> None:
    loaded = plugin.load()
    if plugin.kind != "machine":
        assert plugin.name == loaded.NAME
        assert loaded.LINE


def test_what_is_installed_is_what_the_project_says() -> None:
    import tomllib

    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    said = {(group, name) for group, names in project["entry-points"].items() for name in names}
    assert said == {(door.GROUPS[plugin.kind], plugin.name) for plugin in OWN}, "install the project again"


def test_importers_are_asked_the_surest_first_and_no_two_at_once() -> None:
    found = [importer for plugin, importer in ordered_importers(lambda _: None) if plugin.package == door.OWN]
    missing = [importer.NAME for importer in found if not hasattr(importer, "PRIORITY")]
    assert not missing, f"an importer of footage's own says when it is asked, by a PRIORITY: {missing}"
    priorities = [importer.PRIORITY for importer in found]  # type: ignore[attr-defined]
    assert priorities == sorted(set(priorities), reverse=True)
    assert min(priorities) > 0


def test_an_installation_without_plugins_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: [])
    monkeypatch.setattr("importlib.metadata.distribution", lambda _: type("Nothing", (), {"entry_points": ()}))
    with pytest.raises(CannotDo, match="not whole"):
        door._all.__wrapped__("importer")


def test_footages_own_plugins_keep_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = EntryPoint("osworld", "strange", "footage.importers")
    mine = [*entry_points(group="footage.importers")]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: [foreign, *mine])
    found = door._all.__wrapped__("importer")
    assert [plugin.package for plugin in found if plugin.name == "osworld"] == ["footage", "?"]


BROKEN = {
    "missing module": ("import nothing_like_this\n", "No module named 'nothing_like_this'"),
    "no Python": ("def (\n", "SyntaxError"),
    "error while loading": ("1 / 0\n", "ZeroDivisionError"),
    "leaves": ("import sys\nsys.exit(7)\n", "SystemExit: 7"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_plugin_is_told_in_one_sentence(outside: Outside, how: str) -> None:
    source, why = BROKEN[how]
    outside.bring("footage-diary", "detectors", "diary", source)
    said = outside.run("plugins", code=1)
    listed = outside.document("plugins", "list", code=1)["plugins"]
    assert outside.document("plugins", code=1)["plugins"] == listed
    broken = [each for each in listed if each["state"] == "broken"]
    assert [(each["name"], each["package"], each["version"]) for each in broken] == [("diary", "footage-diary", "0.3")]
    for words in (why, "pip uninstall footage-diary"):
        assert words in broken[0]["why"]
    assert "diary" in said
    said = outside.run("plugins", "check", "diary", code=3)
    assert "The detector 'diary' of footage-diary 0.3 cannot be loaded" in said
    document = outside.document("diagnose", "@1", "--sample", code=3)
    assert {"no-effect/1", "scale/1"} < set(document["rules"])
    assert len(document["broken"]) == 1


def test_a_broken_plugin_breaks_no_other_command(outside: Outside, recording: Path, tmp_path: Path) -> None:
    for kind in ("machines", "importers", "exporters", "detectors", "providers"):
        outside.bring(f"footage-bad-{kind}", kind, "bad", "1 / 0\n")
    store = tmp_path / "runs.db"
    document = outside.document("import", recording, "--store", store)
    assert len(document["imported"]) == 1
    assert "The importer 'bad' of footage-bad-importers 0.3 cannot be loaded" in document["broken"][0]
    assert "footage-bad-importers" in outside.run("import", recording, "--store", store)
    outside.run("export", "@1", "--sample", "-o", tmp_path / "run.json")
    outside.run("machine", "list")
    outside.run("runs", "--sample")
    for command in ("import", "export", "diagnose", "plugins"):
        outside.run(command, "--help")
    assert "There is no machine 'nix'" in outside.run("machine", "check", "nix", code=2)


@pytest.mark.parametrize(
    ("recognise", "check", "why"),
    [
        ("raise RuntimeError('oh')", "strangers", "recognise raised RuntimeError"),
        ("return True", "strangers", "was taken for one"),
        ("return 1", "strangers", "and no bool"),
        ("return False", "example", "no write_example(folder)"),
    ],
)
def test_the_check_finds_what_an_importer_breaks(outside: Outside, recognise: str, check: str, why: str) -> None:
    outside.bring("footage-diary", "importers", "diary", IMPORTER.format(recognise=recognise))
    results = {each["name"]: each for each in outside.document("plugins", "check", "diary", code=1)["checks"]}
    assert results["contract"]["ok"]
    assert not results[check]["ok"]
    assert why in results[check]["detail"]


def test_an_importer_that_raises_ends_no_import(outside: Outside, recording: Path, tmp_path: Path) -> None:
    source = IMPORTER.format(recognise="raise RuntimeError('oh')") + "PRIORITY = 1000\n"
    outside.bring("footage-diary", "importers", "diary", source)
    (recording.parent / "other.json").write_text('{"a": 1}')
    document = outside.document("import", recording.parent, "--store", tmp_path / "runs.db")
    assert [run["format"] for run in document["imported"]] == ["claude-code"]
    assert any("importer 'diary' of footage-diary 0.3 failed: " in each["reason"] for each in document["skipped"])


EXPORTER = """
from footage.interchange.exporters.contract import Exported
NAME, ENDING, LINE = "diary", ".diary", "a line"
def export(store, runs, path, /, *, overwrite, on_progress):
    {export}
"""


@pytest.mark.parametrize(
    ("export", "checks"),
    [
        ("path.write_text('x'); return Exported(path, NAME, (store.run(runs[0]).id,), 1)", {"refuses", "unknown"}),
        (
            "path.write_text('y'); on_progress(0, 1); return Exported(path, NAME, (store.run(runs[0]).id,), 1)",
            {"refuses", "stopped"},
        ),
        ("store.run(runs[0]); return Exported(path, NAME, (runs[0],), 1)", {"writes", "refuses", "replaces"}),
    ],
)
def test_the_check_finds_what_an_exporter_breaks(outside: Outside, export: str, checks: set[str]) -> None:
    outside.bring("footage-diary", "exporters", "diary", EXPORTER.format(export=export))
    results = outside.document("plugins", "check", "diary", code=1)["checks"]
    failed = {each["name"] for each in results if not each["ok"]}
    assert checks - {"unknown"} <= failed, results


DETECTOR = """
import itertools
from footage.analysis.detectors.contract import Noticed
NAME, VERSION, LINE, KINDS = "diary", 1, "a line", ("odd",)
count = itertools.count()
def detect(examined):
    {detect}
"""


@pytest.mark.parametrize(
    ("detect", "why"),
    [
        ("yield Noticed('even', 'It is.')", "none of its KINDS"),
        ("yield Noticed('odd', 'It is.', step=10_000)", "which the run does not have"),
        ("yield Noticed('odd', ' ')", "says nothing"),
        ("yield Noticed('odd', f'{next(count)}')", "something else the second time"),
        ("yield examined.run.nothing", "AttributeError"),
    ],
)
def test_the_check_finds_what_a_detector_breaks(outside: Outside, detect: str, why: str) -> None:
    outside.bring("footage-diary", "detectors", "diary", DETECTOR.format(detect=detect))
    results = outside.document("plugins", "check", "diary", code=1)["checks"]
    assert any(why in each["detail"] for each in results if not each["ok"]), results


FAULTY_IMPORTER = """
from footage import DraftRun
NAME, LINE = "diary", "a line"
def recognise(entry):
    return entry.kind == "json" and entry.head.startswith(b'{"diary"')
def read(entry):
    yield DraftRun(identity=entry.sha256, task=entry.required.get("task"))
def write_example(folder):
    path = folder / "diary.json"
    path.write_text('{"diary": 1}')
    return path
"""


def test_the_check_says_where_an_importer_went_wrong(outside: Outside) -> None:
    outside.bring("footage-diary", "importers", "diary", FAULTY_IMPORTER)
    results = outside.document("plugins", "check", "diary", code=1)["checks"]
    (imported,) = [each for each in results if each["name"] == "import"]
    assert "AttributeError in footage_diary.py, line 7" in imported["detail"]


@pytest.mark.parametrize("name", ["footage", "html", "atif"])
def test_footages_own_exporters_pass_their_check(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, "plugins", "check", name, "--kind", "exporter", "--json")
    assert said.code == 0, said.out


def test_footages_own_detector_passes_its_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "plugins", "check", "no-effect").code == 0


@pytest.mark.parametrize("name", RECORDINGS)
def test_footages_own_importers_pass_their_check(name: str, tmp_path: Path) -> None:
    example = RECORDINGS[name](tmp_path / "in")
    plugin = door.find("importer", name.partition(" ")[0])
    results = list(check_importer(plugin, example))
    assert [result for result in results if not result.ok] == []
    assert len(results) == 5


def test_a_name_that_two_kinds_share_needs_its_kind(capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, "plugins", "check", "atif")
    assert said.code == 2
    assert "--kind" in said.err + said.out


def test_each_format_has_its_line_in_the_page() -> None:
    page = (ROOT / "docs/importing.md").read_text("utf-8").replace("`", "")
    rows = {tuple(cell.strip() for cell in line.split("|")[1:3]) for line in page.splitlines() if line.startswith("| ")}
    for plugin in OWN:
        if plugin.kind == "importer":
            assert (plugin.name, plugin.load().LINE) in rows, (
                f"docs/importing.md needs the row | {plugin.name} | {plugin.load().LINE} | …"
            )
