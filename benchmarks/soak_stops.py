"""
Commands that are stopped at random instants, by SIGINT or SIGTERM, and what they leave.

    python benchmarks/soak_stops.py 400                    that many stops, over all commands
    python benchmarks/soak_stops.py 20 import export       over these alone
    FOOTAGE_LIMIT=30 python benchmarks/soak_stops.py 40    seconds that a busy machine may take to end one, else 5
    FOOTAGE_SEED=7 python benchmarks/soak_stops.py 40

Every fourth stop is two signals, one soon after the other. Each command works on a copy of the sample store and has a
process of its own; the instants are spread over the time that it takes undisturbed. Prints a table: how many ended
stopped, were done before, or wrongly (each with its reason, as it comes); and the times from the signal to the end.
Wrong is an exit code that is not the signal's, an end that takes too long, a traceback with a line of footage in it
(that of Python's own start is no fault of it), half a JSON document, a run, file or store that is not whole, and a
process that is left. Ends with 1 where something was wrong.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests/helpers")]

from footage.errors import FootageError  # noqa: E402 - as above
from footage.sample import sample_path  # noqa: E402 - as above
from footage.storage import open_store  # noqa: E402 - as above
from footage.storage.upkeep.verify import verify_store  # noqa: E402 - as above
from recordings import screen  # noqa: E402 - the folder of the tests is put on the path above
from samples import encoded  # noqa: E402 - as above

FOOTAGE = (sys.executable, "-m", "footage")
_LIMIT = float(os.environ.get("FOOTAGE_LIMIT", "5"))
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER: whoever is orphaned becomes a child of this process
_RUNS, _STEPS = 12, 8
_SEALED = 4
"""Imported runs with pictures of many colours, for `seal` to compress."""

COMMANDS: dict[str, list[str]] = {
    "import": ["import", "recordings", "--json"],
    "import of a file": ["import", "family.footage", "--store", "other.db"],
    "record": ["record", "--stand-in", "--", "sh", "-c", f"exec {sys.executable} agent.py 2>/dev/null"],
    "replay": ["replay", "@1", "--json"],
    "fork": ["fork", "@1", "--at", "2", "--model", "stand-in/careful"],
    "diff": ["diff", "@1", "@2", "--json"],
    "export": ["export", "@1", "-o", "out.footage"],
    "export of a page": ["export", "@1", "-o", "out.html"],
    "export of a document": ["export", "@1", "-o", "out.json", "--json"],
    "verify": ["verify", "--json"],
    "seal": ["seal", "--all", "--store", "pictures.db"],
    "redact": ["redact", "@1", "--text", "--json"],
}
AGENT = """
import json, os, time, urllib.request
for number in range(12):
    body = {"model": "stand-in/careful", "max_tokens": 50, "messages": [{"role": "user", "content": f"Hello {number}"}]}
    request = urllib.request.Request(os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages", json.dumps(body).encode(),
                                     {"content-type": "application/json"})
    try:
        urllib.request.urlopen(request).read()
    except OSError:
        pass
    time.sleep(0.1)
"""


@dataclass(slots=True)
class Trial:
    """What became of one command."""

    code: int = 0
    seconds: float = 0.0
    """From the signal to its end."""
    lasted: float = 0.0
    out: str = ""
    err: str = ""
    first: int = 0
    second: int = 0
    """0 for none. Python hears of two that come at once by their numbers: either may be the one."""
    faults: list[str] = field(default_factory=list)

    @property
    def stopped(self) -> bool:
        """Whether it ended because of the signal, and not by itself before."""
        return any(self.code in {128 + number, -number} for number in (self.first, self.second) if number)


def prepare(folder: Path) -> None:
    """Make what every trial begins with."""
    shutil.copyfile(sample_path(), folder / "runs.db")
    (folder / "secret").write_text("calculator\n")
    (folder / "agent.py").write_text(AGENT)
    for run in range(_RUNS):
        _write_recording(folder / "recordings" / f"run-{run}", [screen(run * _STEPS + step) for step in range(_STEPS)])
    for run in range(_SEALED):
        _write_recording(folder / "pictures" / f"run-{run}", [_photo(run * _STEPS + step) for step in range(_STEPS)])
    imported = ["import", "pictures", "--store", "pictures.db"]
    subprocess.run([*FOOTAGE, *imported], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(folder / "pictures")
    subprocess.run([*FOOTAGE, "export", "@1", "-o", "family.footage", "--store", "runs.db"], cwd=folder, check=True)


def _write_recording(folder: Path, pictures: Sequence[bytes]) -> None:
    """Write messages whose calls are clicks, each with a picture as its result."""
    folder.mkdir(parents=True)
    messages: list[object] = [{"role": "user", "content": f"Task {folder.name}"}]
    for step, picture in enumerate(pictures):
        call = {"type": "tool_use", "id": f"c{step}", "name": "computer"}
        call["input"] = {"action": "left_click", "coordinate": [step, step]}  # type: ignore[assignment]
        messages.append({"role": "assistant", "content": [call]})
        source = {"type": "base64", "media_type": "image/png", "data": _base64(picture)}
        result = {"type": "tool_result", "tool_use_id": f"c{step}", "content": [{"type": "image", "source": source}]}
        messages.append({"role": "user", "content": [result]})
    (folder / "messages.json").write_text(json.dumps(messages))


def _photo(number: int) -> bytes:
    """Return a picture with as many colours as a photograph has."""
    wave = np.add.outer(np.arange(300) * (number + 3), np.arange(400) * 7) // 5
    noise = np.random.default_rng(number).integers(0, 8, (300, 400, 3))
    return encoded((np.stack([wave, wave // 2, wave // 3], 2) + noise).astype(np.uint8))


def _base64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()


def run(words: Sequence[str], folder: Path, stop: Callable[[subprocess.Popen[str]], int], *, second: int = 0) -> Trial:
    """Run one command in a folder; `stop` sends the signals and returns the first, which a `second` may follow."""
    environment = {**os.environ, "FOOTAGE_STORE": str(folder / "runs.db"), "PYTHONPATH": str(ROOT / "src")}
    environment.pop("ANTHROPIC_BASE_URL", None)
    trial = Trial(second=second)
    with (folder / "secret").open() as secret, (folder / ".out").open("w+") as out, (folder / ".err").open("w+") as err:
        process = subprocess.Popen(
            [*FOOTAGE, *words], cwd=folder, env=environment, stdin=secret, stdout=out, stderr=err, text=True
        )
        started = time.monotonic()
        trial.first = stop(process)
        begun = time.monotonic()
        try:
            trial.code = process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            trial.code = process.wait()
            trial.faults.append("it did not end within a minute")
        trial.seconds, trial.lasted = time.monotonic() - begun, time.monotonic() - started
        out.seek(0)
        err.seek(0)
        trial.out, trial.err = out.read(), err.read()
    return trial


def left_over() -> list[str]:
    """Return the commands of processes that are left, and end them; one that is about to end is given two seconds."""
    deadline = time.monotonic() + 2
    while True:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        alive = [child for child in map(int, children) if os.waitpid(child, os.WNOHANG) == (0, 0)]
        if not alive or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    found = []
    for child in alive:
        found.append(Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")[:120])
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return found


def judge(name: str, folder: Path, trial: Trial) -> None:
    """Add what is wrong with what it left."""
    faults = trial.faults
    if not trial.stopped and trial.code not in {0, 1}:
        faults.append(f"exit code {trial.code} after {signal.Signals(trial.first).name}: {trial.err[-300:]}")
    if trial.seconds > _LIMIT and trial.stopped:
        faults.append(f"it took {trial.seconds:.1f} s")
    ours = "src/footage/" in trial.err  # else Python itself was stopped, before it had come to a line of this package
    if ours and ("Traceback" in trial.err or "Exception ignored" in trial.err):
        faults.append(f"a traceback: {trial.err[-400:]}")
    if "--json" in COMMANDS[name] and trial.out:
        try:
            json.loads(trial.out)
        except ValueError:
            faults.append(f"half a document: {trial.out[:80]!r}")
    faults += [f"a process is left: {left}" for left in left_over()]
    faults += [f"a file is left: {each.name}" for each in folder.glob(".footage-*")]
    for each in [
        path
        for path in (folder / "runs.db", folder / "pictures.db", folder / "other.db", folder / "out.footage")
        if path.exists()
    ]:
        faults += unsound(each, imported=name.startswith("import"))
    if (page := folder / "out.html").exists() and "</html>" not in page.read_text()[-200:]:
        faults.append("half a page")
    if (document := folder / "out.json").exists():
        json.loads(document.read_text())


def unsound(path: Path, *, imported: bool) -> list[str]:
    """Return what is wrong with a store."""
    try:
        with open_store(path) as store:
            report = verify_store(store)
            faults = [] if report.ok else [f"{path.name} is damaged: {report.bad[0].why}"]
            for one in store.runs(limit=1000):
                if one.kind == "imported" and imported and one.steps != _STEPS:
                    faults.append(f"half a run: {one.steps} of {_STEPS} steps, {one.status}")
                rows = store.database.rows("SELECT 1 FROM run WHERE name = ? AND status = 'recording'", one.id)
                faults += [f"run {one.id} has no end"] if rows else []
            return faults
    except FootageError as error:
        return [f"{path.name}: {error.message}"]


def attempt(name: str, base: Path, numbers: random.Random, instant: float) -> Trial:
    """Stop a command once, so many seconds after its start."""
    first = numbers.choice([signal.SIGINT, signal.SIGTERM])
    second = numbers.choice([signal.SIGINT, signal.SIGTERM]) if numbers.random() < 0.25 else None
    between = numbers.uniform(0, 0.1)

    def stop(process: subprocess.Popen[str]) -> int:
        try:
            process.wait(instant)
        except subprocess.TimeoutExpired:
            process.send_signal(first)
            if second is not None:
                time.sleep(between)
                process.send_signal(second)
        return first

    with tempfile.TemporaryDirectory(prefix="footage-stops-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch) / "work"
        shutil.copytree(base, folder)
        trial = run(COMMANDS[name], folder, stop, second=second or 0)
        judge(name, folder, trial)
        if name in {"import", "seal", "redact"} and trial.stopped:
            again = ["redact", "--finish"] if name == "redact" else COMMANDS[name]
            after = run(again, folder, lambda _: signal.SIGTERM)
            left_over()
            if after.code:
                trial.faults.append(f"it does not go on: {after.code} {after.err[-300:]}")
            trial.faults += unsound(
                folder / ("pictures.db" if name == "seal" else "runs.db"), imported=name == "import"
            )
    return trial


def undisturbed(name: str, base: Path) -> float:
    """Return the seconds that a command takes."""
    with tempfile.TemporaryDirectory(prefix="footage-stops-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch) / "work"
        shutil.copytree(base, folder)
        begun = time.monotonic()
        trial = run(COMMANDS[name], folder, lambda _: signal.SIGTERM)
        if trial.code not in {0, 1}:
            raise SystemExit(f"{name}: {trial.code} {trial.err}")
        left_over()
        return time.monotonic() - begun


def main(count: int, names: Sequence[str]) -> int:
    """Stop so many commands, print each fault as it comes and the table at the end."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` has its commands ignore it
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    chosen = [name for name in COMMANDS if not names or name in names]
    numbers = random.Random(int(os.environ.get("FOOTAGE_SEED", "0")))
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    times: dict[str, list[float]] = defaultdict(list)
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="footage-stops-") as scratch:
        base = Path(scratch)
        prepare(base)
        takes = {name: undisturbed(name, base) for name in chosen}
        strata = range(-(-count // len(chosen)))
        spread = {name: numbers.sample(strata, len(strata)) for name in chosen}
        for number in range(count):
            name = chosen[number % len(chosen)]
            # Spread over its whole length, the start of the interpreter included.
            part = (numbers.random() + spread[name].pop()) / len(strata)
            trial = attempt(name, base, numbers, part * takes[name])
            if not trial.stopped:
                takes[name] = min(takes[name], trial.lasted)
            for fault in trial.faults:
                print(f"{name}, {part * takes[name]:.2f} s: {fault}", flush=True)
            wrong += bool(trial.faults)
            outcome = (
                "wrong"
                if trial.faults
                else str(trial.code if trial.code > 0 else 128 - trial.code)
                if trial.stopped
                else "done before"
            )
            outcomes[name][outcome] += 1
            if trial.stopped:
                times[name].append(trial.seconds)
    print(f"{'':22}{'takes':>8}{'130':>6}{'143':>6}{'done':>6}{'wrong':>7}{'p50':>8}{'p99':>8}{'max':>8}  s")
    for name in chosen:
        print(f"{name:22}{takes[name]:8.1f}" + _row(outcomes[name], times[name]))
    print(
        f"{'all':22}{'':8}"
        + _row(sum(outcomes.values(), Counter()), [each for some in times.values() for each in some])
    )
    return int(wrong > 0)


def _row(outcomes: Counter[str], times: Sequence[float]) -> str:
    ordered = sorted(times) or [0.0]
    points = (ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], ordered[-1])
    found = (outcomes["130"], outcomes["143"], outcomes["done before"])
    return "".join(f"{n:6}" for n in found) + f"{outcomes['wrong']:7}" + "".join(f"{point:8.2f}" for point in points)


if __name__ == "__main__":
    wanted = sys.argv[1:] or ["40"]
    sys.exit(main(int(wanted[0]), wanted[1:]))
