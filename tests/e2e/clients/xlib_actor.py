"""Acts and looks through the package Xlib, whichever of the two it is: says its version, the screen's size, a pixel."""

import Xlib
from Xlib import XK, X, display
from Xlib.ext import randr, record, xinerama, xtest

connection = display.Display()
screen = connection.screen()
for extension in (randr, record, xinerama, xtest):
    assert connection.has_extension(extension.extname), extension.extname
xtest.fake_input(connection, X.MotionNotify, x=800, y=600)
for kind in (X.ButtonPress, X.ButtonRelease):
    xtest.fake_input(connection, kind, 1)
key = connection.keysym_to_keycode(XK.XK_f)
for kind in (X.KeyPress, X.KeyRelease):
    xtest.fake_input(connection, kind, key)
connection.sync()
data = screen.root.get_image(1270, 790, 1, 1, X.ZPixmap, 0xFFFFFFFF).data
blue, green, red = (data.encode("latin-1") if isinstance(data, str) else data)[:3]  # a text in python3-Xlib
size = f"{screen.width_in_pixels}x{screen.height_in_pixels}"
print(Xlib.__version_string__, size, f"#{red:02x}{green:02x}{blue:02x}")
