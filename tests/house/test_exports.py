"""What `import footage` gives."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib

import griffe
import pytest

import footage
from places import ROOT

MODULES = sorted(module.name for module in pkgutil.walk_packages(footage.__path__, "footage."))


def test_the_public_names_are_there_each_once() -> None:
    assert len(footage.__all__) == len(set(footage.__all__))
    for name in footage.__all__:
        assert getattr(footage, name) is not None
    assert set(dir(footage)) == set(footage.__all__)


def test_the_version_is_the_one_of_the_project() -> None:
    project = ROOT / "pyproject.toml"
    assert footage.__version__ == tomllib.loads(project.read_text("utf-8"))["project"]["version"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'flight'"):
        _ = footage.flight


@pytest.mark.parametrize("name", MODULES)
def test_each_module_exports_what_it_names(name: str) -> None:
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", [])
    assert [each for each in exported if not hasattr(module, each)] == []


def test_importing_footage_loads_nothing_heavy() -> None:
    script = "import footage, sys; print(*sorted(m for m in sys.modules if '.' not in m))"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    assert not {"anthropic", "click", "cv2", "flask", "numpy", "rich", "sqlite3", "sqlite_utils"} & set(loaded)


def told_of_itself(name: str, documented: griffe.Object) -> list[str]:
    """Return what has no description: the public name itself, and its fields that are its own."""
    if not documented.is_class:
        return [] if documented.docstring else [name]
    taken_over = {"code", "exit_code"} if name != "FootageError" else set()
    members = {each: found for each, found in documented.all_members.items() if not each.startswith("_")}
    silent = {each for each, found in members.items() if found.docstring is None}
    return [f"{name}.{each}" for each in sorted(silent - taken_over)] + ([] if documented.docstring else [name])


def test_every_public_name_and_each_of_its_fields_says_what_it_is() -> None:
    package = griffe.load("footage", search_paths=[str(ROOT / "src")], resolve_aliases=True)
    assert isinstance(package, griffe.Module)
    silent = []
    for name in footage.__all__:
        if name != "__version__":
            found = package[name]
            target = found.final_target if isinstance(found, griffe.Alias) else found
            assert isinstance(target, griffe.Object)
            silent += told_of_itself(name, target)
    assert silent == []


TAUGHT = re.compile(r"^(?:from (footage[.\w]*) import|import (footage[.\w]*))", re.MULTILINE)


def test_readme_docs_and_examples_teach_public_names_alone() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.py")]
    taught = {(page.name, name) for page in pages for pair in TAUGHT.findall(page.read_text("utf-8")) for name in pair}
    assert {(page, name) for page, name in taught if name not in {"", "footage", "footage.errors"}} == set()
