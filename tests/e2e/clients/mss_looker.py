"""Looks with mss: says the screen's size and a pixel."""

import mss

with mss.mss() as looker:
    picture = looker.grab(looker.monitors[0])
red, green, blue = picture.pixel(1270, 790)
print(f"{picture.width}x{picture.height}", f"#{red:02x}{green:02x}{blue:02x}")
