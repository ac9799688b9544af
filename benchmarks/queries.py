"""
Finding runs among very many: each question with its p50 and p95, and the obvious SQL for it beside.

    python benchmarks/queries.py [runs] [steps a run] [file]

By default 100,000 runs of 30 steps are made, which takes some minutes and 3 GB; a file that is there is used again.
Every time is the processor's for one call of `Store`, rows made into runs included, in milliseconds.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from footage.storage import Store, open_store
from footage.storage.upkeep.tidying import merge_some_texts
from footage.trajectory import JSON

SEED = 7
LONG = 2000  # steps of the one long run
ROUNDS = 100  # of each question
WORDS = [f"{a}{b}" for a in ("open", "save", "click", "find", "move", "type", "read", "check") for b in range(250)]
COMMON = ["the", "file", "window", "button", "menu", "page", "text", "a", "to", "and"]
KINDS = ("recorded", "imported", "replay", "fork")
STATUSES = ("completed", "errored", "interrupted")
MODELS = tuple(f"model-{number}" for number in range(12))
START = 1_750_000_000_000_000_000
Rows = list[tuple[Any, ...]]


def sentence(chance: random.Random, words: int) -> str:
    return " ".join(chance.choice(COMMON) if chance.random() < 0.6 else chance.choice(WORDS) for _ in range(words))


def run_row(chance: random.Random, run: int, steps: int) -> tuple[Any, ...]:
    kind, status = chance.choices(KINDS, (70, 20, 7, 3))[0], chance.choices(STATUSES, (90, 7, 3))[0]
    task = run % 2000
    started = START + run * 60_000_000_000
    model = chance.choices(MODELS, [2**-n for n in range(12)])[0]
    name = f"{run:012d}"
    text = f"task {task} " + sentence(random.Random(task), 8)
    return run, name, run, kind, status, text, f"t{task}", model, "footage", 1, steps, steps, "b", run, started


def rows_of_steps(chance: random.Random, run: int, steps: int) -> tuple[Rows, Rows, Rows, Rows]:
    turns, made, frames, roles = Rows(), Rows(), Rows(), Rows()
    for number in range(steps):
        row = run * 10_000 + number
        said = sentence(chance, 12)
        turns.append((row, run, 0, number, "m", "completed", f'[{{"type":"text","text":"{said}"}}]'))
        typing = number % 4 == 1
        arguments = f'{{"text":"{sentence(chance, 3)}"}}' if typing else '{"coordinate":[100,200]}'
        name = "type" if typing else "left_click"
        made.append(
            (row, run, number, number, f"c{number}", 0, "computer", name, arguments, "executed", "b", row, START)
        )
        frames.append((row, run, run, 1280, 800, "machine", 0, "b", row, START))
        roles.append((row, row, row, "before"))
    return turns, made, frames, roles


def remarks(chance: random.Random, runs: int) -> Iterator[tuple[str, Rows]]:
    chosen = range(1, runs + 1)
    outcomes = [
        (r, v, s) for r in chosen for s in ("self", "judge") if (v := chance.choice(("success", "failure", "")))
    ]
    yield "INSERT INTO outcome (run, value, source) VALUES (?, ?, ?)", list(outcomes)
    tags = [(run, f"tag-{chance.randrange(40)}") for run in chosen if run % 3 == 0] + [(run, "rare") for run in (1, 9)]
    yield "INSERT INTO tag (run, value) VALUES (?, ?)", list(tags)
    found = [(run, chance.choice(("no_effect", "loop", "off_target")), "", 0.9) for run in chosen if run % 5 == 0]
    yield "INSERT INTO finding (run, kind, message, confidence) VALUES (?, ?, ?, ?)", list(found)


INSERTS = {
    "family": "INSERT INTO family (id, name) VALUES (?, ?)",
    "picture": "INSERT INTO picture (id, family, width, height, sha256, lossy) VALUES (?, ?, 1280, 800, '', 0)",
    "run": "INSERT INTO run (id, name, family, kind, status, task, task_id, model, source_format, trusted, steps,"
    " turns, started_boot, started_mono, started_wall) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    "turn": "INSERT INTO turn (id, run, conversation, number, model, status, content) VALUES (?,?,?,?,?,?,?)",
    "step": "INSERT INTO step (id, run, number, turn, call_id, call_index, namespace, name, arguments, status,"
    " started_boot, started_mono, started_wall) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
    "frame": "INSERT INTO frame (id, run, picture, screen_width, screen_height, source, derived, captured_boot,"
    " captured_mono, captured_wall) VALUES (?,?,?,?,?,?,?,?,?,?)",
    "role": "INSERT INTO frame_role (id, frame, step, role) VALUES (?,?,?,?)",
}


def make(store: Store, runs: int, steps: int) -> None:
    """Fill the store, a thousand runs a transaction."""
    chance = random.Random(SEED)
    for first in range(1, runs + 1, 1000):
        print(f"\rmaking runs: {first:,} of {runs:,}", end="", file=sys.stderr, flush=True)
        with store.database.transaction(durable=False) as connection:
            for run in range(first, min(first + 1000, runs + 1)):
                own = LONG if run == runs else steps
                connection.execute(INSERTS["family"], (run, f"{run:012d}"))
                connection.execute(INSERTS["picture"], (run, run))
                connection.execute(INSERTS["run"], run_row(chance, run, own))
                for table, rows in zip(("turn", "step", "frame", "role"), rows_of_steps(chance, run, own), strict=True):
                    connection.executemany(INSERTS[table], rows)
        for _ in range(min(1000, runs - first + 1)):
            with store.database.transaction(durable=False) as connection:
                merge_some_texts(connection)  # as the end of each run does
    with store.database.transaction(durable=False) as connection:
        for sql, rows in remarks(chance, runs):
            connection.executemany(sql, rows)
    print(file=sys.stderr)


def questions(runs: int) -> Iterator[tuple[str, Callable[[Store, random.Random], object], str]]:
    """Yield (what is asked, by the store, the obvious SQL for it)."""

    def ask(**fixed: Any) -> Callable[[Store, random.Random], object]:
        def asked(store: Store, chance: random.Random) -> object:
            conditions: JSON = {name: chance.choice(v) if isinstance(v, tuple) else v for name, v in fixed.items()}
            return store.runs(limit=40, **conditions)

        return asked

    def deep(store: Store, chance: random.Random) -> object:
        return store.runs(limit=40, before=f"{chance.randrange(1, runs):012d}")

    newest = "SELECT * FROM run {} ORDER BY started_wall DESC LIMIT 40"
    yield "first page", ask(), newest.format("")
    yield "a page anywhere", deep, newest.format("") + f" OFFSET {runs // 2}"
    for name, values in (("kind", KINDS), ("status", STATUSES), ("model", MODELS)):
        yield name, ask(**{name: values}), newest.format(f"WHERE {name} = '{values[-1]}'")
    yield "task id", ask(task_id=tuple(f"t{n}" for n in range(2000))), newest.format("WHERE task_id = 't77'")
    said = "WHERE id IN (SELECT run FROM {} WHERE {} = '{}')"
    yield "outcome", ask(outcome=("success", "failure")), newest.format(said.format("outcome", "value", "success"))
    yield "tag", ask(tag=tuple(f"tag-{n}" for n in range(40))), newest.format(said.format("tag", "value", "tag-7"))
    yield "a rare tag", ask(tag="rare"), newest.format(said.format("tag", "value", "rare"))
    yield "finding", ask(finding=("no_effect", "loop")), newest.format(said.format("finding", "kind", "loop"))
    week = tuple(START + n * 60_000_000_000 for n in range(100, runs, max(runs // 50, 1)))
    yield "started before", ask(until=week), newest.format(f"WHERE started_wall < {week[1]}")
    both = {"model": MODELS, "outcome": "failure", "kind": "recorded"}
    yield "model + outcome + kind", ask(**both), newest.format("WHERE kind = 'recorded' AND model = 'model-9'")
    like = (
        "WHERE id IN (SELECT run FROM step WHERE arguments LIKE '%{0}%'"
        " UNION SELECT run FROM turn WHERE content LIKE '%{0}%')"
    )
    yield "a word", ask(text=tuple(WORDS)), newest.format(like.format(WORDS[9]))
    yield "a common word", ask(text=tuple(COMMON)), newest.format(like.format("file"))
    yield "two words", ask(text=tuple(f"file {word}" for word in WORDS)), newest.format(like.format(f"file {WORDS[9]}"))
    yield "a phrase", ask(text=tuple(f'"the {word}"' for word in WORDS)), newest.format(like.format(f"the {WORDS[9]}"))
    yield "two rare words", ask(text=tuple(f"{a} {b}" for a, b in zip(WORDS, WORDS[7:], strict=False))), ""
    yield "a phrase of rare words", ask(text=tuple(f'"{a} {b}"' for a, b in zip(WORDS, WORDS[7:], strict=False))), ""
    yield "a rare word + model", ask(text=tuple(WORDS), model=MODELS), ""
    yield "a word + model", ask(text=tuple(COMMON), model=MODELS), newest.format(like.format("file"))
    yield "a word + rare tag", ask(text=tuple(COMMON), tag="rare"), newest.format(like.format("file"))
    yield "counts of models", lambda store, _: store.facets("model"), "SELECT model, count(*) FROM run GROUP BY 1"
    outcomes = "SELECT value, count(DISTINCT run) FROM outcome GROUP BY 1"
    yield "counts of outcomes", lambda store, _: store.facets("outcome"), outcomes
    name = f"{runs:012d}"
    yield f"a run of {LONG} steps", lambda store, _: (store.steps(name), store.turns(name)), ""


def times(ask: Callable[[], object], rounds: int) -> list[float]:
    found = []
    for _ in range(rounds):
        before = time.process_time()
        ask()
        found.append((time.process_time() - before) * 1000)
    return found


def p95(values: list[float]) -> float:
    return sorted(values)[min(int(len(values) * 0.95), len(values) - 1)]


def main() -> None:
    given = sys.argv[1:]
    runs, steps = int(given[0]) if given else 100_000, int(given[1]) if len(given) > 1 else 30
    with tempfile.TemporaryDirectory() as folder:
        path = Path(given[2]) if len(given) > 2 else Path(folder) / "runs.db"
        with open_store(path) as store:
            if store.count_runs() < runs:
                make(store, runs, steps)
        with open_store(path, readonly=True) as store:
            count = store.database.rows("SELECT count(*) FROM step")[0][0]
            print(f"{runs:,} runs, {count:,} steps, {path.stat().st_size / 1e9:.2f} GB\n")
            print(f"{'':24}{'p50':>9}{'p95':>9}{'obvious SQL':>14}")
            chance = random.Random(SEED)
            for label, ask, sql in questions(runs):
                taken = times(lambda ask=ask: ask(store, chance), ROUNDS)  # type: ignore[misc]  # bound now
                naive = times(lambda sql=sql: store.database.rows(sql), 2) if sql else []  # type: ignore[misc]
                beside = f"{min(naive):14.2f}" if naive else ""
                print(f"{label:24}{statistics.median(taken):9.2f}{p95(taken):9.2f}{beside}", flush=True)


if __name__ == "__main__":
    main()
