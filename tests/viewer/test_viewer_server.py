"""Starting and stopping the viewer."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from footage.errors import CannotDo, UsageError
from footage.storage import Store
from footage.viewer import make_viewer, serve

PROGRAM = """
import sys
from footage.storage import open_store
from footage.viewer import serve
serve(open_store(sys.argv[1]), on_ready=lambda url: print(url, flush=True))
"""


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.com", "", "127.0.0.2"])
def test_only_this_machine_is_served(store: Store, host: str) -> None:
    with pytest.raises(UsageError, match="listens on this machine only"):
        serve(store, host=host)


def test_a_port_in_use_is_said_in_one_sentence(store: Store) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CannotDo, match=f"^Port {port} is in use by another program.$"):
            serve(store, port=port)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none_is_refused(store: Store, port: int) -> None:
    with pytest.raises(UsageError, match="is no port"):
        serve(store, port=port)


def test_each_start_has_a_token_of_its_own(store: Store) -> None:
    urls = []
    for _ in range(2):
        server, url = make_viewer(store)
        server.server_close()
        urls.append(url)
    tokens = [urlsplit(url).query.removeprefix("token=") for url in urls]
    assert tokens[0] != tokens[1]
    assert all(len(token) >= 43 for token in tokens)  # 256 bits


@pytest.fixture
def running(store: Store) -> Iterator[str]:
    server, url = make_viewer(store)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield url
    server.shutdown()
    thread.join()


def ask(url: str, path: str, **headers: str) -> http.client.HTTPResponse:
    """A request over a connection of its own, closed afterwards."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=10)
    connection.request("GET", path, headers={**headers, "Connection": "close"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_over_the_wire_the_cookie_opens_what_the_token_opened(running: str) -> None:
    parts = urlsplit(running)
    assert ask(running, "/").status == 403
    answer = ask(running, f"/?{parts.query}")
    assert (answer.status, answer.getheader("Location")) == (303, "/")
    cookie = (answer.getheader("Set-Cookie") or "").split(";")[0]
    assert cookie.startswith(f"footage-{parts.port}=")
    assert ask(running, "/", Cookie=cookie).status == 200
    assert ask(running, "/", Cookie=cookie, Host=f"rebound.example:{parts.port}").status == 400


def test_an_absolute_request_target_is_held_to_the_same_host(running: str) -> None:
    assert ask(running, "http://evil.example/").status == 400


def test_two_host_headers_are_one_too_many(running: str) -> None:
    parts = urlsplit(running)
    with socket.create_connection(("127.0.0.1", parts.port or 0), timeout=10) as connection:
        host = f"Host: 127.0.0.1:{parts.port}\r\n"
        connection.sendall(f"GET / HTTP/1.1\r\n{host}Host: evil.example\r\nConnection: close\r\n\r\n".encode())
        assert b" 400 " in connection.makefile("rb").readline()


def test_ctrl_c_ends_it_quietly_and_the_token_is_in_no_log(store: Store) -> None:
    command = [sys.executable, "-c", PROGRAM, str(store.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{43}", url)
        assert ask(url, url[url.index("/?") :]).status == 303
        assert ask(url, "/runs/none").status == 403
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)
    assert (process.returncode, rest, errors) == (0, "", "")
