"""
The walls around a session's programs: a bubblewrap command line.

Inside there are the system's programs (read-only), a home and a temporary folder of their own, the one display, and
nothing else: no network, no other processes, no other files.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOME = "/home/user"
"""The home folder as programs in the sandbox see it."""
_ETC = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "X11/app-defaults", "gtk-3.0")
_ETC_NETWORK = ("resolv.conf", "ssl", "ca-certificates", "pki")
_FILES = {
    "passwd": "user:x:1000:1000:User:/home/user:/bin/sh\n",
    "group": "user:x:1000:\n",
    "hosts": "127.0.0.1 localhost desktop\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


@dataclass(frozen=True, slots=True)
class Walls:
    """What a sandbox needs to know: all paths are those of the host."""

    home: Path
    temporary: Path
    etc: Path
    control: Path
    """Folder where the results of commands are left; /run/session inside."""
    socket: Path
    """The display's socket."""
    authority: Path
    """The display's cookie; /run/Xauthority inside."""
    network: bool = False


def write_etc(folder: Path, fonts_conf: str) -> None:
    """Fill `folder` with the little that programs look for in /etc."""
    (folder / "fonts").mkdir(parents=True)
    (folder / "fonts" / "fonts.conf").write_text(fonts_conf, "utf-8")
    for name, text in _FILES.items():
        (folder / name).write_text(text, "utf-8")


def command(walls: Walls, variables: Mapping[str, str]) -> list[str]:
    """Return the command line that runs what is appended to it inside the walls."""
    line = ["bwrap", "--unshare-all", *(["--share-net"] if walls.network else [])]
    line += ["--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    line += ["--uid", "1000", "--gid", "1000", "--hostname", "desktop"]
    line += ["--ro-bind", "/usr", "/usr", *_system_folders()]
    line += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/run", "--tmpfs", "/var"]
    line += ["--ro-bind-try", "/var/cache/fontconfig", "/var/cache/fontconfig"]
    line += ["--bind", str(walls.temporary), "/tmp", "--bind", str(walls.home), HOME]  # noqa: S108 - its own /tmp
    line += _etc(walls)
    line += [
        "--bind",
        str(walls.control),
        "/run/session",
        "--ro-bind",
        str(walls.authority),
        "/run/Xauthority",
    ]
    line += ["--ro-bind", str(walls.socket), str(walls.socket), "--chdir", HOME, "--clearenv"]
    for name, value in variables.items():
        line += ["--setenv", name, value]
    return line


def works(walls: Walls) -> bool:
    """Whether this system lets such a sandbox be made (containers and hardened kernels may not)."""
    if shutil.which("bwrap") is None:
        return False
    probe = [*command(walls, {}), "/bin/true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _system_folders() -> list[str]:
    """Return the arguments that put /bin, /lib … where this system has them."""
    line: list[str] = []
    for path in map(Path, ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")):
        if path.is_symlink():
            line += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            line += ["--ro-bind", str(path), str(path)]
    return line


def _etc(walls: Walls) -> list[str]:
    line: list[str] = []
    for name in (*_FILES, "fonts"):
        line += ["--ro-bind", str(walls.etc / name), f"/etc/{name}"]
    for name in (*_ETC, *(_ETC_NETWORK if walls.network else ())):
        line += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return line
