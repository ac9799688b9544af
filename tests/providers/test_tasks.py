"""The task of a run is what the person asks, whatever the client puts around it: the same live, imported and again."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from footage.interchange.exporters.atif_writer import write_atif
from footage.providers.tasks import TASK_LENGTH, task_of_messages, task_of_texts
from footage.recorder.recording import record
from footage.storage import Store, open_store
from footage.storage.rows.to_rows import task_id_of
from footage.trajectory import JSON, Run
from foreign import imported, write

NOTE = "<system-reminder>\nThese helpers can be called: alpha, <beta>, gamma.\n</system-reminder>\n"
CAVEAT = "<local-command-caveat>Caveat: the messages below come from local commands.</local-command-caveat>"
PAGE = """<agent_history>

</agent_history>

<agent_state>
<user_request>
buy milk
</user_request>
<file_system>
todo.md - 0 lines
</file_system>
<step_info>Step1 maximum:100
Today:{day}</step_info>
</agent_state>
<browser_state>
<page_stats>{links} links</page_stats>
Available tabs:
Tab 12AB: https://shop.test
Interactive elements:
[1]<a />
</browser_state>
"""

SHAPES: dict[str, tuple[list[str], str]] = {
    "reminder before": ([NOTE, "Rename the file"], "Rename the file"),
    "reminder in the same text": (["Rename the file\n\n" + NOTE], "Rename the file"),
    "reminder cut short": (["Rename the file", "<system-reminder>\nThese helpers"], "Rename the file"),
    "words around a reminder": (["Rename\n" + NOTE + "the file"], "Rename\n\nthe file"),
    "page of a browser": ([PAGE.format(day="2026-01-02", links=3), "Current screenshot:"], "buy milk"),
    "environment": (["<environment_context>\n<cwd>/x</cwd>\n</environment_context>", "Fix it"], "Fix it"),
    "standing instructions": (["<user_instructions>\nBe brief.\n</user_instructions>", "Fix it"], "Fix it"),
    "a file of instructions": (
        ["# AGENTS.md instructions for /x\n\n<INSTRUCTIONS>\nBe brief.\n</INSTRUCTIONS>", "Fix it"],
        "Fix it",
    ),
    "an editor's context": (
        ["# Context from my IDE setup:\n\n## Active file: a.py\n\n## My request for Codex:\nFix it\n"],
        "Fix it",
    ),
    "a task and its surroundings": (
        ["<task>\nFix it\n</task>", "<environment_details>\nnoon\n</environment_details>"],
        "Fix it",
    ),
    "a query after attachments": (
        ["<additional_data>\nopen: a.py\n</additional_data>\n<user_query>\nFix it\n</user_query>"],
        "Fix it",
    ),
    "a request in camel case": (["<context>\nnoon\n</context>\n<userRequest>\nFix it\n</userRequest>"], "Fix it"),
    "history in one message": (["Task: press the button\nHistory:\nstep 0 went well\n"], "press the button"),
    "instruction and earlier actions": (
        ["Give the next move.\n\nInstruction: press the button\n\nPrevious actions:\nNone"],
        "press the button",
    ),
    "instruction at the end": (
        ["You act on a screen.\n\n## Output Format\nAction: …\n\n## User Instruction\npress the button"],
        "press the button",
    ),
    "a command of the client": (
        [
            "<command-message>review…</command-message>\n<command-name>/review</command-name>\n<command-args>12</command-args>",
            "You are a careful reviewer. Look at the change.",
        ],
        "/review 12",
    ),
    "a command that the client carried out": (
        [
            "<command-name>/model</command-name><command-args></command-args>",
            "<local-command-stdout>Set.</local-command-stdout>",
            "Fix it",
        ],
        "Fix it",
    ),
    "a command under a caveat": ([CAVEAT, "<command-name>/clear</command-name>", NOTE, "Fix it"], "Fix it"),
}

AS_IT_IS = {
    "plain": "Fix it",
    "a form": "Repair this:\n<form>\n<input>\n</form>",
    "an element between words": "Why does\n<my-widget>\n</my-widget>\nfail?",
    "a section that is spoken of": "Write a prompt with\n<user_query>\nx\n</user_query>\nin it",
    "labels of a person": "Goal: ship it\nSteps: build, test",
    "markdown": "# The parser breaks\nOn empty files.\n\n## Goal\nA clear error.",
    "one section": "<context>\nWhat is said here is all there is.\n</context>",
    "a document": "<document>\nOnce upon a time\n</document>\n\nSummarise it",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_words_of_the_person_are_found_in_what_a_client_sends(shape: str) -> None:
    texts, words = SHAPES[shape]
    assert " ".join(task_of_texts(texts).split()) == " ".join(words.split())


@pytest.mark.parametrize("shape", AS_IT_IS)
def test_what_no_rule_knows_stays_as_it_is(shape: str) -> None:
    assert task_of_texts([AS_IT_IS[shape]]) == AS_IT_IS[shape]


def test_what_is_the_clients_alone_names_nothing() -> None:
    assert [task_of_texts(texts) for texts in ([NOTE], [NOTE, CAVEAT], ["Warmup"], [])] == [""] * 4


def test_the_task_of_a_page_is_the_same_on_another_day_and_page() -> None:
    days = [task_of_texts([PAGE.format(day=day, links=day * 7)]) for day in range(1, 9)]
    assert set(days) == {"buy milk"}


def test_only_what_stands_before_the_first_reply_counts() -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": NOTE}]},
        {"role": "user", "content": "Fix it"},
        {"role": "assistant", "content": "What?"},
        {"role": "user", "content": "The parser."},
    ]
    assert task_of_messages(messages) == "Fix it"
    assert [task_of_messages(odd) for odd in (None, "x", [3], [{"role": "user", "content": 3}])] == [""] * 4


def test_hostile_texts_take_no_time_and_break_nothing() -> None:
    names = "".join(f"<a{number}>\n" for number in range(50_000))
    for text in ("<a1>\n" * 100_000, names, "<system-reminder>\n" * 30_000, "Task:\n" * 100_000, "<context>\n" * 9_000):
        assert len(task_of_texts([text])) <= TASK_LENGTH


# --- one client, live and imported ---

WORDS = ("Rename the file", "Book a flight to Ōsaka", "Fix\n\nthe two\nparagraphs", "Is 3 < 4?", "x" * 3000)
BEFORE = (
    NOTE,
    "<environment_context>\n  <cwd>/home/x</cwd>\n  <date>{n}</date>\n</environment_context>",
    "<ide_opened_file>The user opened {n}.py.</ide_opened_file>",
    "<user_instructions>\nRule {n}\n</user_instructions>",
    "<session-start-hook>\nIt is day {n}.\n</session-start-hook>",
)
AFTER = ("<user-prompt-submit-hook>\nhook {n}\n</user-prompt-submit-hook>", NOTE)


def generated(seed: int) -> tuple[list[str], str]:
    """Return what a client sends for some words: preambles in any number, some in the same text as the words."""
    chance = random.Random(seed)
    before = [chance.choice(BEFORE).replace("{n}", str(seed)) for _ in range(chance.randrange(4))]
    after = [chance.choice(AFTER).replace("{n}", str(seed)) for _ in range(chance.randrange(2))]
    words = chance.choice(WORDS)
    if after and chance.random() < 0.5:
        return [*before, "\n\n".join([words, *after])], words
    return [*before, words, *after], words


def blocks(texts: list[str]) -> list[JSON]:
    return [{"type": "text", "text": each} for each in texts]


REPLY: JSON = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "stop_reason": "end_turn",
    "content": [{"type": "text", "text": "ok"}],
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
TOOLS = [{"name": "Bash", "input_schema": {"type": "object"}}]


def live(store: Store, texts: list[str], **more: Any) -> Run:
    body = {"model": "m", "max_tokens": 9, "tools": TOOLS, "messages": [{"role": "user", "content": blocks(texts)}]}
    with record(store=store) as run:
        run.turn({**body, **more}, REPLY)
    return store.run(run.id)


def session(path: Path, texts: list[str]) -> Path:
    """Write the transcript of a session as a client keeps it: one event a line."""
    head = {"sessionId": path.parent.name, "timestamp": "2026-01-01T10:00:00Z"}
    asked = {"type": "user", "message": {"role": "user", "content": blocks(texts)}, "uuid": "1", **head}
    said = {"type": "assistant", "message": REPLY, "uuid": "2", **head}
    return write(path, asked, said)


def test_live_and_import_of_one_client_agree_and_so_does_what_was_exported(tmp_path: Path) -> None:
    with open_store(tmp_path / "runs.db") as store, open_store(tmp_path / "other.db") as other:
        for seed in range(40):
            texts, words = generated(seed)
            run = live(store, texts)
            read = imported(store, session(tmp_path / f"{seed}" / "session.jsonl", texts), "claude-code")
            assert (run.task, run.task_id) == (words, task_id_of(words)), texts
            assert (read.task, read.task_id) == (run.task, run.task_id), texts
            file = tmp_path / f"{seed}.json"
            write_atif(store, run.id, file)
            again = imported(other, file, "atif")
            assert (again.task, again.task_id) == (run.task, run.task_id)


def test_a_task_that_comes_with_a_later_request_is_found_there(tmp_path: Path) -> None:
    with open_store(tmp_path / "runs.db") as store:
        with record(store=store) as run:
            for texts in ([NOTE], ["Warmup"], [NOTE, "Fix it"], ["Something else"]):
                asked = [{"role": "user", "content": blocks(texts)}]
                run.turn({"model": "m", "tools": TOOLS, "messages": asked}, REPLY)
        assert store.run(run.id).task == "Fix it"


def test_a_side_conversation_without_tools_names_the_run_only_where_there_is_no_other(tmp_path: Path) -> None:
    with open_store(tmp_path / "runs.db") as store:
        title = {"model": "s", "messages": [{"role": "user", "content": "Give this a title: Fix it"}]}
        main = {"model": "m", "tools": TOOLS, "messages": [{"role": "user", "content": "Fix it"}]}
        for bodies, task in (([title, main], "Fix it"), ([title], "Give this a title: Fix it")):
            with record(store=store) as run:
                for number, body in enumerate(bodies):
                    run.turn(body, {**REPLY, "id": f"msg_{number}"})
            assert (store.run(run.id).task, store.run(run.id).task_id) == (task, task_id_of(task))
