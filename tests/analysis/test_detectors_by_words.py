"""Detectors that go by words: the kind of an ending, claims, commands that end things; ordinary words are none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from examined_runs import TASK, Desk, click
from footage.storage import Store, open_store
from footage.trajectory import Action, Instant, RunStatus


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "runs.db") as opened:
        yield opened


def bash(command: str) -> Action:
    return Action("run", {"command": command}, "bash")


ENDINGS = {
    "I'm sorry, but I can't assist with that request.": "refused",
    "I cannot help with bypassing paywalls. Something else?": "refused",
    "The page shows a CAPTCHA. I must stop and ask for your direction.": "blocked",
    "I was unable to find the invoice anywhere in the mailbox.": "gave_up",
    "The link appears to be invalid. Please provide the correct address.": "gave_up",
    "I could not log in with the given password.": "gave_up",
}
ORDINARY = [
    "The file has been saved. I am done.",
    "I cannot see any errors on the page; the form has been submitted.",
    "I was able to find the invoice: it is number 17.",
    "The CAPTCHA demo page is open, as you asked.",
    "I could not find the menu at first, but the picture was successfully exported.",
    "The sum is 408. Let me know if I can help with something else.",
    "Is there anything else you'd like me to help you with?",
]


@pytest.mark.parametrize("words", ENDINGS)
def test_the_last_reply_says_why(store: Store, words: str) -> None:
    desk = Desk(store)
    desk.says(text="I look.")
    desk.does(click(), seen=True)
    desk.says(text=words, stop_reason="end_turn")
    (found,) = desk.diagnosis("last-words").findings
    assert (found.kind, found.step) == (ENDINGS[words], None)
    assert "“" in found.message


@pytest.mark.parametrize("words", ORDINARY)
def test_an_ordinary_ending_says_nothing(store: Store, words: str) -> None:
    desk = Desk(store)
    desk.says(text=words, stop_reason="end_turn")
    assert desk.found("last-words") == []


@pytest.mark.parametrize("words", ENDINGS)
def test_what_was_said_on_the_way_is_no_ending(store: Store, words: str) -> None:
    desk = Desk(store)
    desk.says(text=words)
    desk.does(click())
    desk.says(text="It is done.", stop_reason="end_turn")
    assert desk.found("last-words") == []


def test_a_service_that_failed_at_the_last_request_is_named_with_its_status(store: Store) -> None:
    desk = Desk(store)
    number = desk.writer.begin_turn(model="m", started=Instant.now())
    now = Instant.now()
    desk.writer.attempt(number, number=0, started=now, ended=now, status=529, error="Overloaded")
    desk.writer.end_turn(number, content=[], ended=now, status="errored")
    (found,) = desk.diagnosis("last-words").findings
    assert found.kind == "api_error"
    assert "HTTP status 529: “Overloaded”" in found.message


@pytest.mark.parametrize(
    ("error", "wanted"), [("Error code: 400: credit balance is too low", ["api_error"]), ("KeyError: 'x'", [])]
)
def test_a_run_that_ended_with_an_error_of_the_service(store: Store, error: str, wanted: list[str]) -> None:
    desk = Desk(store)
    desk.does(click())
    assert [kind for kind, _ in desk.found("last-words", status=RunStatus.ERRORED, error=error)] == wanted


@pytest.mark.parametrize(
    ("words", "draws", "wanted"),
    [
        ("The file has been saved successfully.", [], [("claimed_success", 0)]),
        ("The file has been saved successfully.", [(40, 40, 90, 90)], []),
        ("The dialog is not open, so it has not been saved successfully.", [], []),
        ("I look at the page.", [], []),
    ],
)
def test_success_claimed_over_nothing_is_listed(
    store: Store, words: str, draws: list[tuple[int, ...]], wanted: list[tuple[str, int]]
) -> None:
    desk = Desk(store)
    desk.says(text="I press Save.")
    desk.does(click(), *draws)
    desk.says(text=words)
    desk.does(Action("screenshot"))
    found = desk.diagnosis("claimed")
    assert [(each.kind, each.step) for each in found.findings] == wanted
    assert "claimed_success" in found.listed


@pytest.mark.parametrize(
    "command",
    ["pkill -f recorder", "sudo kill -9 4711", "rm -rf ~/Documents", "cd / && shutdown now", "git reset --hard"],
)
def test_a_command_that_ends_something_the_task_did_not_name(store: Store, command: str) -> None:
    desk = Desk(store)
    desk.does(bash("ls"))
    desk.does(bash(command))
    assert desk.found("dangerous-stop") == [("dangerous_stop", 1)]


def test_a_reply_that_discards_is_noticed_and_so_is_a_typed_command(store: Store) -> None:
    desk = Desk(store)
    desk.says(text="A dialog asks. I click “Don't save”.")
    desk.does(click())
    desk.says(text="I use the terminal.")
    desk.does(Action("type", {"text": "killall ffmpeg\n"}))
    assert desk.found("dangerous-stop") == [("dangerous_stop", 0), ("dangerous_stop", 1)]


@pytest.mark.parametrize(
    "action",
    [
        bash("rm -rf /tmp/build"),
        bash("grep -r kill notes.txt"),
        bash("rm draft.txt"),
        bash("echo shutdown procedure"),
        Action("type", {"text": "Please do not stop the machine or delete rows."}),
        Action("key", {"text": "Delete"}),
    ],
)
def test_ordinary_commands_and_texts_are_not_dangerous(store: Store, action: Action) -> None:
    desk = Desk(store)
    desk.does(action)
    assert desk.found("dangerous-stop") == []


def test_what_the_task_asks_for_and_what_the_run_made_itself_may_be_removed(store: Store) -> None:
    asked = Desk(store, "Delete the old backups")
    asked.does(bash("rm -rf ~/backups"))
    assert asked.found("dangerous-stop") == []
    own = Desk(store, TASK)
    own.does(bash("mkdir ~/scratch-files"))
    own.does(bash("rm -rf ~/scratch-files"))
    assert own.found("dangerous-stop") == []


def _goes(url: str) -> Action:
    return Action("goto", {"url": url}, "browser")


def test_three_calls_on_a_host_that_nothing_names_are_listed(store: Store) -> None:
    desk = Desk(store)
    for path in ("a", "b", "c", "d"):
        desk.does(_goes(f"https://www.yellowstone.example.org/{path}"))
    found = desk.diagnosis("wandering")
    assert [(each.kind, each.step) for each in found.findings] == [("wandering", 0)]
    assert "wandering" in found.listed


@pytest.mark.parametrize("host", ["www.google.com", "second-quarter.shop", "named.net"])
def test_a_search_and_hosts_that_the_run_names_are_no_wandering(store: Store, host: str) -> None:
    desk = Desk(store, f"{TASK}, from second-quarter")
    for _ in range(4):
        desk.says(text="I read named.net.")
        desk.does(_goes(f"https://{host}/"))
    assert desk.found("wandering") == []
