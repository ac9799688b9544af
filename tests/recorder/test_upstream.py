"""Where the proxy sends requests: plain, encrypted, below a path, and through the proxy of a network."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from footage.errors import UsageError
from footage.recorder.proxy.relay_process.upstream import Upstream
from service import Service, text


@pytest.mark.parametrize(
    "base", ["", "api.anthropic.com", "ftp://x", "http://", "https://host:port", "http://host:99999"]
)
def test_what_is_no_address_is_refused(base: str) -> None:
    with pytest.raises(UsageError, match="is no address of a service"):
        Upstream(base)


def test_a_path_and_a_login_of_the_base_address_are_kept() -> None:
    upstream = Upstream("https://me:hush%21@gateway.example:8443/anthropic/")
    assert (upstream.url, upstream.authority) == ("https://gateway.example:8443/anthropic", "gateway.example:8443")
    assert upstream.target("/v1/messages?a=%20b&c=é") == "/anthropic/v1/messages?a=%20b&c=%E9"
    assert ("Authorization", "Basic bWU6aHVzaCE=") in upstream.headers([])
    assert [name for name, _ in upstream.headers([("authorization", "Bearer x")])] == [
        "Host",
        "authorization",
        "Accept-Encoding",
    ]


def test_headers_about_the_connection_stay_behind() -> None:
    given = [
        ("Connection", "keep-alive, X-Hop"),
        ("X-Hop", "1"),
        ("Host", "127.0.0.1"),
        ("TE", "gzip"),
        ("X-Api-Key", "k"),
    ]
    assert Upstream("http://s").headers(given) == [("Host", "s"), ("X-Api-Key", "k"), ("Accept-Encoding", "identity")]


def test_an_encrypted_service_is_checked_by_its_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    options = ["-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
        *options,
    ]
    subprocess.run(command, check=True, capture_output=True)
    service = Service([text("Hello")])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    service._server.socket = context.wrap_socket(service._server.socket, server_side=True)
    with service:
        address = service.url.replace("http://127.0.0.1", "https://localhost")
        with pytest.raises(ssl.SSLCertVerificationError):
            Upstream(address).connect()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        connection = Upstream(address).connect()
        connection.ask("GET", "/v1/models", [("Host", "localhost")])
        connection.end()
        assert connection.read_reply().status == 404
        connection.close()
        assert not connection.is_idle


def test_the_proxy_of_a_network_is_asked_for_a_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as gate:

        def tunnel() -> None:
            client, _ = gate.accept()
            with client:
                while not b"".join(heard).endswith(b"\r\n\r\n"):
                    heard.append(client.recv(4096))
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                heard.append(client.recv(4096))
                client.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        thread = threading.Thread(target=tunnel)
        thread.start()
        for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", f"http://me:hush@127.0.0.1:{gate.getsockname()[1]}")
        connection = Upstream("http://service.example").connect()
        connection.ask("GET", "/v1/models", [("Host", "service.example")])
        connection.end()
        assert connection.read_reply().status == 204
        connection.close()
        thread.join()
    asked = b"".join(heard)
    assert asked.startswith(b"CONNECT service.example:80 ")
    assert b"Proxy-Authorization: Basic bWU6aHVzaA==" in asked
    assert b"GET /v1/models" in asked
