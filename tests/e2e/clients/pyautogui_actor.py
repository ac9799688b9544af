"""Acts and looks with PyAutoGUI: says the screen's size and a pixel."""

import pyautogui

pyautogui.click(800, 600)
pyautogui.press("f")
width, height = pyautogui.size()
red, green, blue = pyautogui.screenshot().getpixel((1270, 790))[:3]
print(f"{width}x{height}", f"#{red:02x}{green:02x}{blue:02x}")
