"""
The distribution's packages, fetched with its own tools into a folder of our own: no root, nothing is installed.

apt-get works on an empty list of installed packages here, so that it names everything a guest needs. It uses the
system's sources and keys, and checks what it downloads against them. What was downloaded is kept until the guest is
done: a build that was interrupted goes on where it was.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import unquote

from footage.errors import CannotDo, MissingProgram

_ELSEWHERE = "Build it on Debian 12 and copy the folder that `footage machine list` names."
Progress = Callable[[int, int], None]
"""Called with (done, total)."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package in the distribution's archive."""

    name: str
    version: str
    file: str
    """Name of its file once it is downloaded."""
    size: int
    """Of the file, in bytes."""


class Packages:
    """Packages to choose from, and the folder they are downloaded into."""

    def __init__(self, folder: Path) -> None:
        """Make what is missing of the folder. Raises MissingProgram on a system that has no apt."""
        for program in ("apt-get", "dpkg-deb"):
            if shutil.which(program) is None:
                raise MissingProgram(
                    f"{program} is not installed: guests are made of the packages of Debian.",
                    hint=_ELSEWHERE,
                )
        self._folder = folder.absolute()
        self.files = self._folder / "files"
        """Where the downloaded files are."""
        for name in ("state/lists/partial", "cache/archives/partial", "files"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        (self._folder / "state/status").touch()

    def refresh(self) -> None:
        """Fetch the lists of what there is. Raises CannotDo where that fails."""
        self._apt("update")

    def needed(self, names: Sequence[str], without: Collection[str] = ()) -> list[Package]:
        """
        Return these packages and all they depend on, but none that matches a pattern in `without`.

        Raises CannotDo where one is not to be had.
        """
        said = self._apt("install", "--yes", "--no-install-recommends", "--print-uris", *names)
        found = [package for line in said.splitlines() if (package := _read_uri(line)) is not None]
        kept = (p for p in found if not any(fnmatchcase(p.name, pattern) for pattern in without))
        return sorted(kept, key=lambda package: package.name)

    def only(self, name: str) -> Package:
        """Return one package, without what it depends on. Raises CannotDo where it is not to be had."""
        said = self._apt("download", "--print-uris", name)
        found = [package for line in said.splitlines() if (package := _read_uri(line)) is not None]
        if not found:
            raise CannotDo(f"The distribution has no package {name}.", hint=_ELSEWHERE)
        return found[0]

    def download(self, packages: Sequence[Package], progress: Progress) -> None:
        """Download packages that are not there yet; progress is in bytes. Raises CannotDo where one cannot be had."""
        total = sum(package.size for package in packages)
        missing = [package for package in packages if not self._is_whole(package)]
        done = total - sum(package.size for package in missing)
        progress(done, total)
        for group in _groups(missing):
            self._apt("download", *(f"{package.name}={package.version}" for package in group), folder=self.files)
            done += sum(package.size for package in group)
            progress(done, total)

    def _is_whole(self, package: Package) -> bool:
        file = self.files / package.file
        return file.is_file() and file.stat().st_size == package.size

    def _apt(self, *words: str, folder: Path | None = None) -> str:
        """Run apt-get on the private folders and return what it says."""
        options = {
            "Dir::State": self._folder / "state",
            "Dir::State::status": self._folder / "state/status",
            "Dir::State::lists": self._folder / "state/lists",
            "Dir::Cache": self._folder / "cache",
            "APT::Update::Error-Mode": "any",
            "APT::Update::Post-Invoke::": "true",
            "APT::Architecture": "amd64",
            **({"APT::Sandbox::User": "root"} if os.geteuid() == 0 else {}),
        }
        command = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items()), *words]
        done = subprocess.run(
            command,
            cwd=folder or self._folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        )
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.startswith("E:")] or [done.stderr.strip()]
            reach = "Guests are made of Debian's packages: see that its sources in /etc/apt can be reached."
            raise CannotDo(f"apt-get {words[0]} failed: {said[0]}", hint=_ELSEWHERE if _lacks(said) else reach)
        return done.stdout


def _read_uri(line: str) -> Package | None:
    """Return the package in a line of `--print-uris`: 'uri' name_version_arch.deb size hash."""
    found = re.fullmatch(r"'[^']+' (([^_ ]+)_([^_ ]+)_[^_ ]+\.deb) (\d+)( \S*)?", line)
    return Package(found[2], unquote(found[3]), found[1], int(found[4])) if found else None


def _lacks(said: Sequence[str]) -> bool:
    """Tell whether apt-get says that the distribution has no such package."""
    return any("Unable to locate package" in line or "has no installation candidate" in line for line in said)


def _groups(packages: Sequence[Package], size: int = 20_000_000) -> Iterator[list[Package]]:
    """Cut packages into groups of about `size` bytes, each downloaded at once."""
    group: list[Package] = []
    for package in packages:
        group.append(package)
        if sum(each.size for each in group) >= size:
            yield group
            group = []
    if group:
        yield group
