"""
What reading and writing HTTP/1.1 costs: with h11, as footage does it, beside `http.server` of the standard library.

    python benchmarks/framing.py [requests]

Each way reads the same requests from a pair of sockets; the bytes are in it before the clock begins, but for what does
not fit. Below, requests pass a proxy that records nothing, with a service behind it that answers by a sized reply or by
a stream of events. CPU is that of the reading thread, of the whole process below; ways take turns.
"""

from __future__ import annotations

import os
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from footage.http1.server_side import ServerConnection
from footage.recorder.proxy.listener import Proxy
from footage.recorder.proxy.relay_process.upstream import Upstream
from footage.recorder.proxy.writer_process.routing import Unrecorded

BODY = bytes(2_000_000)
EVENT = b'event: content_block_delta\ndata: {"type": "content_block_delta", "delta": {"text": "word"}}\n\n'
EVENTS = 500
NAMES = ("User-Agent", "Accept", "X-Api-Key", "Anthropic-Version", "X-Stainless-Lang", "X-Stainless-Os", "Content-Type")
HEAD = b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"".join(
    b"%s: something or other\r\n" % name.encode() for name in NAMES
)


def in_chunks(size: int) -> bytes:
    pieces = (BODY[at : at + size] for at in range(0, len(BODY), size))
    return (
        b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
    )


REQUESTS = {
    "2 bytes": HEAD + b"Content-Length: 2\r\n\r\n{}",
    "2 MB": HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY),
    "2 MB in 64 kB chunks": HEAD + in_chunks(65536),
    "2 MB in 4 kB chunks": HEAD + in_chunks(4096),
}


class Standard(BaseHTTPRequestHandler):
    """Reads as a server on the standard library does: by hand, since it has nothing for bodies."""

    protocol_version = "HTTP/1.1"

    def __init__(self, sock: socket.socket) -> None:  # one request is read at a time
        self.request = sock
        self.setup()

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            self.take(int(self.headers["Content-Length"]))
            return
        while size := int(self.rfile.readline(1024).split(b";")[0], 16):
            self.take(size)
            self.rfile.readline(8)
        while self.rfile.readline(65536).strip():
            pass

    def take(self, left: int) -> None:
        while left:
            left -= len(self.rfile.read1(min(left, 262144)))


def by_standard(sock: socket.socket) -> Callable[[], object]:
    return Standard(sock).handle_one_request


def by_h11(sock: socket.socket) -> Callable[[], object]:
    connection = ServerConnection(sock)

    def read() -> None:
        assert connection.read_request() is not None
        for _ in connection.pieces():
            pass
        connection.reply(200, [])

    return read


WAYS = {"http.server": by_standard, "h11": by_h11}


def reading(wire: bytes, count: int) -> dict[str, tuple[float, float]]:
    """Return (delay, CPU of the thread) of a request by way, both medians in ms."""
    taken: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    ends = {way: socket.socketpair() for way in WAYS}
    readers = {way: make(ends[way][1]) for way, make in WAYS.items()}
    for _ in range(count):
        for way, read in readers.items():
            near = ends[way][0]
            sender = threading.Thread(target=near.sendall, args=(wire,))
            sender.start()
            begun, used = time.perf_counter(), time.thread_time()
            read()
            taken[way].append((time.perf_counter() - begun, time.thread_time() - used))
            sender.join()
            if way == "h11":
                near.recv(65536)
    for pair in ends.values():
        for each in pair:
            each.close()
    return {way: (_median(t for t, _ in all_of), _median(t for _, t in all_of)) for way, all_of in taken.items()}


def _median(seconds: Iterable[float]) -> float:
    return statistics.median(seconds) * 1e3


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        Standard.do_POST(self)  # type: ignore[arg-type] # it reads as that one does
        self.send_response(200)
        if self.headers.get("X-Stream"):
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for _ in range(EVENTS):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(EVENT), EVENT))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

    take = Standard.take


def passing(count: int) -> None:
    """Print what a request takes straight to a service, and through a proxy before it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    stream = REQUESTS["2 bytes"].replace(b"\r\nHost", b"\r\nX-Stream: 1\r\nHost")
    with Proxy({"anthropic": Upstream(f"http://127.0.0.1:{server.server_port}")}, Unrecorded()) as proxy:
        for name, wire in {**REQUESTS, f"{EVENTS} events come back": stream}.items():
            end = b"0\r\n\r\n" if wire is stream else b"\r\n\r\n{}"
            taken: dict[int, list[tuple[float, float]]] = {}
            ports = (server.server_port, int(proxy.url.rpartition(":")[2]))
            ends = {port: socket.create_connection(("127.0.0.1", port)) for port in ports}
            for _ in range(count):
                for port, client in ends.items():
                    begun, used = time.perf_counter(), time.process_time()
                    client.sendall(wire)
                    came = b""
                    while not came.endswith(end):
                        came += client.recv(65536)
                    taken.setdefault(port, []).append((time.perf_counter() - begun, time.process_time() - used))
            for client in ends.values():
                client.close()
            (delay, cpu), (over, more) = (
                (_median(t for t, _ in each), _median(t for _, t in each)) for each in taken.values()
            )
            print(f"{name:24} {delay:9.2f} {over:9.2f} {over / delay:7.1f} {cpu:11.2f} {more:9.2f}")
    server.shutdown()
    server.server_close()


def main(count: int) -> None:
    print(f"{count} requests each, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; medians in ms\n")
    print(
        f"{'read':24} {'http.server':>13} {'h11':>9} {'ratio':>7}   (CPU) {'http.server':>12} {'h11':>9} {'ratio':>7}"
    )
    for name, wire in REQUESTS.items():
        found = reading(wire, count)
        (one, one_cpu), (two, two_cpu) = found["http.server"], found["h11"]
        row = f"{name:24} {one:13.2f} {two:9.2f} {two / one:7.1f}         {one_cpu:12.2f} {two_cpu:9.2f}"
        print(f"{row} {two_cpu / one_cpu:7.1f}")
    print(f"\n{'passed on':24} {'straight':>9} {'proxy':>9} {'ratio':>7} {'CPU straight':>11} {'proxy':>9}")
    passing(count)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
