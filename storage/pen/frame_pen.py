"""The screens of a run: pictures as frames, and what each is to a step."""

from __future__ import annotations

from collections.abc import Sequence

from footage.storage.pen.event_pen import EventPen
from footage.storage.pictures.writing import Prepared
from footage.storage.requests.chains import dump_json
from footage.storage.rows.to_rows import insert, instant_columns
from footage.trajectory import FrameRole, Instant, Pixels, Region

__all__ = ["FramePen"]


class FramePen(EventPen):
    """Writes frames and their roles."""

    def frame(
        self,
        picture: Pixels | bytes | Prepared,
        *,
        captured: Instant,
        roles: Sequence[tuple[int, FrameRole]] = (),
        display: str = "",
        screen: tuple[int, int] | None = None,
        region: Region | None = None,
        source: str = "machine",
        derived: bool = False,
        icount: int | None = None,
    ) -> int:
        """
        Store a picture as a frame, with its roles; return its id. Encodes in the calling thread, outside all locks.

        `screen` is (width, height) of the screen at that moment; by default the picture's own. Raises BadPicture.
        """
        self._ready()
        encoded = self._pictures.encode(self._pictures.prepare(picture))
        height, width = encoded.prepared.pixels.shape[:2]
        width, height = screen or (width, height)
        with self._event("frame", captured) as (connection, subject):
            stored = self._pictures.insert(connection, encoded)
            values = {"run": self._run, "picture": stored, "display": display, "screen_width": width}
            values |= {"screen_height": height, "source": source, "derived": int(derived)}
            values |= {"icount": icount}
            values |= {"region": dump_json(region.as_list()) if region else None}
            row = insert(connection, "frame", values | instant_columns("captured", captured))
            for index, role in roles:
                insert(
                    connection, "frame_role", {"frame": row, "step": self._step_row(connection, index), "role": role}
                )
            subject.append(row)
        return row

    def add_role(self, frame: int, index: int, role: FrameRole) -> None:
        """Give a stored frame one more role."""
        with self._event("role") as (connection, subject):
            connection.execute(
                "INSERT OR IGNORE INTO frame_role (frame, step, role) VALUES (?, ?, ?)",
                (frame, self._step_row(connection, index), role),
            )
            subject.append(frame)
