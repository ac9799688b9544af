"""
Freeze a small store of the present version as `tests/stores/v<version>.db`, which later versions must read for ever.

Run it when a version is finished, before the first migration of the next one: `python scripts/make-frozen-store.py`.
"""

from __future__ import annotations

import base64
import io
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image

from footage.storage import RunWriter, open_store
from footage.storage.file.database import SCHEMA_VERSION
from footage.trajectory import Action, FrameRole, InputEvent, Instant, OutcomeSource, Pixels, Space, StepStatus

TARGET = Path(__file__).parents[1] / "tests" / "stores" / f"v{SCHEMA_VERSION}.db"
NOW = Instant("boot", 1_000_000, 1_700_000_000_000_000_000)
PAGE_BYTES = 512  # SQLite's least: the file is mostly empty tables


def shade(value: int) -> Pixels:
    """Return a plain screen."""
    return np.full((48, 64, 3), value, np.uint8)


def picture(value: int) -> str:
    """Return a plain screen as a PNG in base64."""
    out = io.BytesIO()
    Image.fromarray(shade(value)).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode("ascii")


def write(writer: RunWriter) -> None:
    """Write a run with something of everything."""
    raw = {"action": "left_click", "coordinate": [5, 10]}
    call = {"type": "tool_use", "id": "toolu_1", "name": "computer", "input": raw}
    source = {"type": "base64", "media_type": "image/png", "data": picture(40)}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "image", "source": source}]}
    said = [{"type": "text", "text": "I click."}, call]
    messages = [{"role": "user", "content": "a task"}, {"role": "assistant", "content": said}]
    messages.append({"role": "user", "content": [result]})

    writer.conversation("main")
    turn = writer.begin_turn(model="a-model", started=NOW, request={"model": "a-model", "messages": messages[:1]})
    writer.attempt(turn, number=0, started=NOW, ended=NOW, status=200)
    writer.end_turn(turn, content=said, ended=NOW, stop_reason="tool_use", usage={"output_tokens": 5})
    action = Action("left_click", {"coordinate": [10, 20]}, raw=raw, space=Space(32, 24, 64, 48))
    step = writer.intend(action, turn=turn, call_id="toolu_1", at=NOW)
    writer.frame(shade(9), captured=NOW, roles=[(step, FrameRole.BEFORE)], display=":1")
    writer.frame(shade(40), captured=NOW, roles=[(step, FrameRole.OBSERVED)], source="wire")
    events = [InputEvent("move", (10, 20)), InputEvent("button_down", (1,)), InputEvent("button_up", (1,))]
    writer.finish(step, status=StepStatus.EXECUTED, result_text="Clicked.", delivered=events, started=NOW, ended=NOW)
    last = writer.begin_turn(model="a-model", started=NOW, request={"model": "a-model", "messages": messages})
    writer.end_turn(last, content=[{"type": "text", "text": "Done."}], ended=NOW, stop_reason="end_turn")
    writer.gap("as an example", lost=2)
    writer.outcome("success", OutcomeSource.SELF, "says the agent")
    writer.end()


def main() -> int:
    """Write the file; refuse to replace one that is there."""
    if TARGET.exists():
        print(f"{TARGET.name} is frozen already.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.db"
        with open_store(path) as store:
            writer = store.begin_run(task="a task", model="a-model", machine={"driver": "desktop", "screen": [64, 48]})
            write(writer)
            store.add_tag(writer.run_id, "old")
            store.add_note(writer.run_id, "a remark", step=0)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
            connection.execute("VACUUM INTO ?", (str(TARGET),))
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
