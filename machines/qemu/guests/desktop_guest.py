"""The guest `desktop`: what it is made of, what is left out, and what it finds when it comes up."""

from __future__ import annotations

import fnmatch
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from footage.errors import CannotDo
from footage.machines.desktop.input.xtest_keyboard import COMMON
from footage.machines.desktop.programs import home
from footage.machines.desktop.programs import starting as programs
from footage.machines.qemu.guests.kernel_modules import is_of_kernel_modules, keep_modules
from footage.machines.qemu.guests.tree import Tree
from footage.machines.qemu.input.keymap import xkb_symbols

DOUBLE_CLICK = 0.8
"""Seconds within which its programs take two clicks for a double click: on a busy host input comes late."""
GUEST: dict[str, Any] = {
    # `nohz=off` keeps input prompt under the record log; `init_on_free=1` makes saved memory pack well.
    "append": "quiet console=tty0 video=1280x800 vt.global_cursor_default=0 consoleblank=0 mitigations=off "
    "tsc=reliable random.trust_cpu=off init_on_free=1 nohz=off",
    "memory": 640,
    "screen": (1280, 800),
    "pointer": (640, 740),
    "agent": True,
    "characters": COMMON,
}
PACKAGES = (
    *("busybox-static", "libc-bin", "linux-image-amd64", "xserver-xorg-core", "xserver-xorg-input-evdev", "xkb-data"),
    *("x11-xkb-utils", "x11-xserver-utils", "x11-utils", "dbus", "openbox", "wmctrl", "xdotool", "xclip"),
    *("galculator", "mousepad", "thunar", "dillo", "xterm", "dunst", "libnotify-bin"),
    *("adwaita-icon-theme", "fonts-dejavu-core", "librsvg2-common", "shared-mime-info", "fontconfig"),
)
"""What the guest is made of, with all that these depend on."""
WITHOUT = (
    *("libllvm[0-9]*", "libgl1-mesa-dri", "libz3-4", "fonts-urw-base35", "cpp", "cpp-[0-9]*", "perl", "perl-base"),
    *("libperl5.*", "perl-modules-5.*", "systemd", "udev", "coreutils", "dpkg", "tar", "wget", "passwd"),
    *("libgs10", "libgs10-common", "libaom3", "poppler-data", "xfonts-encodings", "libx265-*", "util-linux"),
    *("python3.*", "libpython3.*", "initramfs-tools-core", "libisl[0-9]*", "fonts-droid-fallback"),
    *("keyboard-configuration", "console-setup", "console-setup-linux"),
)
"""What those depend on and nothing here uses, as patterns of names: not even downloaded."""
_LIB = "usr/lib/x86_64-linux-gnu"
_PROGRAMS = (
    *(f"usr/bin/{name}" for name in (
        "busybox", "dbus-daemon", "dillo", "dunst", "fc-cache", "galculator", "mousepad", "notify-send", "openbox",
        "setxkbmap", "thunar", "Thunar", "update-mime-database", "wmctrl", "xclip", "xdotool", "xev", "xkbcomp",
        "xmodmap", "xprop", "xrandr", "xset", "xsetroot", "xterm", "Xorg",
    )),
    *("usr/lib/locale/C.utf8/*", "usr/lib/xorg/Xorg"),
    *("usr/lib/xorg/modules/drivers/modesetting_drv.so", "usr/lib/xorg/modules/libshadow*.so"),
    *("usr/lib/xorg/modules/input/evdev_drv.so", "usr/libexec/dillo/dpid*", f"{_LIB}/dillo/dpi/file/*"),
    *(f"{_LIB}/dillo/dpi/datauri/*", f"{_LIB}/glib-2.0/glib-compile-schemas", f"{_LIB}/gdk-pixbuf-2.0/*"),
    *(f"{_LIB}/xfce4/xfconf/xfconfd", f"{_LIB}/libgtk-3-0/*", f"{_LIB}/libnss_files.so*"),
)  # fmt: skip
_DATA = (
    *(f"usr/share/{name}/*" for name in (
        "X11/xkb", "X11/locale/C.UTF-8", "X11/locale/en_US.UTF-8", "X11/app-defaults", "X11/rgb.txt",
        "fonts/truetype/dejavu", "glib-2.0/schemas",
        "icons/Adwaita", "icons/hicolor", "mime", "applications", "galculator", "gtksourceview-4", "pixmaps",
        "themes/Default", "Thunar", "dbus-1", "xfce4", "fontconfig",
    )),
    "usr/share/X11/locale/*.*", "usr/share/X11/locale/locale.*", "usr/share/X11/rgb.txt",
    "etc/fonts/*", "etc/xdg/*", "etc/dbus-1/*", "etc/dillo/*", "etc/gtk-3.0/*", "etc/X11/app-defaults/*",
)  # fmt: skip
_NOT = (
    "usr/share/icons/Adwaita/512x512/*", "usr/share/icons/Adwaita/256x256/*", "usr/share/icons/Adwaita/96x96/*",
    "usr/share/icons/Adwaita/64x64/*", "usr/share/icons/Adwaita/*/emotes/*", "usr/share/icons/Adwaita/*.cache",
    "usr/share/mime/packages/*.xml.in", "usr/share/applications/*.cache", "*/gconv/*", "usr/share/thumbnailers/*",
    "usr/share/fonts/truetype/dejavu/DejaVuMath*",
)  # fmt: skip
_MODULES = ("virtio_pci", "virtio_input", "evdev", "bochs")
_MENU = (
    ("Calculator", "galculator"),
    ("Editor", "mousepad --disable-server"),
    ("Files", "thunar"),
    ("Browser", "dillo"),
    ("Terminal", "xterm"),
)
_PAGE = """\
<!DOCTYPE html>
<html><head><title>Welcome</title></head>
<body bgcolor="#ffffff" text="#22292e" link="#1f5d7a">
<h1>Welcome to this guest</h1>
<p>A small Debian in a virtual machine, without a network. These pages are its own.</p>
<ul><li><a href="rates.html">Exchange rates</a></li><li><a href="form.html">A form</a></li></ul>
</body></html>
"""
_RATES = """\
<!DOCTYPE html>
<html><head><title>Exchange rates</title></head>
<body bgcolor="#ffffff" text="#22292e" link="#1f5d7a">
<h1>Exchange rates</h1>
<table border="1" cellpadding="6">
<tr><th>Currency</th><th>for one euro</th></tr>
<tr><td>US dollar</td><td>1.17</td></tr><tr><td>Pound sterling</td><td>0.87</td></tr>
<tr><td>Polish złoty</td><td>4.24</td></tr>
</table>
<p><a href="index.html">Back</a></p>
</body></html>
"""
_FORM = """\
<!DOCTYPE html>
<html><head><title>A form</title></head>
<body bgcolor="#ffffff" text="#22292e" link="#1f5d7a">
<h1>A form</h1>
<form action="index.html" method="get">
<p>Name: <input type="text" name="name"></p>
<p><input type="checkbox" name="letter" value="yes"> Send me letters</p>
<p><input type="submit" value="Send"></p>
</form>
<p><a href="index.html">Back</a></p>
</body></html>
"""
_DUNST = """\
[global]
    width = 320
    height = 120
    origin = top-right
    offset = 24x24
    font = DejaVu Sans 10
    frame_color = "#1f3e4d"
    background = "#fbfbfb"
    foreground = "#22292e"
    separator_color = frame
    icon_position = off
    transparency = 0
    corner_radius = 0
    show_age_threshold = -1
    idle_threshold = 0
[urgency_low]
    background = "#fbfbfb"
    foreground = "#22292e"
    timeout = 5
[urgency_normal]
    background = "#fbfbfb"
    foreground = "#22292e"
    timeout = 5
"""


def wanted(path: str) -> bool:
    """Tell whether the guest has a use for a file of a package; which libraries stay is decided later."""
    if any(fnmatch.fnmatchcase(path, pattern) for pattern in _NOT):
        return False
    if path.startswith(("usr/bin/", "usr/lib/", "usr/lib64/", "usr/libexec/")):
        return "/modules/" not in path or is_of_kernel_modules(path) or path.startswith("usr/lib/xorg")
    return path.startswith("boot/vmlinuz") or any(fnmatch.fnmatchcase(path, pattern) for pattern in _DATA)


def recipe() -> bytes:
    """Return all that decides what the guest is, but the versions of the packages: to tell whether it is up to date."""
    tree = Tree()
    _add_system(tree)
    _add_home(tree)
    made = {path: [node.mode, node.data.decode()] for path, node in tree.nodes.items()}
    return json.dumps([GUEST, PACKAGES, WITHOUT, _PROGRAMS, _DATA, _NOT, _MODULES, made]).encode()


def furnish(tree: Tree) -> bytes:
    """Make of unpacked packages the guest's file system; returns the kernel, which is taken out of it."""
    kernel = _take_kernel(tree)
    keep_modules(tree, _MODULES)
    tree.keep_libraries(_PROGRAMS)
    tree.drop_empty_folders()
    _add_system(tree)
    _add_home(tree)
    return kernel


def _take_kernel(tree: Tree) -> bytes:
    kernels = [path for path in tree.nodes if path.startswith("boot/vmlinuz")]
    if len(kernels) != 1:
        raise CannotDo(f"The packages hold {len(kernels)} kernels instead of one.")
    return tree.nodes.pop(kernels[0]).data


def _add_system(tree: Tree) -> None:
    overlay = Path(__file__).with_name("overlay")
    tree.file("init", (overlay / "init").read_bytes(), 0o755)
    tree.file("usr/lib/footage/session", (overlay / "session").read_bytes(), 0o755)
    tree.file("usr/lib/footage/environment", _environment())
    tree.file("etc/X11/xorg.conf", (overlay / "xorg.conf").read_bytes())
    tree.file("usr/share/X11/xkb/symbols/footage", xkb_symbols(COMMON))
    tree.file("etc/fonts/fonts.conf", home.fonts_conf())
    tree.file("etc/passwd", "root:x:0:0:root:/root:/usr/bin/sh\nuser:x:1000:1000:User:/home/user:/usr/bin/sh\n")
    tree.file("etc/group", "root:x:0:\ntty:x:5:\nuser:x:1000:\n")
    tree.file("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")
    tree.file("etc/hosts", "127.0.0.1 localhost guest\n")
    tree.file("etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    for folder in ("proc", "sys", "dev", "run", "root", "var/log", "var/cache/fontconfig", "var/lib/xkb", "mnt"):
        tree.folder(folder)
    tree.folder("tmp", 0o1777)
    tree.link("usr/bin/sh", "busybox")


def _environment() -> str:
    """Return the session's variables: those of the desktop machine, with a message bus beside them."""
    values = programs.variables(":0", "/home/user", "/home/user/.Xauthority", None)
    values |= {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/bus", "XDG_RUNTIME_DIR": "/run/user"}
    values |= {"PATH": "/usr/bin:/usr/sbin", "WALLPAPER": home.WALLPAPER, "SHELL": "/usr/bin/sh"}
    return "".join(f"export {name}='{value}'\n" for name, value in values.items())


def _add_home(tree: Tree) -> None:
    for name, text in _home_files().items():
        tree.file(f"home/user/{name}", text)
    for name in ("Documents", "Pictures"):
        tree.folder(f"home/user/{name}")


def _home_files() -> Mapping[str, bytes]:
    """Return the files of a fresh home, the looks being those of the desktop machine."""
    dillo = 'home="file:///home/user/pages/index.html"\nstart_page="file:///home/user/pages/index.html"\n'
    dillo += 'geometry=900x600+190+90\nfont_sans_serif="DejaVu Sans"\nfont_serif="DejaVu Serif"\n'
    dillo += (
        'font_monospace="DejaVu Sans Mono"\nshow_search=NO\nshow_bookmarks=NO\nshow_help=NO\nshow_progress_box=NO\n'
    )
    files = {
        "notes.txt": "",
        "Documents/shopping.txt": "milk\nbread\napples\n",
        "pages/index.html": _PAGE,
        "pages/rates.html": _RATES,
        "pages/form.html": _FORM,
        ".dillo/dillorc": dillo,
        ".config/dunst/dunstrc": _DUNST,
    }
    with tempfile.TemporaryDirectory(prefix="footage-home-") as made:
        folder = Path(made)
        home.fill(folder, [*_MENU], files, double_click=DOUBLE_CLICK)
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
