"""A service that answers with given bytes, whatever it is asked."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from typing import Self


@dataclass
class Scripted:
    """A service that gives one answer, as it is, to every request; `closes` the connection after it."""

    answer: bytes
    closes: bool = False
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as file:
            while line := file.readline():
                head = [line]
                while (line := file.readline()).strip():
                    head.append(line)
                self.heads.append(b"".join(head))
                named = {n.lower(): v.strip() for n, _, v in (each.partition(b":") for each in head[1:])}
                if named.get(b"transfer-encoding") == b"chunked":
                    body = b""
                    while size := int(file.readline(), 16):
                        body += file.read(size)
                        file.readline()
                    file.readline()
                else:
                    body = file.read(int(named.get(b"content-length", b"0")))
                self.bodies.append(body)
                connection.sendall(self.answer)
                if self.closes:
                    return
