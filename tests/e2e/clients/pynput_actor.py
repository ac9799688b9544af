"""Acts with pynput, and listens with it (the RECORD extension): says what it heard of its own input."""

import queue

from pynput import keyboard, mouse

heard = queue.Queue()
clicks = mouse.Listener(
    on_click=lambda x, y, button, down, *_: heard.put(f"{button.name} {x:.0f},{y:.0f}") if down else None
)
keys = keyboard.Listener(on_press=lambda key, *_: heard.put(key.char))
for listener in (clicks, keys):
    listener.start()
    listener.wait()
pointer = mouse.Controller()
pointer.position = (800, 600)
pointer.click(mouse.Button.left)
print(heard.get(timeout=30))
keyboard.Controller().tap("f")
print(heard.get(timeout=30))
