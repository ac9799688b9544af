"""A window of GTK."""

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk  # noqa: E402 - once the versions are chosen

window = Gtk.Window(title="gtk waits", default_width=300, default_height=200)
window.add_events(Gdk.EventMask.BUTTON_PRESS_MASK | Gdk.EventMask.KEY_PRESS_MASK)
heard = set()


def hear(what):
    heard.add(what)
    if heard == {"click", "f"}:
        root = Gdk.get_default_root_window()
        red, green, blue = Gdk.pixbuf_get_from_window(root, 1270, 790, 1, 1).get_pixels()[:3]
        size = f"{root.get_width()}x{root.get_height()}"
        window.set_title(f"gtk heard {size} #{red:02x}{green:02x}{blue:02x}")


window.connect("button-press-event", lambda *_: hear("click"))
window.connect("key-press-event", lambda _, event: hear(event.string))
window.show_all()
Gtk.main()
