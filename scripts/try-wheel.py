"""
Try a wheel alone, in a fresh environment, far from the sources.

    python scripts/try-wheel.py dist/footage-0.2.0-py3-none-any.whl

Prints a line for each trial and `N passed, N failed` at the end.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
import venv
import zipfile
from collections.abc import Callable
from functools import partial
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urljoin

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("analysis", "interchange", "machines", "providers", "recorder", "replay", "storage", "viewer")
HOUSES = {"": "src/footage", **{name: name for name in ROOMS}}
"""Folders of the package in the wheel, and where their files stand in the sources."""


def complete(wheel: Path) -> None:
    """Check that every tracked file of the package is in the wheel."""
    packed = set(zipfile.ZipFile(wheel).namelist())
    missing = []
    for package, folder in HOUSES.items():
        listed = subprocess.run(["git", "ls-files", folder], cwd=ROOT, check=True, capture_output=True, text=True)
        for line in listed.stdout.splitlines():
            inside = Path("footage", package, Path(line).relative_to(folder)).as_posix()
            if not (ROOT / line).is_symlink() and inside not in packed:
                missing.append(inside)
    assert packed, "an empty wheel"
    assert not missing, f"missing: {missing}"


class Installed:
    """The wheel in an environment of its own."""

    def __init__(self, wheel: Path, folder: Path) -> None:
        venv.create(folder / "venv", with_pip=True)
        self.folder = folder
        self.bin = folder / "venv" / "bin"
        self.environment = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "FOOTAGE_STORE"}}
        self.environment["HOME"] = str(folder)
        pip = [self.bin / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel]
        subprocess.run(pip, check=True, cwd=folder)

    def footage(self, *words: str, code: int = 0) -> str:
        """Run the command line; return what it printed."""
        command = [self.bin / "footage", *words]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == code, f"{words}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout

    def imports(self) -> None:
        """Import every module, those aside that need the `desktop` extra."""
        script = (
            "import footage, importlib, pkgutil\n"
            "for module in pkgutil.walk_packages(footage.__path__, 'footage.'):\n"
            "    try:\n"
            "        importlib.import_module(module.name)\n"
            "    except ModuleNotFoundError as error:\n"
            "        assert error.name == 'Xlib', (module.name, error)\n"
        )
        subprocess.run([self.bin / "python", "-I", "-c", script], check=True, cwd=self.folder)

    def helps(self) -> None:
        """Ask for its version and its commands."""
        assert self.footage("--version").startswith("footage ")
        assert "footage demo" in self.footage("--help")

    def knows_its_plugins(self) -> None:
        """List what it brings itself: all is there and can be loaded, without any extra."""
        listed = json.loads(self.footage("plugins", "list", "--json"))["plugins"]
        assert len(listed) > 20, listed

    def misses_a_store(self) -> None:
        """Look for one sentence as JSON, and exit code 2, where there is no store."""
        error = json.loads(self.footage("runs", "--json", code=2))["error"]
        assert error["code"] == "not_a_store", error

    def shows_the_sample(self) -> None:
        """List, show and verify the sample."""
        runs = json.loads(self.footage("runs", "--sample", "--json"))["runs"]
        assert len(runs) >= 3, runs
        assert json.loads(self.footage("show", runs[-1]["id"], "--sample", "--json"))["steps"]
        assert json.loads(self.footage("verify", "--sample", "--json"))["ok"]

    def serves_the_sample(self) -> None:
        """Open the viewer at a run of the sample, and load one of its pictures."""
        run = json.loads(self.footage("runs", "--sample", "--kind", "recorded", "--json"))["runs"][0]["id"]
        command = [self.bin / "footage", "view", run, "--sample"]
        with subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, text=True
        ) as server:
            try:
                assert server.stdout is not None
                address = server.stdout.readline().strip()
                browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
                with browser.open(address, timeout=30) as page:
                    text = page.read().decode()
                picture = re.search(r'src="(/pictures/[^"]+)"', text)
                assert run in text, text[:500]
                assert picture is not None, "the page shows no picture"
                with browser.open(urljoin(address, picture[1]), timeout=30) as answer:
                    assert answer.headers.get_content_maintype() == "image", answer.headers
            finally:
                server.terminate()


def main(wheel: Path) -> int:
    """Make all trials; return 1 where one failed."""
    with tempfile.TemporaryDirectory() as folder:
        installed = Installed(wheel, Path(folder))
        trials: dict[str, Callable[[], None]] = {
            "complete": partial(complete, wheel),
            "imports": installed.imports,
            "helps": installed.helps,
            "knows its plug-ins": installed.knows_its_plugins,
            "misses a store": installed.misses_a_store,
            "shows the sample": installed.shows_the_sample,
            "serves the sample": installed.serves_the_sample,
        }
        failed = 0
        for name, trial in trials.items():
            try:
                trial()
                print(f"✓ {name}")
            except (AssertionError, OSError, ValueError, subprocess.SubprocessError) as error:
                failed += 1
                print(f"✗ {name}: {error}")
    print(f"{len(trials) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
