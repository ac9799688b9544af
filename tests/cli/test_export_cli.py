"""`footage export`, from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli import call
from footage.sample import sample_path

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_an_export_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "a.footage"
    said = call(capsys, "export", "@1", "-o", made, "--store", sample_path())
    assert said.code == 0
    assert said.out.startswith(f"{made}: ")
    document = call(capsys, "export", "@1", "-o", made, "--force", "--store", sample_path(), "--json").document
    assert (document["path"], document["to"]) == (str(made), "footage")
    assert document["bytes"] == made.stat().st_size
    listed = call(capsys, "runs", "--store", made, "--json").document
    assert {run["id"] for run in listed["runs"]} == set(document["runs"])


def test_an_unknown_ending_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, "export", "@1", "-o", tmp_path / "a.xyz", "--store", sample_path())
    assert said.code == 2
    assert ".footage" in said.err


def test_an_existing_file_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "a.footage"
    made.write_text("precious")
    said = call(capsys, "export", "@1", "-o", made, "--store", sample_path(), "--json")
    assert said.code == 2
    assert "--force" in said.out
    assert made.read_text() == "precious"


def test_an_exported_file_is_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made, store = tmp_path / "a.footage", tmp_path / "b.db"
    call(capsys, "export", "@1", "-o", made, "--store", sample_path())
    document = call(capsys, "import", made, "--store", store, "--tag", "theirs", "--json").document
    assert {run["format"] for run in document["imported"]} == {"footage"}
    runs = call(capsys, "runs", "--store", store, "--json").document["runs"]
    assert {run["id"] for run in runs} == {run["run"] for run in document["imported"]}
    assert all("theirs" in run["tags"] for run in runs)
    again = call(capsys, "import", tmp_path, "--store", store, "--json").document
    assert not again["imported"]
    assert "in the store already" in again["skipped"][0]["reason"]


def test_a_broken_file_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made, store = tmp_path / "a.footage", tmp_path / "b.db"
    call(capsys, "export", "@1", "-o", made, "--store", sample_path())
    made.write_bytes(made.read_bytes()[:50_000])
    said = call(capsys, "import", made, "--store", store, "--json")
    assert said.code == 2
    (skipped,) = said.document["skipped"]
    assert skipped["path"] == str(made)
    assert "disk image is malformed" in skipped["reason"] or "damaged" in skipped["reason"]
    assert not call(capsys, "runs", "--store", store, "--json").document["runs"]
