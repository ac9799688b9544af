"""The screen of a machine that another process acts on: what is kept before and after each call."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from footage.machines.contract import Arrival, Gone, Over
from footage.machines.shared.call_inputs import Asked, InputSorter
from footage.recorder.screen.observed_machine import GONE, LATE, SEVERAL, UNSEEN, Screens
from footage.recorder.step_book import StepEntry
from footage.trajectory import Action, FrameRole, InputEvent, Instant, Screenshot
from recording import Tape, call, pixels, reply, request, result, text, user

if TYPE_CHECKING:
    import pytest

CLICK = Asked(0, Action("left_click", {"coordinate": [1, 2]}))
BEFORE, AFTER = FrameRole.BEFORE, FrameRole.AFTER


def shot(shade: int) -> Screenshot:
    return Screenshot(pixels(shade), Instant.now())


class Still:
    """A machine of which nothing but the screen is asked."""

    def __init__(self) -> None:
        self.shade = 1

    def screenshot(self) -> Screenshot:
        return shot(self.shade)


def test_screens_around_the_calls_of_another_process(tmp_path: Path) -> None:
    tape, machine = Tape(tmp_path), Still()
    screens = Screens(tape.run, machine)  # type: ignore[arg-type] # nothing else of a machine is used
    first = user("Add two numbers")
    tape.run.turn(
        request(first), reply(call("a", action="left_click", coordinate=[1, 2]), call("b", action="key", text="x"))
    )
    for machine.shade in (2, 3):
        time.sleep(0.25)
    said = {"role": "assistant", "content": [call("a"), call("b")]}
    results = user([result("a", text("Clicked.")), result("b", text("Pressed."))])
    tape.run.turn(request(first, said, results), reply(text("Done."), message_id="msg_2"))
    screens.close()
    seen = tape.read()
    assert (seen.shade(0, FrameRole.BEFORE), seen.shade(0, FrameRole.BETWEEN)) == ([1], [2])
    assert (seen.shade(1, FrameRole.BEFORE), seen.shade(1, FrameRole.AFTER)) == ([], [3])


def test_a_call_that_is_told_of_again_is_looked_at_once(tmp_path: Path) -> None:
    tape, machine = Tape(tmp_path), Still()
    screens = Screens(tape.run, machine)  # type: ignore[arg-type] # nothing else of a machine is used
    asked(tape, [click()])
    for machine.shade in (1, 3):  # a recorder that died, and the next
        screens.asked([CLICK], 1)
    screens.told([0], Instant.now().monotonic_ns)
    screens.told([0], Instant.now().monotonic_ns)
    screens.close()
    seen = tape.read()
    assert (seen.shade(0, BEFORE), seen.shade(0, AFTER), seen.gaps) == ([1], [3], [])


def test_a_call_that_nobody_answers_keeps_no_later_one_from_its_frames(tmp_path: Path) -> None:
    tape, machine = Tape(tmp_path), Still()
    screens = Screens(tape.run, machine)  # type: ignore[arg-type] # nothing else of a machine is used
    first, again = user("Add two numbers"), user("Add two numbers, again")
    tape.run.turn(request(first), reply(call("a", action="left_click", coordinate=[1, 2])))
    machine.shade = 2
    calls = (call("b", action="left_click", coordinate=[3, 4]), call("c", action="key", text="x"))
    tape.run.turn(request(again), reply(*calls, message_id="msg_2"))
    machine.shade = 3
    said = {"role": "assistant", "content": [call("b"), call("c")]}
    results = user([result("b", text("Clicked.")), result("c", text("Pressed."))])
    tape.run.turn(request(again, said, results), reply(text("Done."), message_id="msg_3"))
    screens.close()
    seen = tape.read()
    assert [seen.shade(0, role) for role in (FrameRole.BEFORE, FrameRole.AFTER)] == [[1], []]
    assert [seen.shade(1, role) for role in (FrameRole.BEFORE, FrameRole.AFTER)] == [[2], []]
    assert [seen.shade(2, role) for role in (FrameRole.BEFORE, FrameRole.AFTER)] == [[], [3]]
    assert [gap.step for gap in seen.gaps] == [2]  # which is in one reply with the one before


def test_only_calls_of_one_reply_are_told_as_several(tmp_path: Path) -> None:
    tape, machine = Tape(tmp_path), Still()
    asked(tape, [click(), click(), click()])
    screens = Screens(tape.run, machine)  # type: ignore[arg-type] # nothing else of a machine is used
    for step, since in ((0, 1), (1, 2), (2, 2)):
        screens.asked([Asked(step, click())], since)
    screens.close()
    assert [(gap.step, gap.reason) for gap in tape.read().gaps] == [(2, SEVERAL)]


def test_an_entry_without_a_place_in_the_store_is_no_trouble(tmp_path: Path) -> None:
    tape, machine = Tape(tmp_path), Still()
    screens = Screens(tape.run, machine)  # type: ignore[arg-type] # nothing else of a machine is used
    tape.run.wire.on_calls([StepEntry(Action("screenshot"), None)], Instant.now(), None)
    screens.close()
    assert tape.read().gaps == []


def test_a_frame_from_after_a_call_was_passed_on_is_not_called_before(tmp_path: Path) -> None:
    tape, machine = Tape(tmp_path), Still()
    asked(tape, [click()])
    screens = Screens(tape.run, machine)  # type: ignore[arg-type] # nothing else of a machine is used
    screens.asked([CLICK], 1, time.monotonic_ns() - 1)
    screens.told([0], Instant.now().monotonic_ns)
    screens.close()
    seen = tape.read()
    assert (seen.shade(0, BEFORE), seen.shade(0, AFTER)) == ([], [1])
    assert [(gap.step, gap.reason) for gap in seen.gaps] == [(0, LATE)]


# --- with a door ---


class Door:
    """A machine whose input passes a door: what comes is what a test sends, after a look at the shade from then."""

    def __init__(self) -> None:
        self.shade = 1
        self.hear: Callable[[Arrival | Over | Gone], None] = lambda _: None
        self.sorter = InputSorter()
        self.blind = False

    def screenshot(self) -> Screenshot:
        return shot(self.shade)

    def door(self) -> Door:
        return self

    def listen(self, hear: Callable[[Arrival | Over | Gone], None]) -> None:
        self.hear = hear

    def expect(self, calls: Sequence[Asked], since_ns: int) -> None:
        for found in self.sorter.expect(calls, since_ns):
            self.hear(Arrival(found))

    def answered(self, steps: Sequence[int], since_ns: int) -> None:
        moved = self.sorter.answered(steps, since_ns)
        self.hear(Over(tuple(steps), since_ns, tuple(moved)))

    def close(self) -> None:
        pass

    def send(self, kind: str, *values: str | int, then: int = 0) -> None:
        """Give it an event; its screen is `then` afterwards."""
        found = self.sorter.sort(InputEvent(kind, values, time.monotonic_ns()))
        self.hear(Arrival(found, shot(self.shade) if found.look and not self.blind else None))
        self.shade = then or self.shade

    def click(self, x: int, y: int, *, then: int) -> None:
        self.send("move", x, y)
        self.send("button_down", 1, x, y)
        self.send("button_up", 1, x, y, then=then)


def click(x: int = 1, y: int = 2) -> Action:
    return Action("left_click", {"coordinate": [x, y]})


def asked(tape: Tape, actions: Sequence[Action]) -> list[Asked]:
    """Store steps as another recorder does, and return them as they are told of."""
    entries = [tape.run.steps.intend([action], call_id=str(n))[0] for n, action in enumerate(actions)]
    return [Asked(entry.index, entry.action) for entry in entries if entry.index is not None]


def screens_of(tape: Tape, machine: Door) -> Screens:
    return Screens(tape.run, machine)  # type: ignore[arg-type] # nothing else of a machine is used


def test_each_call_of_a_reply_has_its_own_frames_and_input(tmp_path: Path) -> None:
    tape, machine = Tape(tmp_path), Door()
    calls = asked(tape, [click(1, 2), Action("type", {"text": "ab"}), Action("key", {"text": "Return"})])
    screens = screens_of(tape, machine)
    screens.asked(calls, 1)
    machine.click(1, 2, then=2)
    for key in "ab":
        machine.send("key_down", key)
        machine.send("key_up", key, then=3)
    machine.send("key_down", "Return")
    machine.send("key_up", "Return", then=4)
    screens.told([0, 1, 2], time.monotonic_ns())
    screens.close()
    seen = tape.read()
    assert [seen.shade(n, BEFORE) + seen.shade(n, AFTER) for n in range(3)] == [[1, 2], [2, 3], [3, 4]]
    assert [len(step.delivered or ()) for step in seen.steps] == [3, 4, 2]
    assert all(step.duration_ms is not None for step in seen.steps)
    assert seen.gaps == []


def test_a_look_between_two_clicks_is_passed_over(tmp_path: Path) -> None:
    tape, machine = Tape(tmp_path), Door()
    screens = screens_of(tape, machine)
    screens.asked(asked(tape, [click(1, 2), Action("screenshot"), click(30, 40)]), 1)
    machine.click(1, 2, then=2)
    machine.click(30, 40, then=3)
    screens.told([0, 1, 2], time.monotonic_ns())
    screens.close()
    seen = tape.read()
    assert [seen.shade(n, BEFORE) for n in range(3)] == [[1], [], [2]]
    assert [seen.shade(n, AFTER) for n in range(3)] == [[2], [2], [3]]
    assert seen.gaps == []


def test_input_ahead_of_the_news_of_its_call_is_the_calls_all_the_same(tmp_path: Path) -> None:
    tape, machine = Tape(tmp_path), Door()
    calls = asked(tape, [click()])
    screens = screens_of(tape, machine)
    since = time.monotonic_ns()
    machine.click(1, 2, then=2)
    screens.asked(calls, since, time.monotonic_ns() - 1)
    screens.told([0], time.monotonic_ns())
    screens.close()
    seen = tape.read()
    assert (seen.shade(0, BEFORE), seen.shade(0, AFTER), seen.gaps) == ([1], [2], [])
    assert seen.steps[0].delivered == (("move", 1, 2), ("button_down", 1, 1, 2), ("button_up", 1, 1, 2))


def test_a_call_without_input_has_the_screen_from_before_it_was_passed_on(tmp_path: Path) -> None:
    tape, machine = Tape(tmp_path), Door()
    screens = screens_of(tape, machine)
    screens.asked(asked(tape, [click()]), 1)
    machine.shade = 2  # by way of a debugging port
    screens.told([0], time.monotonic_ns())
    screens.close()
    seen = tape.read()
    assert (seen.shade(0, BEFORE), seen.shade(0, AFTER), seen.gaps) == ([1], [2], [])
    assert seen.steps[0].delivered == ()
    assert seen.steps[0].duration_ms is not None


def test_where_the_screen_could_not_be_seen_in_time_the_step_says_so(tmp_path: Path) -> None:
    tape, machine = Tape(tmp_path), Door()
    machine.blind = True
    screens = screens_of(tape, machine)
    screens.asked(asked(tape, [click()]), 1, time.monotonic_ns() - 1)
    machine.click(1, 2, then=2)
    screens.told([0], time.monotonic_ns())
    screens.close()
    seen = tape.read()
    assert (seen.shade(0, BEFORE), seen.shade(0, AFTER)) == ([], [2])
    assert [(gap.step, gap.reason) for gap in seen.gaps] == [(0, UNSEEN)]


def test_where_the_door_ends_the_run_says_so_at_once_and_goes_on_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tape, machine = Tape(tmp_path), Door()
    first, second = asked(tape, [click(1, 2), click(30, 40)])
    screens = screens_of(tape, machine)
    screens.asked([first], 1)
    machine.send("move", 1, 2, then=2)
    machine.hear(Gone())
    assert GONE in caplog.text
    screens.told([0], time.monotonic_ns())
    screens.asked([second], time.monotonic_ns())
    machine.shade = 3
    screens.told([1], time.monotonic_ns())
    screens.close()
    seen = tape.read()
    assert [seen.shade(n, BEFORE) + seen.shade(n, AFTER) for n in range(2)] == [[1, 2], [2, 3]]
    assert [step.delivered for step in seen.steps] == [None, None]
    assert [gap.reason for gap in seen.gaps] == [GONE]


def test_the_screen_after_a_step_is_from_before_the_next_one_begins(tmp_path: Path) -> None:
    tape, machine = Tape(tmp_path), Door()
    first, second = asked(tape, [click(1, 2), click(30, 40)])
    screens = screens_of(tape, machine)
    screens.asked([first], 1)
    machine.click(1, 2, then=2)
    since = time.monotonic_ns()
    screens.told([0], since)
    screens.asked([second], since)
    machine.click(30, 40, then=3)
    screens.told([1], time.monotonic_ns())
    screens.close()
    seen = tape.read()
    assert [seen.shade(n, BEFORE) + seen.shade(n, AFTER) for n in range(2)] == [[1, 2], [2, 3]]


class Busy(Door):
    """A door whose news of input is late: it is told when the next thing is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.late: list[Arrival | Over | Gone] = []
        self.looks = 0
        self.at_the_third: Callable[[], None] = lambda: None

    def listen(self, hear: Callable[[Arrival | Over | Gone], None]) -> None:
        self.tell, self.hear = hear, self.late.append

    def screenshot(self) -> Screenshot:
        self.looks += 1
        if self.looks == 3:
            self.at_the_third()
        return super().screenshot()

    def answered(self, steps: Sequence[int], since_ns: int) -> None:
        super().answered(steps, since_ns)
        late, self.late[:] = [*self.late], []
        for each in late:
            self.tell(each)


def test_a_screen_that_may_show_the_next_steps_input_is_not_the_one_after_a_step(tmp_path: Path) -> None:
    """What comes while the screen is watched for rest is told of late: the screen from before it counts."""
    tape, machine = Tape(tmp_path), Busy()
    first, second = asked(tape, [click(1, 2), click(30, 40)])
    screens = screens_of(tape, machine)
    screens._sampler.close()  # whose looks would be counted
    screens.asked([first], 1)
    machine.click(1, 2, then=2)
    machine.expect([second], 2)
    over = threading.Event()

    def click_meanwhile() -> None:
        machine.click(30, 40, then=3)
        over.set()

    machine.at_the_third = click_meanwhile
    screens.told([0], time.monotonic_ns())
    assert over.wait(10)
    screens.asked([second], 2, time.monotonic_ns() - 1)
    deadline = time.monotonic() + 10
    while any(each.rested_ns is None for each in screens._waiting) and time.monotonic() < deadline:
        time.sleep(0.01)
    screens.told([1], time.monotonic_ns())
    screens.close()
    seen = tape.read()
    assert [seen.shade(n, AFTER) for n in range(2)] == [[2], [3]]


def test_a_screen_from_before_a_steps_late_input_is_not_the_one_after_it(tmp_path: Path) -> None:
    """Its input is let in after the agent has asked on: what was begun then is the step itself, not the next."""
    tape, machine = Tape(tmp_path), Door()
    (first,) = asked(tape, [click(1, 2)])
    screens = screens_of(tape, machine)
    screens.asked([first], 1)
    since = time.monotonic_ns()
    machine.click(1, 2, then=2)
    screens.told([0], since)
    screens.close()
    seen = tape.read()
    assert (seen.shade(0, BEFORE), seen.shade(0, AFTER)) == ([1], [2])


def test_a_screen_from_before_the_input_of_the_call_before_is_not_before_a_call(tmp_path: Path) -> None:
    """The news of the call came before the machine had that input, and when its own came the screen was not seen."""
    tape, machine = Tape(tmp_path), Door()
    first, second = asked(tape, [click(1, 2), click(30, 40)])
    screens = screens_of(tape, machine)
    screens.asked([first], 1)
    screens.asked([second], 2)
    machine.click(1, 2, then=2)
    machine.blind = True
    machine.click(30, 40, then=3)
    screens.told([0, 1], time.monotonic_ns())
    screens.close()
    seen = tape.read()
    assert (seen.shade(0, BEFORE), seen.shade(1, BEFORE)) == ([1], [])
    assert [(gap.step, gap.reason) for gap in seen.gaps if gap.reason == UNSEEN] == [(1, UNSEEN)]


def test_input_ahead_of_the_news_that_the_call_before_is_over_is_not_that_ones(tmp_path: Path) -> None:
    tape, machine = Tape(tmp_path), Door()
    first, second = asked(tape, [click(1, 2), click(30, 40)])
    screens = screens_of(tape, machine)
    screens.asked([first], 1)
    machine.click(1, 2, then=2)
    time.sleep(0.11)  # a pause, as between any two replies
    since = time.monotonic_ns()
    machine.click(30, 40, then=3)
    screens.told([0], since)
    screens.asked([second], since, time.monotonic_ns() - 1)
    screens.told([1], time.monotonic_ns())
    screens.close()
    seen = tape.read()
    assert [seen.shade(n, BEFORE) + seen.shade(n, AFTER) for n in range(2)] == [[1, 2], [2, 3]]
    assert [step.delivered and step.delivered[0] for step in seen.steps] == [("move", 1, 2), ("move", 30, 40)]
    assert seen.gaps == []


def test_keys_that_spell_a_secret_are_not_stored(tmp_path: Path) -> None:
    tape, machine = Tape(tmp_path), Door()
    tape.run.guard.secrets.add("sesame99")
    screens = screens_of(tape, machine)
    screens.asked(asked(tape, [Action("type", {"text": "<password>"})]), 1)
    for key in "sesame99":
        machine.send("key_down", key)
        machine.send("key_up", key)
    screens.told([0], time.monotonic_ns())
    screens.close()
    assert tape.read().steps[0].delivered is None
