"""A window of Qt."""

from PyQt5.QtWidgets import QApplication, QWidget

heard = set()


class Window(QWidget):
    def mousePressEvent(self, _):  # noqa: N802 - Qt's name
        self.hear("click")

    def keyPressEvent(self, event):  # noqa: N802 - Qt's name
        self.hear(event.text())

    def hear(self, what):
        heard.add(what)
        if heard == {"click", "f"}:
            screen = application.primaryScreen()
            pixel = screen.grabWindow(0, 1270, 790, 1, 1).toImage().pixelColor(0, 0).name()
            self.setWindowTitle(f"qt heard {screen.size().width()}x{screen.size().height()} {pixel}")


application = QApplication([])
window = Window()
window.setWindowTitle("qt waits")
window.setGeometry(50, 550, 300, 200)
window.show()
application.exec_()
