"""Foreign pictures: decoded by a child process that may not take more than its share of memory and time."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from footage import stopping
from footage.errors import BadImport, BadPicture
from footage.interchange.importers.safety.limits import LIMITS, Limits
from footage.interchange.importers.safety.sniffing import Header, sniff
from footage.storage.pictures.decoding import MAX_PIXELS, check_size
from footage.storage.pictures.tiles import picture_hash
from footage.storage.pictures.writing import Prepared
from footage.trajectory import JSON, Pixels

__all__ = ["Pictures"]

_PIECE = 1 << 16


@dataclass(slots=True)
class _Late(Exception):
    """The child did not answer in time, or died."""

    reason: str


class Pictures:
    """
    Decodes pictures in one child process, which is started when the first picture comes and again when it has died.

    A context manager; not thread-safe. The child has a limited address space and processor time, and each picture a
    limited wait; pictures that are too slow share one limit of patience, so that many of them cannot add up.
    """

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self._child: subprocess.Popen[bytes] | None = None
        self._patience = limits.patience

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child. Safe to call twice."""
        if self._child is not None:
            with stopping.held():  # a process that is killed is gone in a moment
                child, self._child = self._child, None
                child.kill()
                child.wait()
                for pipe in (child.stdin, child.stdout):
                    if pipe is not None:
                        pipe.close()

    def be_patient_again(self) -> None:
        """Forget how slow the pictures so far were: for the next run."""
        self._patience = self.limits.patience

    def prepare(self, data: bytes) -> Prepared:
        """
        Decode and hash a picture, the first one of an animation, ready for `RunWriter.frame`.

        Bytes that are lossy, or hold more than RGB pixels, are kept as they came. Raises BadPicture.
        """
        decoded = list(self._decode(data, 0, 1))  # to the end of the answer, which is then nobody's to clear away
        if not decoded:
            raise BadPicture("There is no picture in it.")
        head, pixels = decoded[0]
        sha256 = picture_hash(pixels)
        if head["complete"] and not head["lossy"]:
            return Prepared(pixels, sha256)
        return Prepared(pixels, sha256, bool(head["lossy"]), data, hashlib.sha256(data).hexdigest())

    def frames(self, data: bytes) -> Iterator[Pixels]:
        """
        Decode the pictures of an animation one by one, up to `pictures_at_once` of the limits.

        Shape (height, width, 3) RGB each. Raises BadPicture where one of them cannot be decoded.
        """
        for _, pixels in self._decode(data, 0, self.limits.pictures_at_once):
            yield pixels

    def _decode(self, data: bytes, first: int, many: int) -> Iterator[tuple[JSON, Pixels]]:
        header = self._check(data)
        if self._patience <= 0:
            raise BadPicture("This picture was not decoded: those before it took too long.")
        ended, refused = False, ""
        started = time.monotonic()
        try:
            self._ask(data, header, first, many, started + self.limits.picture_wait)
            while "end" not in (head := self._head(started + self.limits.picture_wait)):
                if "error" in head:
                    refused = head["error"]
                    continue
                yield head, self._pixels(head, started + self.limits.picture_wait)
                started = time.monotonic()
            ended = True
        except _Late as late:
            self._patience -= time.monotonic() - started
            raise BadPicture(f"This {header.format} picture cannot be decoded: {late.reason}.") from late
        finally:
            if not ended:  # stopped, late, or nobody wants the rest, which would be taken for another answer
                self.close()
        if refused:
            raise BadPicture(f"This {header.format} picture cannot be decoded: {refused}.")

    def _check(self, data: bytes) -> Header:
        if len(data) > self.limits.picture:
            raise BadPicture(f"A picture of {len(data):,} bytes is too large (limit: {self.limits.picture:,}).")
        header = sniff(data)
        check_size(header.width, header.height)
        pixels = header.width * header.height
        if pixels > max(self.limits.free_pixels, self.limits.pixels_a_byte * len(data)):
            raise BadPicture(f"A picture of {pixels:,} pixels in {len(data):,} bytes is a bomb.")
        return header

    # --- the child ---

    def _start(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            found = importlib.util.find_spec("PIL")
            pillow = str(Path(found.origin).parent.parent) if found and found.origin else ""
            script = str(Path(__file__).with_name("decoder.py"))
            # -I: neither the folder it is started in nor the environment can bring in other code.
            command = [sys.executable, "-I", "-B", script, str(self.limits.picture_memory), pillow]
            try:
                with stopping.held():
                    self._child = subprocess.Popen(
                        command,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                        env={},
                        bufsize=0,
                    )
            except OSError as error:
                raise BadImport(f"The process that decodes pictures cannot be started: {error.strerror}.") from error
            assert self._child.stdin is not None
            assert self._child.stdout is not None
            _widen(self._child.stdout.fileno())
            os.set_blocking(self._child.stdin.fileno(), False)
        return self._child

    def _ask(self, data: bytes, header: Header, first: int, many: int, until: float) -> None:
        """Send a request, without waiting longer than that for the child to take it."""
        request: JSON = {"bytes": len(data), "format": header.format, "first": first, "many": many}
        request |= {"cpu": self.limits.picture_cpu, "pixels": MAX_PIXELS}
        child = self._start()
        assert child.stdin is not None
        pipe = child.stdin.fileno()
        for piece in (json.dumps(request).encode("ascii") + b"\n", data):
            rest = memoryview(piece)
            while rest:
                _wait(pipe, until, writing=True)
                try:
                    rest = rest[os.write(pipe, rest[: 16 * _PIECE]) :]
                except BlockingIOError:
                    continue
                except OSError as error:
                    raise _Late("the process that decodes it died") from error

    def _head(self, until: float) -> JSON:
        line = b""
        while not line.endswith(b"\n"):
            line += self._read(1, until)
        answer: Any = json.loads(line)
        return dict(answer)

    def _pixels(self, head: JSON, until: float) -> Pixels:
        import numpy as np

        width, height = int(head["width"]), int(head["height"])
        check_size(width, height)
        buffer = bytearray(width * height * 3)
        view = memoryview(buffer)
        while view:
            view = view[self._into(view, until) :]
        return np.frombuffer(buffer, np.uint8).reshape(height, width, 3)

    def _read(self, count: int, until: float) -> bytes:
        buffer = bytearray(count)
        return bytes(buffer[: self._into(memoryview(buffer), until)])

    def _into(self, view: memoryview, until: float) -> int:
        child = self._child
        if child is None or child.stdout is None:
            raise _Late("the process that decodes it died")
        _wait(child.stdout.fileno(), until, writing=False)
        got = os.readv(child.stdout.fileno(), [view])
        if not got:
            raise _Late(_death(child.wait()))
        return got


def _widen(pipe: int) -> None:
    """Let a pipe hold a screen's worth of pixels at once, where the system can: it is read in fewer pieces."""
    import fcntl

    with contextlib.suppress(AttributeError, OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 1 << 20)


def _wait(pipe: int, until: float, *, writing: bool) -> None:
    """Wait until a pipe is ready. Raises _Late."""
    poll = select.poll()  # unlike select, for any number of open files
    poll.register(pipe, select.POLLOUT if writing else select.POLLIN)
    if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
        raise _Late("it takes too long")


def _death(code: int) -> str:
    """Say why the child died, by its exit code."""
    import signal

    if -code in {signal.SIGXCPU, signal.SIGKILL}:
        return "it takes too much processor time"
    return "it takes more memory than an import may use, or breaks the decoder"
