"""The examples of plug-ins, each installed beside footage as others would, and used from the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from footage.storage import open_store
from footage.trajectory import Action, StepStatus
from outside import FOOTAGE, Outside
from places import EXAMPLES

KINDS = {
    "machine": "blackboard",
    "provider": "plain-talk",
    "importer": "click-log",
    "exporter": "markdown",
    "detector": "failed-again",
}
TALKER = """
import base64, io, json, os, urllib.request
from PIL import Image

out = io.BytesIO()
Image.new("RGB", (1280, 800), "teal").save(out, "PNG")
picture = "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
said = [{"who": "you", "words": "Click it", "picture": picture}]
while True:
    body = json.dumps({"model": "m", "said": said, "lines": True}).encode()
    request = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + "/plain-talk", body)
    lines = urllib.request.urlopen(request).read().decode().split("\\n\\n")
    events = [json.loads(line[6:]) for line in lines if line]
    done = [event for event in events if "name" in event]
    if not done:
        break
    said.append({"who": "model", "words": events[0]["words"], "do": done})
    said.append({"who": "you", "words": "ok", "picture": picture})
"""


class Talk(BaseHTTPRequestHandler):
    """The service that the example's provider speaks to."""

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["content-length"])))["said"]
        number = sum(one["who"] == "model" for one in said)
        calls = [{"name": "click", "with": {"x": 600, "y": 400}}] if number == 0 else []
        events = [{"id": f"r{number}", "words": f"Number {number}."}, *calls, {"over": True}]
        data = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Outside:
    """Build and install all of them, without a network and without touching this environment."""
    folder = tmp_path_factory.mktemp("outside")
    sources = [folder / "sources" / kind for kind in KINDS]
    for source in sources:
        shutil.copytree(EXAMPLES / "plugins" / source.name, source, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    alone = ["--no-deps", "--no-build-isolation", "--target", str(folder / "packages")]
    subprocess.run([*pip, *alone, *map(str, sources)], check=True)
    return Outside(folder / "packages")


def test_each_example_is_one_module(outside: Outside) -> None:
    modules = [path for path in outside.packages.iterdir() if path.suffix == ".py"]
    assert len(modules) == len(KINDS)


def test_all_are_listed_with_their_packages(outside: Outside) -> None:
    listed = outside.document("plugins", "list")["plugins"]
    assert {each["state"] for each in listed} == {"loaded"}
    brought = {each["kind"]: each["name"] for each in listed if each["package"] != "footage"}
    assert brought == KINDS


@pytest.mark.parametrize("name", KINDS.values())
def test_each_passes_the_check_of_its_kind(outside: Outside, name: str) -> None:
    document = outside.document("plugins", "check", name)
    assert document["ok"]
    assert len(document["checks"]) >= 3


def test_a_foreign_recording_is_imported(outside: Outside, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    log = tmp_path / "in/clicks.jsonl"
    log.write_text('{"click_log": 1, "task": "Press"}\n{"x": 3, "y": 4, "at": "2026-11-30T10:00:00Z"}\n{"x": "a"}\n')
    store = tmp_path / "runs.db"
    assert "click-log" in outside.run("import", "--help")
    document = outside.document("import", tmp_path / "in", "--store", store)
    assert [(run["format"], run["steps"]) for run in document["imported"]] == [("click-log", 1)]
    assert "line 3" in document["skipped"][0]["reason"]
    shown = outside.document("show", document["imported"][0]["run"], "--store", store)
    assert shown["steps"][0]["action"]["arguments"]["coordinate"] == [3, 4]


def test_a_run_is_exported(outside: Outside, tmp_path: Path) -> None:
    assert ".md" in outside.run("export", "--help")
    outside.run("export", "@1", "--sample", "-o", tmp_path / "run.md")
    text = (tmp_path / "run.md").read_text("utf-8")
    assert text.startswith("# ")
    assert "left_click" in text
    assert "exists already" in outside.run("export", "@1", "--sample", "-o", tmp_path / "run.md", code=2)
    assert "no machine" in outside.run("export", "@1", "--sample", "-o", tmp_path / "m.md", "--with-machine", code=2)


def test_a_run_is_diagnosed_and_found_again(outside: Outside, tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with open_store(path) as store:
        writer = store.begin_run(task="fail")
        for call_id in ("a", "b"):
            index = writer.intend(Action("run", {"command": "false"}, "bash"), call_id=call_id)
            writer.finish(index, status=StepStatus.FAILED, error="1")
        writer.end()
    document = outside.document("diagnose", writer.run_id, "--store", path, "--detector", "failed-again", code=1)
    assert [(found["kind"], found["step"], found["rule"]) for found in document["findings"]] == [
        ("failed_again", 1, "failed-again/1")
    ]
    found = outside.document("runs", "--finding", "failed_again", "--store", path)["runs"]
    assert [run["id"] for run in found] == [writer.run_id]


def test_the_machine_is_known_by_its_name(outside: Outside) -> None:
    names = [each["name"] for each in outside.document("machine", "list")["machines"]]
    assert "blackboard" in names
    assert "qemu/desktop" in names
    assert not [name for name in names if "exact" in name]


def test_a_model_that_only_the_provider_knows_is_recorded_and_replayed(outside: Outside, tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Talk)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    store = tmp_path / "runs.db"
    own = {"PYTHONPATH": str(outside.packages), "OPENAI_BASE_URL": f"http://127.0.0.1:{server.server_address[1]}"}
    agent = [sys.executable, "-c", TALKER]
    try:
        command = [str(FOOTAGE), "record", "--store", str(store), "--", *agent]
        subprocess.run(command, env=os.environ | own, check=True, capture_output=True)
    finally:
        server.shutdown()
        server.server_close()
    shown = outside.document("show", "@1", "--store", store)
    assert (shown["run"]["task"], shown["run"]["turns"]) == ("Click it", 2)
    (step,) = shown["steps"]
    assert (step["action"]["name"], step["action"]["x"], step["action"]["y"]) == ("left_click", 600, 400)
    assert (step["status"], sorted(frame["role"] for frame in step["frames"])) == ("executed", ["before", "observed"])
    command = [str(FOOTAGE), "replay", "@1", "--store", str(store), "--json", "--", *agent]
    replayed = subprocess.run(command, env=os.environ | own, check=False, capture_output=True, text=True)
    assert json.loads(replayed.stdout)["verdict"] == "reproduced", replayed.stderr
