"""A window of Tk."""

import tkinter

root = tkinter.Tk()
root.title("tk waits")
root.geometry("300x200+50+550")
heard = set()


def hear(what):
    heard.add(what)
    if heard == {"click", "f"}:
        root.title(f"tk heard {root.winfo_screenwidth()}x{root.winfo_screenheight()}")


root.bind("<Button-1>", lambda _: hear("click"))
root.bind("<Key>", lambda event: hear(event.char))
root.mainloop()
