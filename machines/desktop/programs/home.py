"""
What a fresh session finds: the looks and the settings of its programs, as files.

Everything that would make two equal sessions look different is switched off: blinking, animation, recent files,
sub-pixel text, settings services. (For tooltips, which come half a second after the pointer, GTK has no switch.)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

WALLPAPER = "#2f5d73"
"""Colour of the desktop."""
DOUBLE_CLICK = 0.25
"""Seconds within which programs take two clicks for a double click."""

THEME = {"wallpaper": WALLPAPER, "gtk": "Adwaita", "font": "DejaVu Sans 10", "cursor": "Adwaita 24"}
"""What the screen looks like, for the machine's specification."""

_GTK = """\
[Settings]
gtk-theme-name=Adwaita
gtk-icon-theme-name=Adwaita
gtk-font-name=DejaVu Sans 10
gtk-cursor-theme-name=Adwaita
gtk-cursor-theme-size=24
gtk-cursor-blink=0
gtk-enable-animations=0
gtk-enable-event-sounds=0
gtk-recent-files-enabled=0
gtk-dialogs-use-header=0
gtk-double-click-time=DOUBLE_CLICK
gtk-xft-antialias=1
gtk-xft-hinting=1
gtk-xft-hintstyle=hintslight
gtk-xft-rgba=none
gtk-xft-dpi=98304
"""

_FONTS = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts/truetype/dejavu</dir>
  <cachedir>/var/cache/fontconfig</cachedir>
  <cachedir prefix="xdg">fontconfig</cachedir>
  <match target="pattern">
    <edit name="antialias" mode="assign"><bool>true</bool></edit>
    <edit name="hinting" mode="assign"><bool>true</bool></edit>
    <edit name="hintstyle" mode="assign"><const>hintslight</const></edit>
    <edit name="rgba" mode="assign"><const>none</const></edit>
  </match>
  <alias><family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer></alias>
  <alias><family>sans</family><prefer><family>DejaVu Sans</family></prefer></alias>
  <alias><family>serif</family><prefer><family>DejaVu Serif</family></prefer></alias>
  <alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
"""

_SETTINGS = """\
[org/xfce/mousepad/preferences/view]
use-default-monospace-font=false
font-name='DejaVu Sans Mono 11'
word-wrap=true
[org/xfce/mousepad/preferences/window]
path-in-title=false
recent-menu-items=uint32 0
remember-size=false
remember-state=false
[org/xfce/mousepad/preferences/file]
monitor-changes=false
session-restore='never'
autosave-timer=uint32 0
"""

_OPENBOX = """\
<?xml version="1.0" encoding="UTF-8"?>
<openbox_config xmlns="http://openbox.org/3.4/rc">
  <focus><focusNew>FOCUS_NEW</focusNew><followMouse>no</followMouse><focusLast>yes</focusLast></focus>
  <placement><policy>Smart</policy><center>yes</center></placement>
  <theme>
    <name>footage</name><titleLayout>LIMC</titleLayout><keepBorder>yes</keepBorder>
    <animateIconify>no</animateIconify>
    <font place="ActiveWindow"><name>DejaVu Sans</name><size>10</size><weight>bold</weight></font>
    <font place="InactiveWindow"><name>DejaVu Sans</name><size>10</size><weight>bold</weight></font>
    <font place="MenuHeader"><name>DejaVu Sans</name><size>10</size><weight>bold</weight></font>
    <font place="MenuItem"><name>DejaVu Sans</name><size>11</size></font>
  </theme>
  <desktops><number>1</number><popupTime>0</popupTime></desktops>
  <resize><drawContents>yes</drawContents><popupShow>Never</popupShow></resize>
  <keyboard>
    <keybind key="A-F4"><action name="Close"/></keybind>
    <keybind key="A-Tab"><action name="NextWindow"><dialog>none</dialog>
      <finalactions><action name="Focus"/><action name="Raise"/></finalactions></action></keybind>
    <keybind key="W-d"><action name="ToggleShowDesktop"/></keybind>
  </keyboard>
  <mouse>
    <dragThreshold>4</dragThreshold><doubleClickTime>DOUBLE_CLICK</doubleClickTime>
    <context name="Frame">
      <mousebind button="A-Left" action="Drag"><action name="Move"/></mousebind>
    </context>
    <context name="Titlebar">
      <mousebind button="Left" action="Drag"><action name="Move"/></mousebind>
      <mousebind button="Left" action="DoubleClick"><action name="ToggleMaximize"/></mousebind>
    </context>
    <context name="Titlebar Top Right Bottom Left TLCorner TRCorner BRCorner BLCorner">
      <mousebind button="Left" action="Press"><action name="Focus"/><action name="Raise"/></mousebind>
    </context>
    <context name="Top"><mousebind button="Left" action="Drag">
      <action name="Resize"><edge>top</edge></action></mousebind></context>
    <context name="Left"><mousebind button="Left" action="Drag">
      <action name="Resize"><edge>left</edge></action></mousebind></context>
    <context name="Right"><mousebind button="Left" action="Drag">
      <action name="Resize"><edge>right</edge></action></mousebind></context>
    <context name="Bottom"><mousebind button="Left" action="Drag">
      <action name="Resize"><edge>bottom</edge></action></mousebind></context>
    <context name="TRCorner BRCorner TLCorner BLCorner">
      <mousebind button="Left" action="Drag"><action name="Resize"/></mousebind></context>
    <context name="Client">
      <mousebind button="Left" action="Press"><action name="Focus"/><action name="Raise"/></mousebind>
      <mousebind button="Middle" action="Press"><action name="Focus"/><action name="Raise"/></mousebind>
      <mousebind button="Right" action="Press"><action name="Focus"/><action name="Raise"/></mousebind>
    </context>
    <context name="Close">
      <mousebind button="Left" action="Press"><action name="Focus"/><action name="Raise"/></mousebind>
      <mousebind button="Left" action="Click"><action name="Close"/></mousebind></context>
    <context name="Maximize"><mousebind button="Left" action="Click"><action name="ToggleMaximize"/></mousebind>
    </context>
    <context name="Iconify"><mousebind button="Left" action="Click"><action name="Iconify"/></mousebind>
    </context>
    <context name="Root">
      <mousebind button="Right" action="Click"><action name="ShowMenu"><menu>root-menu</menu></action>
      </mousebind>
    </context>
  </mouse>
  <menu><file>menu.xml</file><hideDelay>0</hideDelay><submenuShowDelay>0</submenuShowDelay>
    <showIcons>no</showIcons></menu>
</openbox_config>
"""

_THEME = """\
border.width: 1
padding.width: 8
padding.height: 5
window.handle.width: 0
window.client.padding.width: 0
menu.overlap: 1
menu.border.width: 1
menu.border.color: #8a9299
window.active.border.color: #1f3e4d
window.inactive.border.color: #5f6f78
window.active.title.separator.color: #1f3e4d
window.inactive.title.separator.color: #b5bdc2
window.active.title.bg: Flat Solid
window.active.title.bg.color: #3f7d99
window.inactive.title.bg: Flat Solid
window.inactive.title.bg.color: #dfe4e7
window.active.label.bg: Parentrelative
window.inactive.label.bg: Parentrelative
window.active.label.text.color: #ffffff
window.inactive.label.text.color: #5a666e
window.label.text.justify: left
window.active.button.*.bg: Parentrelative
window.inactive.button.*.bg: Parentrelative
window.active.button.*.image.color: #ffffff
window.inactive.button.*.image.color: #5a666e
menu.title.bg: Flat Solid
menu.title.bg.color: #3f7d99
menu.title.text.color: #ffffff
menu.title.text.justify: left
menu.items.bg: Flat Solid
menu.items.bg.color: #fbfbfb
menu.items.text.color: #22292e
menu.items.active.bg: Flat Solid
menu.items.active.bg.color: #cfe3ec
menu.items.active.text.color: #16303c
"""


def fonts_conf() -> str:
    """Return the font configuration: DejaVu alone, grey antialiasing, slight hinting."""
    return _FONTS


def fill(
    home: Path, menu: list[tuple[str, str]], files: Mapping[str, str], *, double_click: float = DOUBLE_CLICK
) -> None:
    """
    Write a fresh home: settings, the desktop's menu of (label, command line), the user's `files` (path: text).

    The menu opens when the button is let go: one that is open already would take that for its end. Within
    `double_click` seconds programs take two clicks for a double click.
    """
    config = {
        ".config/gtk-3.0/settings.ini": _GTK.replace("DOUBLE_CLICK", _milliseconds(double_click)),
        ".config/glib-2.0/settings/keyfile": _SETTINGS,
        ".config/openbox/rc.xml": _window_manager("no", double_click),
        ".config/openbox/menu.xml": _menu(menu),
        ".themes/footage/openbox-3/themerc": _THEME,
    }
    for name, text in (config | dict(files)).items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def let_new_windows_have_focus(home: Path) -> None:
    """Change the window manager's settings: none of the first windows gets the focus, later ones do."""
    (home / ".config/openbox/rc.xml").write_text(_window_manager("yes", DOUBLE_CLICK), "utf-8")


def _window_manager(focus_new: str, double_click: float) -> str:
    return _OPENBOX.replace("FOCUS_NEW", focus_new).replace("DOUBLE_CLICK", _milliseconds(double_click))


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


def _menu(entries: list[tuple[str, str]]) -> str:
    from xml.sax.saxutils import escape, quoteattr

    item = '    <item label={}><action name="Execute"><command>{}</command></action></item>'
    items = "\n".join(item.format(quoteattr(label), escape(command)) for label, command in entries)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<openbox_menu xmlns="http://openbox.org/3.4/menu">\n'
        f'  <menu id="root-menu" label="Desktop">\n    <separator label="Desktop"/>\n{items}\n  </menu>\n'
        "</openbox_menu>\n"
    )
