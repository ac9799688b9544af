"""More small recordings: those of Anthropic's own loops, cua and ATIF, and a file that a store was exported to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from footage.interchange.exporters.footage_writer import write_footage_file
from footage.storage import open_store
from footage.trajectory import FrameRole, Instant, StepStatus
from foreign import JSON, call, inline, result, shot, text, write
from samples import CLICK, noise

CALL = call("a", "computer", action="left_click", coordinate=[40, 30])
LOOK = call("b", "computer", action="screenshot")
ASKED: JSON = {"role": "user", "content": "Play the song"}
MESSAGES = [
    ASKED,
    {"role": "assistant", "content": [text("I look."), LOOK]},
    {"role": "user", "content": [result("b", inline(1))]},
    {"role": "assistant", "content": [CALL]},
    {"role": "user", "content": [result("a", text("ok"), inline(2))]},
]
ANSWER: JSON = {
    "id": "msg_1",
    "role": "assistant",
    "model": "m",
    "content": [text("It plays.")],
    "stop_reason": "end_turn",
}


def anthropic_events(folder: Path) -> Path:
    """A session with a picture and a person's label."""
    events = []
    for number, (kind, data) in enumerate(
        [
            ("user_input", {"instruction": "Fill in the form"}),
            ("api_response", {"content": [text("I look."), LOOK]}),
            ("tool_result", {"tool_use_id": "b", "image_path": "screenshots/b.png"}),
            ("token_usage", {"input_tokens": 4}),
            ("api_response", {"content": [CALL]}),
            ("tool_result", {"tool_use_id": "a", "output": "clicked"}),
        ]
    ):
        events.append({"timestamp": f"2025-07-01T10:00:{number:02}.5", "type": kind, "data": data})
    times = {"start_time": "2025-07-01T10:00:00", "end_time": "2025-07-01T10:00:20", "status": "completed"}
    write(folder / "logs/session_1.json", {"session_id": "1", **times, "events": events})
    write(folder / "evaluations/evaluations.json", {"7_1": {"task_successful": False, "step_failures": ["a"]}})
    (folder / "screenshots").mkdir()
    (folder / "screenshots/b.png").write_bytes(shot(1))
    return folder


def message_dumps(folder: Path) -> Path:
    """A dump for every message."""
    for number in range(1, 6):
        done = ANSWER if number == 5 else None
        write(folder / f"{number}.json", {"step": number, "messages": MESSAGES[:number], "response": done})
    return folder


def best_practices(folder: Path) -> Path:
    """A run whose pictures lie beside its messages."""
    write(folder / "meta.json", {"model": "claude-test", "task": "Fill it in", "started": "20250801-142233"})
    (folder / "system_prompt.txt").write_text("You are careful.")
    (folder / "images").mkdir()
    (folder / "images/000.jpg").write_bytes(shot(0))
    image = {"type": "image", "path": "images/000.jpg"}
    write(folder / "transcript.jsonl", *MESSAGES[:2], {"role": "user", "content": [result("b", image)]}, *MESSAGES[3:])
    return folder


def claude_code(folder: Path) -> Path:
    """A transcript with a result that is a picture."""
    lines = []
    for number, message in enumerate(MESSAGES):
        about = {"uuid": f"u{number}", "timestamp": f"2026-04-13T05:08:{number:02}.000Z", "sessionId": "s"}
        model = {"id": f"m{number}", "model": "claude-test"} if message["role"] == "assistant" else {}
        lines.append({"type": message["role"], **about, "message": {**message, **model}})
    write(folder / "session.jsonl", *lines)
    return folder


def cua(folder: Path) -> Path:
    """A trajectory with a click."""
    about = {"trajectory_id": "t", "created_at": 139_000_000_000_000_000, "status": "completed"}
    write(folder / "metadata.json", {**about, "kwargs": {"model": "openai/test"}})
    action = {"type": "computer_call", "call_id": "a", "action": {"type": "click", "x": 10, "y": 20}}
    asked = {"messages": [{"role": "user", "content": "Open the menu"}]}
    body = {"model": "openai/test", "kwargs": asked, "response": {"output": [action]}}
    write(folder / "turn_000/0001_agent_response.json", body)
    output = {"type": "computer_call_output", "call_id": "a", "output": {"image_url": "[omitted]"}}
    (folder / "turn_001").mkdir()
    (folder / "turn_001/0002_screenshot_after.png").write_bytes(shot(1))
    write(folder / "turn_001/0003_computer_call_result.json", {"item": action, "result": [output]})
    return folder


def atif(folder: Path) -> Path:
    """A trajectory with a call and its observation, a picture."""
    click = {"tool_call_id": "a", "function_name": "computer", "arguments": {"action": "click", "x": 4, "y": 5}}
    picture = {"type": "image", "source": {"media_type": "image/png", "path": "images/1.png"}}
    seen = {"results": [{"source_call_id": "a", "content": [text("ok"), picture]}]}
    steps = [
        {"step_id": 1, "source": "user", "message": "Click it", "timestamp": "2025-01-01T10:00:00Z"},
        {"step_id": 2, "source": "agent", "message": "I click", "tool_calls": [click], "observation": seen},
    ]
    agent = {"name": "agent", "version": "1", "model_name": "model"}
    (folder / "images").mkdir(parents=True)
    (folder / "images/1.png").write_bytes(shot(1))
    return write(
        folder / "trajectory.json", {"schema_version": "ATIF-v1.6", "session_id": "s", "agent": agent, "steps": steps}
    )


def footage_file(folder: Path) -> Path:
    """One family with a step and its picture, exported."""
    folder.mkdir(parents=True)
    with open_store(folder.parent / "made.db") as store:
        run = store.begin_run(task="Click it")
        step = run.intend(CLICK)
        run.frame(noise(64, 48), captured=Instant.now(), roles=[(step, FrameRole.BEFORE)])
        run.finish(step, status=StepStatus.EXECUTED, result_text="ok")
        run.end()
        write_footage_file(store, [run.run_id], folder / "run.footage")
    return folder / "run.footage"


RECORDINGS: dict[str, Callable[[Path], Path]] = {
    "anthropic-events": anthropic_events,
    "anthropic-messages": message_dumps,
    "anthropic-best-practices": best_practices,
    "claude-code": claude_code,
    "cua": cua,
    "atif": atif,
    "footage file": footage_file,
}
"""Makers of recordings, by their names."""
