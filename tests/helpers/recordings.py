"""Small recordings as other tools write them: a maker for each format fills a folder and returns what to import."""

from __future__ import annotations

import base64
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from samples import encoded

JSON = dict[str, Any]
WIDTH, HEIGHT = 160, 120


def screen(number: int) -> bytes:
    """Return a picture as PNG, a plain one with a bar at another place for each number."""
    pixels = np.full((HEIGHT, WIDTH, 3), 230, np.uint8)
    pixels[10:20, number * 10 % WIDTH :][:, :8] = (20, 40, 200)
    return encoded(pixels)


def jpeg(number: int, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """Return a picture as JPEG."""
    pixels = np.full((height, width, 3), 60 + 20 * number % 180, np.uint8)
    return encoded(pixels, "JPEG", quality=90)


def put(path: Path, content: Any) -> Path:
    """Write bytes, a text, or a value as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def screenagent(folder: Path) -> Path:
    """A plan, a click that a person corrected, a verdict, and a made-up bad verdict."""
    where = {"mouse_position": {"width": 40, "height": 30}}
    click = {"action_type": "MouseAction", "mouse_action_type": "click", "mouse_button": "left", **where}
    typed = {"action_type": "KeyboardAction", "keyboard_action_type": "text", "keyboard_text": "=SUM(A:A)"}
    verdict = {"action_type": "EvaluateSubTaskAction", "situation": "sub_task_success", "advice": "go on"}
    plan = {"action_type": "PlanAction", "element": "find the cell"}
    calls = [
        ("2023-12-20_14-33-47-000001", [plan], "plan", "plan", ""),
        ("2023-12-20_14-35-17-000002", [click, typed], "click (10, 20)", "click (40, 30)", ""),
        ("2023-12-20_14-38-06-000003", [verdict], "done", "done", ""),
        ("2023-12-20_14-38-06-000003", [{**verdict, "situation": "need_retry"}], "", "again", "_neg_eval"),
    ]
    for number, (time, actions, said, edited, negative) in enumerate(calls):
        about = {"task_prompt": "求和", "task_prompt_en": "Add it up", "send_prompt": "Add", "session_id": "s1"}
        about |= {"LLM_response": said, "LLM_response_editer": edited, "LLM_response_editer_en": edited}
        size = {"video_width": WIDTH, "video_height": HEIGHT, "saved_image_name": f"{time}.jpg", "actions": actions}
        put(folder / f"{time}_translate{negative}.json", about | size)
        put(folder / f"images/{time}.jpg", jpeg(min(number, 2)))
    return folder


def webvoyager(folder: Path) -> Path:
    """Three replies; the second picture is kept without labels too."""
    asked = "Now given a task: Find it.  Please interact with https://site.test/ and get the answer. Observation: …"
    picture = {"type": "image_url", "image_url": {"url": "{b64_img}"}}
    chat: list[JSON] = [
        {"role": "system", "content": "You are a robot."},
        {"role": "user", "content": f"{asked} (Omitted in context.)"},
        {"role": "assistant", "content": "Thought: search.\n\nAction: Type [2]; green controller"},
        {"role": "user", "content": [{"type": "text", "text": "Observation: a list"}, picture]},
        {"role": "assistant", "content": "Thought: open.\n\nAction: Click [5]"},
        {"role": "user", "content": [{"type": "text", "text": "Observation: a page"}, picture]},
        {"role": "assistant", "content": "Thought: found.\n\nAction: ANSWER; It is green."},
    ]
    for number in (1, 2, 3):
        put(folder / f"screenshot{number}.png", screen(number))
    put(folder / "screenshot2_no_box.png", screen(9))
    return put(folder / "interact_messages.json", chat)


def agentnet(folder: Path) -> Path:
    """A demonstration: a drag, text with its Return, the end; a step is left out before the last."""
    codes = [
        (1, "pyautogui.moveTo(x=0.25, y=0.5)\npyautogui.dragTo(x=0.5, y=0.75, button='left')"),
        (2, "pyautogui.write(message='hope')\npyautogui.press(keys=['enter'])"),
        (4, "computer.terminate(status='success')"),
    ]
    box = {"type": "dragTo", "params": {}, "metadata": {"bboxes": [{"rel_bbox": [0.4, 0.7, 0.2, 0.1]}]}}
    steps = []
    for number, code in codes:
        put(folder / f"images/s_{number}.png", screen(number))
        told = {"observation": "an editor", "thought": "select", "low_level_instruction": "Drag"}
        about = {"step_num": number, "image": f"s_{number}.png", "action": code, "inner_monologue": told}
        steps.append(about | {"ground_truth_actions": [box] if number == 1 else [], "alternative_options": None})
    resolution = {"screen_resolution": {"width": 2560, "height": 1600}}
    return put(
        folder / "s_1.json",
        {"task_id": "s_1", "user_task_description": "Select it", "steps": steps, "meta_info": resolution},
    )


def agentnet_lines(folder: Path) -> Path:
    """Two demonstrations in the other shape, and a line that is none."""
    put(folder / "images/a.png", screen(1))
    lines = []
    for task in ("t1", "t2"):
        value = {"code": "pyautogui.click(x=0.5, y=0.5)", "thought": "click it"}
        end = {"code": "computer.terminate(status='failure')"}
        traj = [{"index": 0, "image": "a.png", "value": value}, {"index": 1, "image": "a.png", "value": end}]
        lines.append(json.dumps({"task_id": task, "instruction": f"Do {task}", "traj": traj}))
    return put(folder / "agentnet.jsonl", "\n".join([lines[0], '{"task_id":', lines[1]]))


def online_mind2web(folder: Path) -> Path:
    """Two actions, three pictures, and a person's label two folders above."""
    result = {"task_id": "fb7b", "task": "Open the page", "final_result_response": "It is open", "thoughts": ["look"]}
    history = ['<div role="button"> -> CLICK', "<input> -> TYPE: rules"]
    for number in range(3):
        put(folder / f"out/fb7b/trajectory/{number}_full_screenshot.png", screen(number))
    put(folder / "out/human_label.json", {"fb7b": 1})
    return put(folder / "out/fb7b/result.json", result | {"action_history": history}).parents[1]


def browser_use(folder: Path) -> Path:
    """A history as current versions write it: lists, picture files, metadata; the third action was not reached."""
    put(folder / "screenshots/step_1.png", screen(1))
    put(folder / "screenshots/step_2.png", screen(2))
    brain = {"evaluation_previous_goal": "", "memory": "1 of 2", "next_goal": "Accept cookies", "thinking": "hm"}
    seen = {"click": {"coordinate_x": 121, "coordinate_y": 60}}  # on a picture twice as large
    first: JSON = {
        "model_output": {**brain, "action": [{"click": {"index": 40}}, seen, {"input": {"index": 3, "text": "hi"}}]}
    }
    clicked = {"extracted_content": "Clicked", "metadata": {"click_x": 60.5, "click_y": 30}}
    named = {"long_term_memory": "Clicked 40", "metadata": {"click_x": 20.0, "click_y": 15.5}}
    first |= {"result": [named, clicked], "metadata": _metadata(0)}
    first["state"] = {"url": "u", "title": "t", "interacted_element": [None, None, None]}
    first["state"]["screenshot_path"] = "/home/somebody/run/screenshots/step_1.png"
    failed = {
        "model_output": None,
        "result": [{"error": "rate limit"}],
        "state": {"url": "u"},
        "metadata": _metadata(1),
    }
    done: JSON = {
        "model_output": {**brain, "action": [{"done": {"text": "ok", "success": False}}]},
        "metadata": _metadata(2),
    }
    judged = {"reasoning": "It looks done.", "verdict": True, "failure_reason": ""}
    done |= {"result": [{"is_done": True, "success": False, "extracted_content": "ok", "judgement": judged}]}
    done["state"] = {"url": "u", "screenshot_path": "screenshots/step_2.png", "interacted_element": [None]}
    return put(folder / "history.json", {"history": [first, failed, done]})


def _metadata(number: int) -> JSON:
    start = 1_750_000_000.5 + 10 * number
    return {"step_start_time": start, "step_end_time": start + 3, "input_tokens": 900, "step_number": number + 1}


def browser_use_2024(folder: Path) -> Path:
    """A history as the first versions wrote it: one action, one result, pictures as base64."""
    items = []
    actions: list[JSON] = [{"click_element": {"index": 40, "num_clicks": 1}}, {"done": {"text": "found"}}]
    for number, action in enumerate(actions):
        state = {"valuation_previous_goal": "Success", "memory": "", "next_goal": "Go on"}
        result = {"is_done": number == 1, "extracted_content": "Clicked" if not number else "found"}
        picture = base64.b64encode(screen(number)).decode("ascii")
        page = {"items": [], "selector_map": {}, "url": "u", "title": "", "screenshot": picture}
        items.append({"model_output": {"current_state": state, "action": action}, "result": result, "state": page})
    return put(folder / "AgentHistoryList.json", {"history": items})


def openadapt(folder: Path) -> Path:
    """A trace with a README: a click by a box, and code."""
    told = (
        "# Execution Trace: Open Notepad\n\n> Date: 2026-03-18\n> Score: judge scored 0 (wrongly)\n\n"
        "### Step 0 (Reset)\n![Reset](step_00_reset.png)\n\n"
        "### Step 1\n**Planner**: Click Start\n**Grounder**: [250, 500, 500, 750] (Start)\n**Result**: open\n\n"
        "### Step 2\n**Planner**: press Ctrl+A\n**Action**: `pyautogui.hotkey('ctrl', 'a')` (all)\n**Result**: done\n"
    )
    put(folder / "step_00_reset.png", screen(0))
    put(folder / "step_01.png", screen(1))
    put(folder / "step_02.png", screen(2))
    put(folder / "README.md", told)
    return folder


def demo_recorder(folder: Path) -> Path:
    """A click, a drag, turns of the wheel and keys pressed together; the last picture is missing."""
    nothing: JSON = {"mouse": [], "keys": [], "scroll": {"dx_total": 0, "dy_total": 0, "direction": "none"}}
    button: JSON = {"button": "left", "press_coords": [80, 60], "release_coords": [80, 60]}
    wheel = {"dx_total": 0, "dy_total": 363, "direction": "up"}
    keys = [
        {"key": "s", "press_time": "2026-04-20T03:48:38.83"},
        {"key": "ctrl_l", "press_time": "2026-04-20T03:48:38"},
    ]
    done: list[tuple[str, JSON]] = [
        ("click", {"mouse": [{**button, "button": "right"}]}),
        ("drag", {"mouse": [{**button, "release_coords": [160, 120]}]}),
        ("scroll", {"scroll": wheel}),
        ("hotkey", {"keys": keys}),
    ]
    actions = []
    for number, (kind, details) in enumerate(done, 1):
        names = {"pre_screenshot": f"action_{number:04}_before.png", "post_screenshot": f"action_{number:04}_after.png"}
        times = {f"timestamp_{name}": f"2026-04-20T03:48:0{number}.{part}+00:00" for name, part in _PARTS.items()}
        about = {"sequence_number": number, "screen_resolution": [320, 240], "pre_degraded": number == 4}
        what = {"action_type": kind, "action_coords": [80, 60], "action_details": nothing | details}
        actions.append(about | times | names | what)
        for name in names.values():
            put(folder / f"screenshots/{name}", screen(number))
    (folder / "screenshots/action_0004_after.png").unlink()
    task = {"task_id": "t", "description": "Send it", "start_time": "2026-04-20T03:48:00+00:00"}
    return put(folder / "task.json", task | {"screen_resolution": [640, 480], "actions": actions})


_PARTS = {"before": "0", "action": "1", "after": "6"}


def animated_run(folder: Path) -> Path:
    """Two steps, an animation of a card and two pictures, and two opinions."""
    calls = [{"input_tokens": 5, "output_tokens": 2, "message_out": json.dumps({"action": [{"click": {"index": 4}}]})}]
    steps = [{"url": "u", "llm_calls": calls, "duration_in_s": 2.0}, {"url": "v", "llm_calls": [*calls, *calls]}]
    task = {"question": "What is it?", "id": "Site--1", "url": "https://site.test", "website_name": "Site"}
    result = {"run_id": 1, "success": True, "eval": {"eval": "failure", "reason": "wrong"}, "agent_answer": "42"}
    images = [Image.fromarray(np.full((HEIGHT, WIDTH, 3), shade, np.uint8)) for shade in (0, 90, 180)]
    data = encoded(images[0], "WEBP", save_all=True, append_images=images[1:], duration=1000, lossless=True)
    put(folder / "summary.webp", data)
    return put(folder / "results_no_screenshot.json", result | {"task": task, "steps": steps})


def playwright(folder: Path) -> Path:
    """A click on a page, as versions 4 and later tell it, and a test that failed; the last picture is missing."""
    size = {"width": 640, "height": 480}
    head: JSON = {"version": 7, "type": "context-options", "browserName": "chromium", "options": {"viewport": size}}
    goto: JSON = {"apiName": "page.goto", "class": "Frame", "method": "goto", "params": {"url": "https://site.test"}}
    click: JSON = {"apiName": "locator.click", "class": "Frame", "method": "click", "params": {"selector": "button"}}
    page = {"pageId": "page@1"}
    events = [
        head | {"wallTime": 1_750_000_000_000, "monotonicTime": 1000},
        {"type": "before", "callId": "call@1", "startTime": 1010, "stepId": "pw:api@2", **goto, **page},
        {"type": "screencast-frame", "sha1": "a.jpeg", "timestamp": 1020, **size, **page},
        {"type": "screencast-frame", "sha1": "b.jpeg", "timestamp": 1030, **size, **page},
        {"type": "after", "callId": "call@1", "endTime": 1040},
        {"type": "before", "callId": "call@2", "startTime": 1050, "stepId": "pw:api@3", **click, **page},
        {"type": "screencast-frame", "sha1": "c.jpeg", "timestamp": 1053, **size, **page},  # the button appears
        {"type": "input", "callId": "call@2", "point": {"x": 320.5, "y": 120.0}},
        {"type": "frame-snapshot", "snapshot": {"callId": "call@2", "snapshotName": "input@call@2", "timestamp": 1054}},
        {"type": "log", "callId": "call@2", "time": 1055, "message": "attempting click action"},
        {"type": "screencast-frame", "sha1": "gone.jpeg", "timestamp": 1060, **size, **page},
        {"type": "after", "callId": "call@2", "endTime": 1070, "error": {"message": "Timeout 30 ms exceeded"}},
    ]
    test = {"class": "Test", "method": "step", "params": {}}
    runner = [
        {
            "type": "context-options",
            "origin": "testRunner",
            "title": "a.spec.ts: a test",
            "wallTime": 1_750_000_000_000,
        }
        | {"monotonicTime": 0, "version": 7},
        {"type": "before", "callId": "hook@1", "startTime": 1, "apiName": "Before Hooks", **test},
        {"type": "after", "callId": "hook@1", "endTime": 2},
        {"type": "before", "callId": "pw:api@2", "startTime": 9, "apiName": "page.goto", **test},
        {"type": "after", "callId": "pw:api@2", "endTime": 41},
        {"type": "before", "callId": "expect@4", "startTime": 80, "apiName": "expect.toBe", **test},
        {"type": "after", "callId": "expect@4", "endTime": 81},
        {"type": "error", "message": "Timeout 30 ms exceeded"},
    ]
    path = folder / "trace.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0-trace.trace", "\n".join(map(json.dumps, events)))
        archive.writestr("test.trace", "\n".join(map(json.dumps, runner)))
        archive.writestr("resources/a.jpeg", jpeg(1))
        archive.writestr("resources/b.jpeg", jpeg(2))
        archive.writestr("resources/c.jpeg", jpeg(3))
    return path


def playwright_3(folder: Path) -> Path:
    """A click as version 3 tells it."""
    about: JSON = {"id": "call@5", "apiName": "page.click", "type": "Frame", "method": "click", "wallTime": 1.75e12}
    about |= {"startTime": 10, "endTime": 20, "pageId": "p", "point": {"x": 10, "y": 20}, "log": ["clicking"]}
    about |= {"params": {"selector": "a"}, "snapshots": []}
    head = {"version": 3, "type": "context-options", "options": {"viewport": {"width": WIDTH, "height": HEIGHT}}}
    path = folder / "trace.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        lines = [json.dumps(head), json.dumps({"type": "action", "metadata": about})]
        archive.writestr("trace.trace", "\n".join(lines))
    return path


RECORDINGS: dict[str, Callable[[Path], Path]] = {
    "screenagent": screenagent,
    "webvoyager": webvoyager,
    "agentnet": agentnet,
    "agentnet lines": agentnet_lines,
    "online-mind2web": online_mind2web,
    "browser-use": browser_use,
    "browser-use 2024": browser_use_2024,
    "openadapt": openadapt,
    "demo-recorder": demo_recorder,
    "animated-run": animated_run,
    "playwright": playwright,
    "playwright 3": playwright_3,
}
"""Makers of recordings, by their names."""
