"""Requests: stored at linear cost, rebuilt as they were sent."""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drawn import page, pixels
from footage.errors import StoreCorrupt, UsageError
from footage.providers.blocks_in_text import blocks_in_text
from footage.storage import RunWriter, Store, open_store
from footage.storage.pictures.decoding import decode_picture
from footage.storage.requests.chains import FULL_EVERY, apply_edits, edits_between
from footage.trajectory import JSON, Parent, Pixels
from samples import ask, call, encoded, image_block, noise, result

LONE = "half a \ud83d pair"
TOOLS = [{"type": "computer_20251124", "name": "computer", "display_width_px": 640, "display_height_px": 400}]
MARK = {"cache_control": {"type": "ephemeral"}}


@pytest.fixture
def writer(store: Store) -> Iterator[RunWriter]:
    begun = store.begin_run(task="look around")
    yield begun
    begun.end()


def body(*messages: JSON, system: str = "You act on a computer.") -> JSON:
    return {"model": "m", "max_tokens": 1000, "system": system, "messages": list(messages), "tools": TOOLS}


def screen(seed: int) -> Pixels:
    picture = pixels(page("Desk", lines=4))
    picture[seed : seed + 2, 50:90] = (seed, 255 - seed, 0)
    return picture


def history(steps: int) -> list[JSON]:
    """Return a task and so many looks at the screen."""
    messages: list[JSON] = [{"role": "user", "content": "Look around."}]
    for i in range(steps):
        messages += [call(f"c{i}"), result(f"c{i}", image_block(encoded(screen(i))))]
    return messages


def turn_id(store: Store, number: int, run: str = "@1") -> int:
    return next(turn.id for turn in store.turns(run) if turn.number == number)


def rebuilt(store: Store, number: int, run: str = "@1") -> JSON:
    found = store.request(turn_id(store, number, run), pictures=True)
    assert found is not None
    return found


def count(store: Store, table: str) -> int:
    return int(store.database.rows(f"SELECT count(*) FROM {table}")[0][0])


def without_data(value: Any) -> Any:
    """Return a JSON value with each base64 picture replaced by its pixels, as a list can be compared."""
    if isinstance(value, list):
        return [without_data(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "base64":
        return decode_picture(base64.b64decode(value["data"])).pixels.tobytes()
    return {key: without_data(item) for key, item in value.items()}


# --- rebuilt as sent ---


def test_every_request_of_a_growing_history_comes_back_as_sent(store: Store, writer: RunWriter) -> None:
    messages = history(8)
    sent = [body(*messages[: 1 + 2 * i]) for i in range(9)]
    for request in sent:
        ask(writer, copy.deepcopy(request))
    for number, request in enumerate(sent):
        assert without_data(rebuilt(store, number)) == without_data(request)
    assert count(store, "picture") == 8
    assert count(store, "document") == len(messages) + 1


def test_keys_come_back_in_their_order(store: Store, writer: RunWriter) -> None:
    ask(writer, body({"role": "user", "content": [{"text": "x", "type": "text"}]}))
    assert json.dumps(rebuilt(store, 0)) == json.dumps(
        body({"role": "user", "content": [{"text": "x", "type": "text"}]})
    )


def test_a_picture_is_named_by_its_id_and_by_the_hash_of_the_bytes_sent(store: Store, writer: RunWriter) -> None:
    import hashlib

    data = encoded(screen(3))
    ask(writer, body(result("c", image_block(data))))
    found = store.request(turn_id(store, 0))
    assert found is not None
    source = found["messages"][0]["content"][0]["content"][0]["source"]
    assert source["type"] == "footage"
    assert source["media_type"] == "image/png"
    assert source["sha256"] == hashlib.sha256(data).hexdigest()
    assert np.array_equal(store.pixels(source["picture"]), screen(3))


def test_a_jpeg_comes_back_byte_for_byte(store: Store, writer: RunWriter) -> None:
    request = body(result("c", image_block(encoded(page("Desk"), "JPEG"), "image/jpeg")))
    ask(writer, copy.deepcopy(request))
    assert rebuilt(store, 0) == request


def test_the_screen_a_frame_shows_and_the_one_the_model_was_sent_are_one_picture(
    store: Store, writer: RunWriter
) -> None:
    from footage.trajectory import Instant

    frame = store.frame(writer.frame(screen(1), captured=Instant.now()))
    ask(writer, body(result("c", image_block(encoded(screen(1))))))
    found = store.request(turn_id(store, 0))
    assert found is not None
    assert found["messages"][0]["content"][0]["content"][0]["source"]["picture"] == frame.picture


# --- what agents do to their histories ---


def test_pruned_pictures(store: Store, writer: RunWriter) -> None:
    sent = []
    for steps in range(1, 8):
        messages = history(steps)
        for message in messages[2:-4:2]:  # only the newest two are kept
            message["content"][0]["content"] = [{"type": "text", "text": "(pruned)"}]
        sent.append(body(*messages))
        ask(writer, copy.deepcopy(sent[-1]))
    for number, request in enumerate(sent):
        assert without_data(rebuilt(store, number)) == without_data(request)
    assert count(store, "picture") == 7


def test_moved_cache_marks(store: Store, writer: RunWriter) -> None:
    sent = []
    for steps in range(1, 8):
        messages = history(steps)
        messages[-1]["content"][-1] |= MARK
        sent.append(body(*messages))
        ask(writer, copy.deepcopy(sent[-1]))
    for number, request in enumerate(sent):
        assert without_data(rebuilt(store, number)) == without_data(request)


def test_a_moved_cache_mark_costs_no_document(store: Store, writer: RunWriter) -> None:
    messages = history(6)
    for steps in range(1, 7):
        marked = copy.deepcopy(messages[: 1 + 2 * steps])
        for message in marked[-1:0:-2][:3]:
            message["content"][-1] |= MARK
        ask(writer, body(*marked))
    assert count(store, "document") == len(messages) + 1


MARKED: dict[str, JSON] = {
    "first": {"cache_control": {"type": "ephemeral"}, "role": "user", "content": "x"},
    "in the middle": {"role": "user", "cache_control": {"type": "ephemeral", "ttl": "1h"}, "content": "x"},
    "last": {"role": "user", "content": [{"type": "text", "text": "x", **MARK}, {"type": "text", "text": "y"}]},
    "alone": {"role": "user", "content": [{"cache_control": None}]},
    "several": {"role": "user", "content": [{"a": [{**MARK, "b": 1}], **MARK}, {"c": {"d": {"e": 1, **MARK}}}], **MARK},
    "in a mark": {"cache_control": {"cache_control": [1], "x": 2}},
    "with odd values": {"cache_control": [LONE, 1.5, None, {LONE: "é"}]},
    "named in a text only": {"role": "user", "content": "what is cache_control?"},
}


@pytest.mark.parametrize("message", MARKED.values(), ids=MARKED.keys())
def test_cache_marks_come_back_where_they_were(store: Store, writer: RunWriter, message: JSON) -> None:
    request = body({"role": "user", "content": "before"}, message, {"role": "user", "content": "after"})
    ask(writer, copy.deepcopy(request))
    assert json.dumps(rebuilt(store, 0)) == json.dumps(request)


def test_a_history_that_is_changed_in_place_is_stored_as_it_was(store: Store, writer: RunWriter) -> None:
    messages = history(2)
    ask(writer, body(*messages))
    before = without_data(body(*messages))
    messages[2]["content"][0]["content"][0]["source"]["data"] = image_block(encoded(screen(9)))["source"]["data"]
    messages[1]["content"][0]["text"] = "changed"
    ask(writer, body(*messages))
    assert without_data(rebuilt(store, 0)) == before
    assert without_data(rebuilt(store, 1)) == without_data(body(*messages))


def test_messages_that_only_python_takes_for_equal_are_told_apart(store: Store, writer: RunWriter) -> None:
    sent: list[JSON] = [
        {"a": 1, "b": 0},
        {"a": True, "b": 0},
        {"a": 1.0, "b": False},
        {"b": 0, "a": 1},
        {"a": 1, "b": -0.0},
    ]
    for message in sent:
        ask(writer, body(message))
    for number, message in enumerate(sent):
        assert json.dumps(rebuilt(store, number)["messages"]) == json.dumps([message])


def test_another_system_prompt_costs_a_document(store: Store, writer: RunWriter) -> None:
    messages = history(3)
    for system in ("one", "two", "one"):
        ask(writer, body(*messages, system=system))
    assert [rebuilt(store, number)["system"] for number in range(3)] == ["one", "two", "one"]
    assert count(store, "document") == len(messages) + 2


def test_compacted_and_restored_histories(store: Store, writer: RunWriter) -> None:
    messages = history(6)
    summary: JSON = {"role": "user", "content": "What came before, in short: …"}
    sent = [body(*messages), body(summary, *messages[-2:]), body(*messages), body(*reversed(messages)), body()]
    for request in sent:
        ask(writer, copy.deepcopy(request))
    for number, request in enumerate(sent):
        assert without_data(rebuilt(store, number)) == without_data(request)


def test_several_conversations_do_not_disturb_each_other(store: Store, writer: RunWriter) -> None:
    main, title = writer.conversation("main"), writer.conversation("title")
    sent = []
    for steps in range(5):
        sent.append(body(*history(steps)))
        ask(writer, copy.deepcopy(sent[-1]), conversation=main)
        sent.append(body({"role": "user", "content": f"A title, try {steps}"}, system="titles"))
        ask(writer, copy.deepcopy(sent[-1]), conversation=title)
    for number, request in enumerate(sent):
        assert without_data(rebuilt(store, number)) == without_data(request)
    edits = [json.loads(row["edits"]) for row in store.database.rows("SELECT edits FROM request ORDER BY id")]
    assert all(len(edit) <= 3 for edit in edits)


def test_a_second_process_goes_on_where_the_first_one_stopped(store: Store, writer: RunWriter) -> None:
    messages = history(4)
    ask(writer, body(*messages[:5]))
    with open_store(store.path) as again:
        joined = again.join_run(writer.run_id, layer="proxy")
        ask(joined, body(*messages[:7]))
        joined.leave()
    ask(writer, body(*messages))
    for number, length in enumerate((5, 7, 9)):
        assert without_data(rebuilt(store, number)) == without_data(body(*messages[:length]))
    assert count(store, "document") == len(messages) + 1


def test_a_fork_copies_requests_of_its_family_without_storing_them_again(store: Store, writer: RunWriter) -> None:
    messages = history(3)
    ask(writer, body(*messages))
    source = store.turns(writer.run_id)[0]
    fork = store.begin_run(parent=Parent(writer.run_id, 0))
    copied = store.request(source.id)
    assert copied is not None
    ask(fork, copied, copied_from=source.id)
    ask(fork, body(*messages, {"role": "user", "content": "another way"}))
    assert without_data(rebuilt(store, 0, fork.run_id)) == without_data(body(*messages))
    assert count(store, "picture") == 3
    assert count(store, "document") == len(messages) + 2


@pytest.mark.parametrize("turns", [FULL_EVERY, FULL_EVERY + 1, FULL_EVERY + 2, 2 * FULL_EVERY + 5])
def test_chains_are_cut_by_a_full_list(store: Store, writer: RunWriter, turns: int) -> None:
    messages: list[JSON] = [{"role": "user", "content": f"message {i}"} for i in range(turns)]
    for i in range(turns):
        ask(writer, body(*messages[: i + 1]))
    for number in {0, FULL_EVERY - 1, min(FULL_EVERY, turns - 1), turns - 1}:
        assert rebuilt(store, number) == body(*messages[: number + 1])
    full = store.database.rows("SELECT id FROM request WHERE predecessor IS NULL")
    assert len(full) == 1 + (turns - 1) // (FULL_EVERY + 1)


def test_a_long_chain_goes_on_in_another_process_and_is_cut_there(store: Store, writer: RunWriter) -> None:
    for i in range(FULL_EVERY - 1):
        ask(writer, body({"role": "user", "content": f"message {i}"}))
    joined = store.join_run(writer.run_id, layer="proxy")
    for i in range(5):
        ask(joined, body({"role": "user", "content": f"joined {i}"}))
    joined.leave()
    assert rebuilt(store, FULL_EVERY + 3) == body({"role": "user", "content": "joined 4"})
    assert len(store.database.rows("SELECT id FROM request WHERE predecessor IS NULL")) == 2


# --- edits ---


@pytest.mark.parametrize("seed", range(30))
def test_any_list_is_made_from_any_other(seed: int) -> None:
    chance = random.Random(seed)
    before = [chance.randrange(12) for _ in range(chance.randrange(30))]
    after = [chance.randrange(16) for _ in range(chance.randrange(30))]
    assert apply_edits(before, edits_between(before, after)) == after
    longer = [*before, *after]
    assert apply_edits(before, edits_between(before, longer)) == longer


def test_a_history_of_equal_messages_is_one_range() -> None:
    before = [1, 2] * 500
    assert edits_between(before, [*before, 3]) == [[0, 1000], 3]


@pytest.mark.parametrize("edits", [[[0, 9]], [[-1, 2]], [[4, 1]]])
def test_a_range_that_is_not_there_is_refused(edits: list[list[int] | int]) -> None:
    with pytest.raises(StoreCorrupt):
        apply_edits([1, 2, 3], edits)


# --- strange bodies ---


JPEG = base64.b64encode(encoded(noise(40, 30), "JPEG")).decode()
SPELLED_OUT = json.dumps(
    [
        {"type": "text", "text": 'a "quoted" {word} é'},
        *[{"type": "image-data", "data": JPEG, "mediaType": "image/jpeg"}] * 2,
    ],
    separators=(",", ":"),
)
"""What a client writes where a model API takes text alone. A JPEG comes back byte for byte."""

STRANGE: dict[str, JSON] = {
    "empty": {},
    "no messages": {"model": "m", "prompt": "hello"},
    "an empty list": {"messages": []},
    "null": {"messages": None, "model": "m"},
    "a string": {"messages": "hello"},
    "an object": {"messages": {"0": {"role": "user"}}},
    "strings in the list": {"messages": ["hello", None, 3, ["nested", {"a": []}]]},
    "twice the same": {"messages": [{"role": "user", "content": "x"}] * 3},
    "lone surrogates": {"messages": [{"role": "user", "content": LONE, LONE: 1}], "system": LONE},
    "control characters": {"messages": [{"role": "user", "content": "\x00\x1b[2J\u2028\ufeff\u202e"}]},
    "numbers": {"messages": [{"n": [1, 1.0, -0.0, 1e300, 10**40, True]}]},
    "a url for a picture": {
        "messages": [{"type": "image", "source": {"type": "url", "url": "https://a.example/x.png"}}]
    },
    "no base64": {"messages": [{"type": "image", "source": {"type": "base64", "data": "{b64_img}"}}]},
    "base64 of no picture": {"messages": [{"type": "image", "source": {"type": "base64", "data": "aGVsbG8="}}]},
    "data of another type": {"messages": [{"type": "image", "source": {"type": "base64", "data": [1, 2]}}]},
    "a source that is text": {"messages": [{"type": "image", "source": "screen.png"}]},
    "our own mark": {"messages": [{"type": "image", "source": {"type": "footage", "picture": 1, "sha256": "00"}}]},
    "our own mark elsewhere": {
        "messages": [{"type": "footage", "picture": 1}],
        "x": {"type": "footage", "literal": {}},
    },
    "our mark for a mark": {"messages": [{"type": "image", "source": {"type": "footage", "literal": {"a": 1}}}]},
    "a picture in the system prompt": {"system": [image_block(encoded(noise(9, 9), "JPEG"))], "messages": []},
    "our own mark as a text": {
        "messages": [
            {"role": "tool", "content": {"type": "footage", "as": "text", "parts": [{"type": "footage", "picture": 1}]}}
        ]
    },
    "our own mark as a text of no parts": {"messages": [{"type": "footage", "as": "text", "parts": 7}]},
    "a text of base64 that is no picture": {
        "messages": [{"role": "tool", "content": '[{"data":"' + "QUJD" * 30 + '"}]'}]
    },
    "a picture in a text": {"messages": [{"role": "tool", "content": SPELLED_OUT, "tool_call_id": "c"}]},
    "deep": {"messages": [json.loads("[" * 200 + "]" * 200)]},
}


@pytest.mark.parametrize("request_body", STRANGE.values(), ids=STRANGE.keys())
def test_a_strange_body_comes_back_as_it_was(store: Store, writer: RunWriter, request_body: JSON) -> None:
    ask(writer, body({"role": "user", "content": "before"}))
    ask(writer, copy.deepcopy(request_body))
    ask(writer, body({"role": "user", "content": "after"}))
    assert rebuilt(store, 1) == request_body
    assert list(rebuilt(store, 1)) == list(request_body)
    assert rebuilt(store, 2)["messages"] == [{"role": "user", "content": "after"}]


def test_pictures_in_a_text_are_stored_once_and_named(store: Store, writer: RunWriter) -> None:
    ask(writer, body({"role": "tool", "content": SPELLED_OUT}))
    ask(writer, body({"role": "tool", "content": SPELLED_OUT}, {"role": "user", "content": "More"}))
    assert count(store, "picture") == 1
    assert JPEG[:200].encode() not in b"".join(row[0] for row in store.database.rows("SELECT body FROM document"))
    kept = store.request(turn_id(store, 0))
    assert kept is not None
    (_, picture, again) = blocks_in_text(kept["messages"][0]["content"]) or []
    assert picture == again
    assert (picture["source"]["type"], picture["source"]["picture"]) == ("footage", 1)


def test_no_request_can_name_a_picture_of_another_run(store: Store, writer: RunWriter) -> None:
    secret = store.begin_run(task="private")
    ask(secret, body(result("c", image_block(encoded(screen(1))))))
    picture = store.database.rows("SELECT id FROM picture")[0][0]
    stolen = body(result("c", {"type": "image", "source": {"type": "footage", "picture": picture}}))
    ask(writer, copy.deepcopy(stolen))
    assert rebuilt(store, 0, writer.run_id) == stolen


def test_what_is_no_json_is_stored_as_its_text(store: Store, writer: RunWriter) -> None:
    ask(writer, body({"role": "user", "content": Path("/tmp/x")}))
    assert rebuilt(store, 0)["messages"] == [{"role": "user", "content": "/tmp/x"}]


def test_tuples_are_lists(store: Store, writer: RunWriter) -> None:
    ask(writer, {"messages": ({"role": "user", "content": (1, 2)},)})
    assert rebuilt(store, 0) == {"messages": [{"role": "user", "content": [1, 2]}]}


def circle() -> JSON:
    loop: JSON = {}
    loop["messages"] = [loop]
    return loop


@pytest.mark.parametrize("wrong", [[], "x", 3.5, circle(), {"messages": [{(1, 2): 3}]}])
def test_a_body_that_cannot_be_json_is_refused_and_the_run_goes_on(store: Store, writer: RunWriter, wrong: Any) -> None:
    with pytest.raises(UsageError):
        ask(writer, wrong)
    assert count(store, "turn") == count(store, "event") == 0
    ask(writer, body())
    assert rebuilt(store, 0) == body()


def test_a_turn_without_a_request_has_none(store: Store, writer: RunWriter) -> None:
    from footage.trajectory import Instant

    writer.begin_turn(model="m", started=Instant.now())
    assert store.request(turn_id(store, 0)) is None
    assert store.request(999) is None


# --- rolled back, damaged ---


def test_what_was_rolled_back_is_not_built_upon(store: Store, writer: RunWriter) -> None:
    messages = history(3)
    ask(writer, body(*messages[:3]))
    with contextlib.suppress(ZeroDivisionError), store.database.transaction():
        ask(writer, body(*messages[:5]))
        _ = 1 / 0
    other = store.begin_run()
    ask(other, body(*(message | {"n": 1} for message in history(3))))  # takes the ids that were given back
    ask(writer, body(*messages))
    assert without_data(rebuilt(store, 1, writer.run_id)) == without_data(body(*messages))


DAMAGES = {
    "a changed text": "UPDATE document SET body = CAST(replace(CAST(body AS TEXT), 'Look', 'Took') AS BLOB)",
    "a document gone": "DELETE FROM document WHERE id = 2",
    "a document that is no JSON": "UPDATE document SET body = x'ff'",
    "edits that are no JSON": "UPDATE request SET edits = '[['",
    "edits of a wrong kind": "UPDATE request SET edits = '{}' WHERE predecessor IS NULL",
    "edits of wrong values": "UPDATE request SET edits = '[\"x\", null]'",
    "edits out of range": "UPDATE request SET edits = '[[0, 99]]'",
    "edits of other messages": "UPDATE request SET edits = '[1, 1, 1]'",
    "another hash": "UPDATE request SET sha256 = 'ffff'",
    "marks that moved": "UPDATE request SET edits = replace(edits, '\"marks\":[[4', '\"marks\":[[0')",
    "marks that are gone": "UPDATE request SET edits = '[1,2,3,5,6]' WHERE id = 3",
    "marks of a wrong kind": "UPDATE request SET edits = '[1,2,3,5,6,{\"marks\":7}]'",
    "a chain without end": "UPDATE request SET predecessor = id",
    "a chain without beginning": "UPDATE request SET predecessor = 4711 WHERE predecessor IS NULL",
    "another rest": "UPDATE request SET rest = 1",
}


@pytest.mark.parametrize("sql", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_request_is_never_rebuilt(store: Store, writer: RunWriter, sql: str) -> None:
    for steps in range(3):
        messages = history(steps)
        messages[-1] |= MARK
        ask(writer, body(*messages))
    with store.database.transaction() as connection:
        connection.execute(sql)
    with pytest.raises(StoreCorrupt, match="damaged"):
        store.request(turn_id(store, 2))
