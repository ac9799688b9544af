"""
The beginning of a connection to an RFB server: versions, security, the screen's size and the form of its pixels.

RFC 6143 describes the protocol; versions 3.3, 3.7 and 3.8 are spoken, without security or with the VNC password.
"""

from __future__ import annotations

import contextlib
import hmac
import secrets
import socket
import struct
from dataclasses import dataclass
from typing import Any

from footage.errors import MachineError, UsageError

__all__ = ["UNIX", "Stream", "Welcome", "connect", "introduced", "split_address"]

PATIENCE = 10.0
"""Seconds that a server gets to answer."""
UNIX = "unix:"
_NONE, _PASSWORD = 1, 2
_KNOWN = {16: "Tight", 18: "TLS", 19: "VeNCrypt", 30: "Apple", 129: "MSLogon", 5: "RA2"}
_HEAD = 24
"""Bytes of a server's introduction before its name: the screen's size, the form of pixels, and the name's length."""
PIXELS = struct.pack(">BBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 0, 8, 16)
"""The form that pixels are asked for in: four bytes each, red, green, blue and one that says nothing."""


class Stream:
    """The bytes of a connection. Raises MachineError where the server is gone."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def take(self, count: int) -> bytes:
        """Return so many bytes."""
        return bytes(self.take_into(bytearray(count)))

    def take_into(self, whole: bytearray) -> bytearray:
        """Fill a buffer, and return it."""
        view, have = memoryview(whole), 0
        while have < len(whole):
            try:
                got = self._link.recv_into(view[have:])
            except TimeoutError:
                raise MachineError("The VNC server does not answer.") from None
            except OSError as problem:
                raise MachineError(f"The connection to the VNC server broke: {problem}.") from problem
            if not got:
                raise MachineError("The VNC server closed the connection.")
            have += got
        return whole

    def numbers(self, form: str) -> tuple[Any, ...]:
        """Return what stands next, in a form of `struct`, big-endian."""
        return struct.unpack(">" + form, self.take(struct.calcsize(">" + form)))

    def some(self, most: int) -> bytes:
        """Return what has come, at least a byte; b"" at the end."""
        try:
            return self._link.recv(most)
        except OSError as problem:
            raise MachineError(f"The connection to the VNC server broke: {problem}.") from problem

    def send(self, data: bytes) -> None:
        """Send bytes."""
        try:
            self._link.sendall(data)
        except OSError as problem:
            raise MachineError(f"The connection to the VNC server broke: {problem}.") from problem

    def prove(self, password: str) -> None:
        """Have a client prove that it knows the password, as a server does. Raises UsageError where it does not."""
        challenge = secrets.token_bytes(16)
        self.send(challenge)
        if not hmac.compare_digest(self.take(16), _answer(password, challenge)):
            self.send(struct.pack(">I", 1))
            raise UsageError("A client of the VNC gate gave a wrong password.")
        self.send(bytes(4))

    def be_patient(self, seconds: float | None) -> None:
        """Set how long the server may say nothing; None: for ever."""
        self._link.settimeout(seconds)

    def close(self) -> None:
        """End the connection."""
        with contextlib.suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)
        self._link.close()


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a server says of itself."""

    version: str
    width: int
    height: int
    name: str
    secured: bool = False
    """Whether it asked for a password."""


def split_address(address: str) -> tuple[str, int]:
    """
    Return host and port of `host:port` or `[host]:port`. Raises UsageError.

    >>> split_address("127.0.0.1:5901")
    ('127.0.0.1', 5901)
    """
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal() and int(port) < 1 << 16):
        raise UsageError(f"{address!r} is no address of a VNC server.", hint="For example: vnc:127.0.0.1:5901")
    return host.strip("[]"), int(port)


def connect(address: str, password: str | None) -> tuple[Stream, Welcome]:
    """
    Connect to a server and return the stream, past the handshake, and what the server says of itself.

    Others who are connected stay so. Raises UsageError for a wrong password or address, MachineError for a server that
    is not there, or is none.
    """
    stream, version, secured, said = _introduced(address, password)
    try:
        stream.send(b"\x00xxx" + PIXELS)
    except BaseException:
        stream.close()
        raise
    width, height = struct.unpack(">HH", said[:4])
    return stream, Welcome(version[4:].decode(), width, height, said[_HEAD:].decode("utf-8", "replace"), secured)


def introduced(address: str, password: str | None = None) -> tuple[Stream, bytes]:
    """
    Connect to a server (host:port, or `unix:path`).

    Returns the stream, and all it says of itself, as it came (`ServerInit`).

    Raises what `connect` raises.
    """
    stream, _, _, said = _introduced(address, password)
    return stream, said


def _introduced(address: str, password: str | None) -> tuple[Stream, bytes, bool, bytes]:
    stream = Stream(_linked(address))
    try:
        return stream, *_shake_hands(stream, address, password)
    except BaseException:
        stream.close()
        raise


def _linked(address: str) -> socket.socket:
    """Return a connection to `host:port`, or to a server of this user's at `unix:path`."""
    try:
        if address.startswith(UNIX):
            link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            link.settimeout(PATIENCE)
            link.connect(address.removeprefix(UNIX))
        else:
            link = socket.create_connection(split_address(address), timeout=PATIENCE)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as problem:
        why = problem.strerror or str(problem)
        raise MachineError(f"There is no VNC server at {address}: {why}.", hint="Is it running?") from problem
    return link


def _shake_hands(stream: Stream, address: str, password: str | None) -> tuple[bytes, bool, bytes]:
    """Return the version that is spoken, whether a password was asked for, and the server's introduction."""
    offered = stream.take(12)
    if not offered.startswith(b"RFB "):
        raise MachineError(f"What answers at {address} is no VNC server.")
    version = min(max(offered[:11], b"RFB 003.003"), b"RFB 003.008")
    version = version if version in {b"RFB 003.007", b"RFB 003.008"} else b"RFB 003.003"
    stream.send(version + b"\n")
    secured = _agree(stream, version, address, password)
    stream.send(b"\x01")  # shared: whoever else is connected stays so
    head = stream.take(_HEAD)
    (length,) = struct.unpack(">I", head[-4:])
    return version, secured, head + stream.take(min(length, 1 << 16))


def _agree(stream: Stream, version: bytes, address: str, password: str | None) -> bool:
    """Agree on security, and prove to know the password where one is asked for; return whether it was."""
    kinds = [stream.numbers("I")[0]] if version == b"RFB 003.003" else list(stream.take(stream.take(1)[0]))
    if not kinds or kinds == [0]:
        raise MachineError(f"The VNC server at {address} refuses: {_reason(stream)}")
    chosen = _PASSWORD if _PASSWORD in kinds and password is not None else _NONE if _NONE in kinds else _PASSWORD
    if chosen not in kinds:
        named = ", ".join(_KNOWN.get(kind, str(kind)) for kind in kinds)
        raise MachineError(f"The VNC server at {address} asks for security that is not spoken here: {named}.")
    if version != b"RFB 003.003":
        stream.send(bytes([chosen]))
    if chosen == _PASSWORD:
        if password is None:
            raise UsageError(
                f"The VNC server at {address} asks for a password.",
                hint="Set FOOTAGE_VNC_PASSWORD, or name the variable or the file that has it in the configuration.",
            )
        stream.send(_answer(password, stream.take(16)))
    if chosen == _PASSWORD or version == b"RFB 003.008":
        (refused,) = stream.numbers("I")
        if refused:
            why = _reason(stream) if version == b"RFB 003.008" else "the password is wrong"
            raise UsageError(f"The VNC server at {address} refuses: {why}", hint="Is the password right?")
    return chosen == _PASSWORD


def _reason(stream: Stream) -> str:
    (length,) = stream.numbers("I")
    return stream.take(min(length, 4096)).decode("utf-8", "replace")


def _answer(password: str, challenge: bytes) -> bytes:
    """Return the challenge encrypted with the password, the way VNC has it: DES, the bits of each byte reversed."""
    try:
        from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
        from cryptography.hazmat.primitives.ciphers import Cipher, modes
    except ImportError as problem:
        raise UsageError(
            "A VNC password takes the package cryptography.", hint="pip install 'footage[vnc]'"
        ) from problem

    plain = password.encode("latin-1", "replace")[:8].ljust(8, b"\0")
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in plain)
    # Thrice the same key is plain DES, and so weak a proof is what the protocol asks for.
    cipher = Cipher(TripleDES(key * 3), modes.ECB()).encryptor()  # noqa: S305 - the protocol's own
    return cipher.update(challenge) + cipher.finalize()
