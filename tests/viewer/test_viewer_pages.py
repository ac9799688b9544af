"""What the pages say, read without a browser."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from cli import sample_in
from footage.storage import Store, open_store
from footage.storage.findings import keep_findings
from footage.trajectory import Action, Finding, FrameRole, Instant, RunKind, RunStatus, StepStatus
from footage.viewer import create_app
from footage.viewer.pages.listing import PAGE
from places import HELPERS, ROOT
from viewer_samples import CLICKED, TASK, fork_story, record_story, replay_story, screen, write_plain

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse


@dataclass(frozen=True)
class Sample:
    """A store with a family, and who is who in it."""

    store: Store
    careful: str
    hasty: str
    replay: str
    diverged: str
    fork: str


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    with open_store(tmp_path_factory.mktemp("viewer") / "runs.db") as store:
        careful = record_story(store)
        replay, diverged = replay_story(store, careful), replay_story(store, careful, diverge_at=3)
        fork = fork_story(store, careful, 4)
        hasty = record_story(store, model="stand-in/hasty", number="28")
        yield Sample(store, careful, hasty, replay, diverged, fork)


@pytest.fixture(scope="module")
def client(sample: Sample) -> FlaskClient:
    return create_app(sample.store, token=None, machine="desktop").test_client()


def get(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    while answer.status_code == 202:  # a comparison is being made; each answer waits for it a little
        answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def words(html: str) -> str:
    """The page's text, without markup."""
    from html import unescape

    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


# --- the list -------------------------------------------------------------------------------------


def test_the_list_shows_every_run_with_what_is_known(client: FlaskClient, sample: Sample) -> None:
    text = words(get(client, "/"))
    for run in sample.store.runs():
        assert run.id in text
    for said in (TASK, "reproduced", "diverged", "success judge", "failure evaluator", "flaky", "stand-in/hasty"):
        assert said in text


def test_children_stand_under_their_parent(client: FlaskClient, sample: Sample) -> None:
    rows = re.findall(r'class="run depth-(\d)" data-run="(\w+)"', get(client, "/"))
    assert rows == [
        ("0", sample.hasty),
        ("0", sample.careful),
        ("1", sample.replay),
        ("1", sample.diverged),
        ("1", sample.fork),
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("kind=replay", {"replay", "diverged"}),
        ("model=stand-in/hasty", {"hasty", "fork"}),
        ("tag=flaky", {"fork"}),
        ("text=CALCULATOR&kind=fork", {"fork"}),
        ("status=completed&kind=recorded", {"careful", "hasty"}),
        ("status=interrupted", set()),
        ("since=24h", {"careful", "replay", "diverged", "fork", "hasty"}),
        ("since=2023-11-14&until=2023-11-16", set()),
    ],
)
def test_filters_narrow_the_list(client: FlaskClient, sample: Sample, query: str, found: set[str]) -> None:
    shown = set(re.findall(r'data-run="(\w+)"', get(client, f"/?{query}")))
    assert shown == {getattr(sample, name) for name in found}


def test_a_time_that_is_none_says_what_can_be_given(client: FlaskClient) -> None:
    answer = client.get("/?since=soon")
    assert answer.status_code == 404
    assert "12h" in answer.text


def test_a_filter_that_nothing_fits_says_so(client: FlaskClient) -> None:
    page = words(get(client, "/?text=%25"))
    assert "No run fits these filters." in page
    assert "Runs 0 of 5" in page


def test_the_list_counts_what_fits(client: FlaskClient) -> None:
    assert "Runs 1 of 5" in words(get(client, "/?kind=fork"))
    assert "Runs 5 Tick" in words(get(client, "/"))


def test_an_empty_store_tells_how_to_record(tmp_path: Path) -> None:
    with open_store(tmp_path / "empty.db") as store:
        page = words(get(create_app(store, token=None).test_client(), "/"))
    assert "Nothing is recorded yet." in page
    assert f"footage demo --store {tmp_path / 'empty.db'}" in page


def test_pages_of_the_list_hold_each_run_once(tmp_path: Path) -> None:
    with open_store(tmp_path / "many.db") as store:
        made = []
        for number in range(2 * PAGE + 3):
            writer = store.begin_run(kind=RunKind.IMPORTED if number % 7 == 0 else RunKind.RECORDED, task=f"t{number}")
            writer.end()
            made.append(writer.run_id)
        client = create_app(store, token=None).test_client()
        path, seen = "/", list[str]()
        while path:
            page = get(client, path)
            seen += re.findall(r'data-run="(\w+)"', page)
            found = re.search(r'rel="next" href="([^"]+)"', page)
            path = found[1].replace("&amp;", "&") if found else ""
    assert seen == made[::-1]


def test_two_ticked_runs_lead_to_their_comparison_the_older_first(client: FlaskClient, sample: Sample) -> None:
    answer = client.get(f"/diff?run={sample.hasty}&run={sample.careful}")
    assert answer.status_code == 302
    assert answer.location == f"/diff/{sample.careful}/{sample.hasty}"


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_comparison_takes_two(client: FlaskClient, sample: Sample, count: int) -> None:
    runs = [sample.careful, sample.hasty, sample.fork][:count]
    answer = client.get("/diff", query_string=[("run", run) for run in runs])
    assert answer.status_code == 404
    assert "A comparison takes two runs" in answer.text


# --- the flipbook ---------------------------------------------------------------------------------


def test_each_step_has_its_own_page_that_needs_no_script(client: FlaskClient, sample: Sample) -> None:
    steps = sample.store.steps(sample.careful)
    for step in steps:
        page = get(client, f"/runs/{sample.careful}/steps/{step.index}")
        neighbours = re.findall(r'rel="(prev|next)" href="/runs/\w+/steps/(\d+)"', page)
        wanted = [("prev", str(step.index - 1)), ("next", str(step.index + 1))]
        assert neighbours == [(rel, at) for rel, at in wanted if 0 <= int(at) < len(steps)]
        before = step.frame(FrameRole.BEFORE)
        assert before is not None
        assert f"/pictures/{before.picture}.png?v={before.sha256[:16]}" in page


def test_the_click_is_drawn_on_the_screen_before_it(client: FlaskClient, sample: Sample) -> None:
    page = get(client, f"/runs/{sample.careful}/steps/1")
    assert f"translate({CLICKED[0] + 0.5} {CLICKED[1] + 0.5})" in page


def test_a_step_tells_what_was_said_thought_and_used(client: FlaskClient, sample: Sample) -> None:
    text = words(get(client, f"/runs/{sample.careful}/steps/1"))
    for said in ("The calculator is open. I click 2.", "The key 2 stands in the third row.", "executed", "70 ms",
                 "2,247 tokens", "18,400 tokens", "tool_use", "1.1 s"):  # fmt: skip
        assert said in text


def test_the_last_words_of_the_model_stand_with_the_last_step(client: FlaskClient, sample: Sample) -> None:
    words_at_end = "The result, 42, is in notes.txt, and the file is saved."
    assert words_at_end in get(client, f"/runs/{sample.careful}/steps/10")
    assert words_at_end not in get(client, f"/runs/{sample.careful}/steps/9")


def test_words_of_another_conversation_stand_with_no_step(tmp_path: Path) -> None:
    with open_store(tmp_path / "threads.db") as store:
        writer, now = store.begin_run(task="threads"), Instant.now()
        for number, (thread, said) in enumerate([(1, "A fitting title"), (0, "Let me think first."), (0, "I click.")]):
            turn = writer.begin_turn(model="m", started=now, conversation=thread)
            writer.end_turn(turn, content=[{"type": "text", "text": said}], ended=now)
            if number == 2:
                writer.intend(Action("screenshot"), turn=turn)
        turn = writer.begin_turn(model="m", started=now, conversation=1)
        writer.end_turn(turn, content=[{"type": "text", "text": "A better title"}], ended=now)
        writer.end()
        page = get(create_app(store, token=None).test_client(), f"/runs/{writer.run_id}")
    assert "Let me think first." in page
    assert "I click." in page
    assert "title" not in words(page.split("<main")[1])


def test_after_is_shown_where_the_address_asks_for_it(client: FlaskClient, sample: Sample) -> None:
    page = get(client, f"/runs/{sample.careful}/steps/1?show=after")
    assert re.findall(r'data-shot="(\w+)"[^>]*?( hidden)?>', page) == [
        ("before", " hidden"), ("after", ""), ("observed", " hidden"),
    ]  # fmt: skip


def test_a_divergence_shows_both_screens_and_where_they_differ(client: FlaskClient, sample: Sample) -> None:
    page = get(client, f"/runs/{sample.diverged}/steps/3")
    text = words(page)
    assert "A window that was not there covers the target" in text
    assert "as recorded" in text
    assert "this time" in text
    assert page.count('class="region path"') >= 2
    assert f"/runs/{sample.careful}/steps/3" in page


def test_a_divergence_is_named_on_every_step_of_the_run(client: FlaskClient, sample: Sample) -> None:
    text = words(get(client, f"/runs/{sample.diverged}/steps/0"))
    assert "Diverged at step 3 , by the environment. A window that was not there" in text


def test_gaps_notes_and_failures_are_in_sight(client: FlaskClient, sample: Sample) -> None:
    text = words(get(client, f"/runs/{sample.fork}/steps/4"))
    assert "Missing here: the screen could not be read for 1.2 s (3 lost)" in text
    assert "The menu opened, but nothing in it helps." in text
    text = words(get(client, f"/runs/{sample.fork}/steps/5"))
    assert "cat: notes.txt: No such file or directory" in text
    assert "No screen was recorded around this step." in text


def test_what_a_detector_noticed_is_in_sight_and_is_no_html(client: FlaskClient, sample: Sample) -> None:
    run = sample.careful
    of_run = Finding(run, None, "odd", "It took <b>long</b>.", 1.0, rule="odd/2")
    keep_findings(sample.store, run, "odd", [Finding(run, 1, "odd", "It fell.", 1.0, rule="odd/2"), of_run])
    page = get(client, f"/runs/{run}/steps/1")
    keep_findings(sample.store, run, "odd", [])
    assert "Noticed: It fell. odd/2" in words(page)
    assert "It took &lt;b&gt;long&lt;/b&gt;." in page
    assert "Noticed" not in words(get(client, f"/runs/{run}/steps/1"))


def test_gaps_of_one_reason_are_told_once(client: FlaskClient, sample: Sample) -> None:
    writer = sample.store.begin_run(task="Look")
    for _ in range(3):
        writer.gap("let go before it was stored", lost=0)
    writer.gap("the store was full", lost=2)
    writer.end()
    text = words(get(client, f"/runs/{writer.run_id}"))
    assert "let go before it was stored" not in text  # nothing was lost
    assert "Missing: the store was full (2 lost)" in text


def test_commands_name_run_step_machine_and_store(client: FlaskClient, sample: Sample) -> None:
    page = get(client, f"/runs/{sample.careful}/steps/3")
    store = f"--store {sample.store.path}"
    assert f"footage replay {sample.careful} --machine desktop {store}" in page
    assert f"footage fork {sample.careful} --at 3 --machine desktop {store}" in page


def test_every_command_that_is_shown_is_understood(sample: Sample) -> None:
    import shlex

    import click

    from footage.cli.group import cli
    from footage.viewer.pages.command_lines import diff_command, recording_commands, run_commands

    runs = [sample.store.run(run) for run in (sample.careful, sample.diverged, sample.fork)]
    shown = [*recording_commands(sample.store), diff_command(sample.store, sample.careful, sample.hasty)]
    for run in runs:
        shown += run_commands(sample.store, run, step=2, machine="desktop")
    for command in shown:
        program, verb, *rest = shlex.split(command.line)
        found = cli.get_command(click.Context(cli), verb)
        assert program == "footage"
        assert found is not None, command.line
        found.make_context(verb, rest)  # raises where the command would not take these words


def test_a_part_of_a_page_is_what_the_page_shows(client: FlaskClient, sample: Sample) -> None:
    path = f"/runs/{sample.diverged}/steps/3"
    whole, part = get(client, path), get(client, f"{path}?part=step")
    for name in ("tabs", "shots", "panel"):
        fresh = re.search(
            rf'<div data-part="{name}">(.*?)</div>\n<div data-part|data-part="{name}">(.*)</div>\n</body>',
            part,
            re.DOTALL,
        )
        assert fresh is not None
        assert "".join((fresh[1] or fresh[2]).split()) in "".join(whole.split())


@pytest.mark.parametrize("reference", ["@1", "@2", "prefix"])
def test_any_name_of_a_run_leads_to_its_own_address(client: FlaskClient, sample: Sample, reference: str) -> None:
    run = {"@1": sample.hasty, "@2": sample.careful, "prefix": sample.careful}[reference]
    named = run[:8] if reference == "prefix" else reference
    assert client.get(f"/runs/{named}").location == f"/runs/{run}"
    assert client.get(f"/runs/{named}/steps/2").location == f"/runs/{run}/steps/2"


def test_a_run_without_steps_has_a_page(client: FlaskClient, sample: Sample) -> None:
    writer = sample.store.begin_run(task="nothing done", kind=RunKind.TAPE)
    assert "steps appear here" in get(client, f"/runs/{writer.run_id}")
    assert '<meta http-equiv="refresh"' in get(client, f"/runs/{writer.run_id}")
    writer.end(RunStatus.ERRORED, error="the model could not be reached")
    page = get(client, f"/runs/{writer.run_id}")
    assert "No steps are recorded." in page
    assert "/steps/" not in page
    assert "the model could not be reached" in page
    assert "http-equiv" not in page


# --- what is not there ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/runs/nosuchrun", "There is no run"),
        ("/runs/nosuchrun/steps/1", "There is no run"),
        ("/runs/@99", "There is no run"),
        ("/runs/{careful}/steps/11", "has no step 11"),
        ("/runs/{careful}/steps/x", "There is no such page."),
        ("/diff/{careful}/nosuchrun", "There is no run"),
        ("/diff/{careful}/{hasty}?row=99", "has no row 99"),
        ("/nowhere", "There is no such page."),
        ("/?before=nosuchrun", "There is no run"),
    ],
)
def test_what_is_not_there_is_said_plainly(client: FlaskClient, sample: Sample, path: str, said: str) -> None:
    path = path.format(careful=sample.careful, hasty=sample.hasty)
    while (answer := client.get(path)).status_code == 202:
        pass
    assert answer.status_code == 404
    assert said in words(answer.text)
    assert "All runs" in answer.text


# --- pictures -------------------------------------------------------------------------------------


def first_frame(sample: Sample, step: int = 1) -> tuple[int, str]:
    frame = sample.store.step(sample.careful, step).frame(FrameRole.BEFORE)
    assert frame is not None
    return frame.picture, frame.sha256[:16]


def decoded(answer: TestResponse) -> Image.Image:
    return Image.open(io.BytesIO(answer.data))


def test_a_picture_is_served_to_the_pixel(client: FlaskClient, sample: Sample) -> None:
    picture, _ = first_frame(sample, 2)
    answer = client.get(f"/pictures/{picture}.png")
    assert answer.mimetype == "image/png"
    assert np.array_equal(np.asarray(decoded(answer)), screen("2"))


def test_a_thumbnail_is_small(client: FlaskClient, sample: Sample) -> None:
    picture, _ = first_frame(sample)
    answer = client.get(f"/pictures/{picture}/thumb.jpg")
    assert answer.mimetype == "image/jpeg"
    assert decoded(answer).size == (240, 150)
    assert len(answer.data) < 12_000


def test_only_an_address_with_the_hash_is_kept_by_browsers(client: FlaskClient, sample: Sample) -> None:
    picture, digest = first_frame(sample)
    assert client.get(f"/pictures/{picture}.png?v={digest}").headers["Cache-Control"] == (
        "private, max-age=31536000, immutable"
    )
    assert "immutable" not in client.get(f"/pictures/{picture}.png").headers["Cache-Control"]


def test_the_face_of_a_run_is_its_last_screen(client: FlaskClient, sample: Sample) -> None:
    last = sample.store.frames(sample.careful)[-1]
    assert client.get(f"/runs/{sample.careful}/thumb.jpg").location == (
        f"/pictures/{last.picture}/thumb.jpg?v={last.sha256[:16]}"
    )


def test_a_damaged_picture_is_a_sign_and_never_another_picture(tmp_path: Path) -> None:
    with open_store(tmp_path / "damaged.db") as store:
        run = write_plain(store, [Action("screenshot")], pixels=screen())
        picture = store.frames(run)[0].picture
        with store.database.transaction() as connection:
            connection.execute("UPDATE picture SET sha256 = ? WHERE id = ?", ("0" * 64, picture))
        client = create_app(store, token=None).test_client()
        for path in (f"/pictures/{picture}.png?v=1", f"/pictures/{picture}/thumb.jpg", "/pictures/999.png"):
            answer = client.get(path)
            assert answer.status_code == 500
            assert answer.mimetype == "image/svg+xml"
            assert "This picture is damaged" in answer.text
            assert "immutable" not in answer.headers["Cache-Control"]
        assert client.get(f"/runs/{run}").status_code == 200


# --- comparisons ----------------------------------------------------------------------------------


def test_a_comparison_begins_where_the_runs_part(client: FlaskClient, sample: Sample) -> None:
    page = get(client, f"/diff/{sample.careful}/{sample.hasty}")
    assert re.search(r'row=2" aria-current="step"', page)
    text = words(page)
    assert "diverged First difference: at step A2 / B2, by the model" in text
    assert sample.store.run(sample.careful).task in text
    assert f"footage diff {sample.careful} {sample.hasty}" in text


def test_each_row_of_a_comparison_has_an_address(client: FlaskClient, sample: Sample) -> None:
    base = f"/diff/{sample.careful}/{sample.hasty}"
    rows = re.findall(r'<a href="[^"]+\?row=(\d+)"', get(client, base).split('class="rows"')[1])
    assert [int(row) for row in rows] == list(range(12))
    for row in rows:
        page = get(client, f"{base}?row={row}")
        assert page.count("data-shot=") == 2
    assert "the end" in words(get(client, f"{base}?row=11"))


def test_a_planted_window_is_outlined_on_both_sides(client: FlaskClient, sample: Sample) -> None:
    page = get(client, f"/diff/{sample.careful}/{sample.diverged}")
    assert "by the environment" in words(page)
    for letter in "ab":
        half = page.split(f'data-part="stage-{letter}">')[1].split('data-part="said')[0]
        assert 'class="region path"' in half
        assert f"translate({key_x('+')}" in half


def key_x(name: str) -> float:
    from viewer_samples import key

    return key(name)[0] + 0.5


def test_an_action_given_by_hand_is_told_as_your_own(tmp_path: Path) -> None:
    with open_store(sample_in(tmp_path)) as store:
        (fork,) = store.runs(kind="fork")
        assert fork.parent is not None
        text = words(get(create_app(store, token=None).test_client(), f"/diff/{fork.parent.run}/{fork.id}"))
    assert ", by you: " in text
    assert "kind:" not in text


def test_two_tasks_are_both_named(tmp_path: Path) -> None:
    with open_store(tmp_path / "two.db") as store:
        ids = []
        for task in ("Add 1 and 2", "Add 3 and 4"):
            writer = store.begin_run(task=task)
            writer.intend(Action("key", {"text": "a"}))
            writer.end()
            ids.append(writer.run_id)
        text = words(get(create_app(store, token=None).test_client(), f"/diff/{ids[0]}/{ids[1]}"))
    assert "A Add 1 and 2 B Add 3 and 4" in text


def test_equal_runs_are_said_to_be_equal(client: FlaskClient, sample: Sample) -> None:
    text = words(get(client, f"/diff/{sample.careful}/{sample.replay}"))
    assert "identical The runs are the same" in text


def test_where_one_run_does_nothing_its_screen_meanwhile_is_shown(client: FlaskClient, sample: Sample) -> None:
    page = get(client, f"/diff/{sample.careful}/{sample.fork}?row=5")
    assert "only A does this" in words(page)
    assert "meanwhile, before step 4" in words(page)
    assert page.count("data-shot=") == 2


# --- hostile strings ------------------------------------------------------------------------------

PAYLOADS = (HELPERS / "hostile_strings.txt").read_text("utf-8").splitlines()


class Elements(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.handlers: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag in {"script", "iframe", "object", "embed", "base", "style", "template"}:
            self.scripts.append(f"{tag} {named.get('src')}")
        self.handlers += [name for name in named if name.startswith("on") or name == "style"]
        self.addresses += [str(named[name]) for name in ("href", "src", "action", "formaction") if named.get(name)]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, list[str]]]:
    from viewer_samples import write_hostile

    with open_store(tmp_path_factory.mktemp("hostile") / "runs.db") as store:
        yield store, write_hostile(store, PAYLOADS)


def test_there_are_enough_hostile_strings() -> None:
    assert len(PAYLOADS) >= 30


def test_hostile_strings_stay_text(hostile: tuple[Store, list[str]]) -> None:
    store, runs = hostile
    client = create_app(store, token=None).test_client()
    pages = ["/", f"/diff/{runs[0]}/{runs[1]}"]
    for run in runs:
        pages += [f"/runs/{run}", f"/runs/{run}/steps/1", f"/runs/{run}/steps/1?part=step", f"/diff/{run}/{run}?row=1"]
    for path in pages:
        found = Elements()
        found.feed(get(client, path))
        assert set(found.scripts) <= {
            "script /static/runs.js",
            "script /static/flipbook.js",
            "script /static/compare.js",
        }
        assert found.handlers == []
        assert [a for a in found.addresses if not re.match(r"/(?!/)|\?", a)] == []


@pytest.mark.parametrize("where", ["text", "kind", "status", "task_id", "model", "tag", "before"])
def test_hostile_queries_stay_text(client: FlaskClient, where: str) -> None:
    for payload in PAYLOADS:
        answer = client.get("/", query_string={where: payload})
        assert answer.status_code in {200, 404}
        found = Elements()
        found.feed(answer.text)
        assert found.handlers == []
        assert set(found.scripts) <= {"script /static/runs.js"}


def test_what_the_browser_has_already_is_not_sent_again(tmp_path: Path) -> None:
    with open_store(tmp_path / "runs.db") as store:
        client = create_app(store, token=None).test_client()
        first = client.get("/static/base.css", base_url="http://127.0.0.1:8765")
        again = client.get(
            "/static/base.css", base_url="http://127.0.0.1:8765", headers={"If-None-Match": first.headers["ETag"]}
        )
    assert (first.status_code, again.status_code, again.data) == (200, 304, b"")
    assert first.data == (ROOT / "viewer/static/base.css").read_bytes()


def test_the_page_of_a_comparison_tells_what_mattered_and_what_was_different_from_the_beginning(store: Store) -> None:
    runs = []
    for model, popup, last in (("model-one", False, "Return"), ("model-two", True, "Tab")):
        writer = store.begin_run(task="plain", model=model, machine={"driver": "painted"})
        for number, name in enumerate(["a", "b", "c", last]):
            writer.intend(Action("key", {"text": name}))
            shown = screen(note="abc"[:number], popup=popup and number > 0)
            writer.frame(shown, captured=Instant.now(), roles=[(number, FrameRole.BEFORE)])
            writer.finish(number, status=StepStatus.EXECUTED)
        writer.end()
        runs.append(writer.run_id)
    text = words(get(create_app(store, token=None).test_client(), f"/diff/{runs[0]}/{runs[1]}"))
    assert "at step A1 / B1, by the environment" in text
    assert "What mattered: at step A3 / B3" in text
    assert "another model" in text
    assert "model A model-one B model-two" in text
    assert "1 tolerated" in text
