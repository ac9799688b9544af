"""What exact recordings are made of, where no virtual machine is needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from footage.errors import CannotDo, UsageError
from footage.machines.opening import open_machine
from footage.machines.qemu.exact import sameness
from footage.machines.qemu.exact.checkpoints import FIRST_GUESS, Checkpoints, thinnest
from footage.machines.qemu.exact.log_recorder import escaped
from footage.machines.qemu.guests.known_guests import Guest
from footage.machines.qemu.packing import Packing, unpack
from footage.recorder.recording import record
from footage.replay.exact.log_keeping import keeping
from footage.replay.exact.player import recording_of
from footage.replay.exact.unseen_frames import looks_between
from footage.storage import Store
from footage.trajectory import RunStatus


def test_the_checkpoint_with_the_closest_neighbours_goes_first() -> None:
    assert thinnest([0, 10, 12, 30]) == 1
    assert thinnest([0, 50, 60, 65]) == 2
    assert thinnest([0, 10]) is None


def packed(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(name.encode() * 1000)
    return path


def test_a_file_is_packed_beside_itself_and_unpacked_again(tmp_path: Path) -> None:
    packing = Packing(packed(tmp_path, "snapshot"))
    found = packing.wait()
    assert not (tmp_path / "snapshot").exists()
    assert found.stat().st_size < 1000
    unpack(found, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == b"snapshot" * 1000


def test_checkpoints_stay_within_their_budget_and_keep_the_last_one(tmp_path: Path) -> None:
    checkpoints = Checkpoints(3 * FIRST_GUESS)
    for number in (10, 20, 30):
        assert checkpoints.room()
        checkpoints.add(f"at-{number}", number, packed(tmp_path, f"at-{number}"))
        checkpoints.made[-1].packing._process.wait()
    budget = Checkpoints(0)
    assert not budget.room()
    assert [name for name, _, _ in checkpoints.finish()] == ["at-10", "at-20", "at-30"]
    assert checkpoints.dropped == 0


def test_a_full_budget_lets_go_of_a_checkpoint_with_its_file(tmp_path: Path) -> None:
    checkpoints = Checkpoints(4000)
    for number in (10, 20, 30):
        checkpoints.add(f"at-{number}", number, packed(tmp_path, f"at-{number}"))
        checkpoints.made[-1].packing.wait()
    each = max(made.packing.size for made in checkpoints.made)
    checkpoints._budget = 4 * each
    assert checkpoints.room()
    assert [made.icount for made in checkpoints.made] == [20, 30]
    assert checkpoints.dropped == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["at-20.zst", "at-30.zst"]
    checkpoints.cancel()
    assert list(tmp_path.iterdir()) == []


def test_looks_are_even_in_time_however_many_instructions_that_takes() -> None:
    # A second at rest (1,000 instructions), then a second of work (a million).
    timeline = [(0, 0), (1_000, 10**9), (1_001_000, 2 * 10**9)]
    looks = looks_between(timeline, 0, 1_001_000, count=3)
    assert looks == [500, 1_000, 501_000]
    assert len(looks_between(timeline, 0, 1_001_000, every_ms=100)) == 20
    assert looks_between(timeline, 400, 401, count=5) == []


def test_a_comma_in_a_path_is_doubled_for_qemu() -> None:
    assert escaped(Path("/a,b")) == "/a,,b"


def test_a_machine_that_cannot_record_itself_says_so() -> None:
    with pytest.raises(UsageError, match="cannot record itself"):
        open_machine("desktop", exact=True)


def test_a_run_without_an_exact_recording_is_refused(store: Store) -> None:
    writer = store.begin_run()
    writer.end()
    with pytest.raises(UsageError, match="not recorded exactly"):
        recording_of(store, writer.run_id)


@pytest.mark.usefixtures("needs_qemu")
def test_another_kernel_is_refused_by_name_unless_tried_anyway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Guest(
        "desktop", tmp_path, "kernel", "initrd", "quiet", 640, (1280, 800), (0, 0), {"kernel": "a", "initrd": "b"}
    )
    facts = sameness.facts_of(guest)
    assert sameness.changes(facts, guest) == []
    monkeypatch.setattr(sameness, "load_guest", lambda _: guest)
    assert sameness.same_guest(facts) is guest
    other = {**facts, "kernel": "c", "command": [*facts["command"], "-S"]}
    with pytest.raises(CannotDo, match=r"the guest's kernel is another one \(c then, a now\)"):
        sameness.same_guest(other)
    assert sameness.same_guest(other, anyway=True) is guest


def test_nobody_need_wait_until_a_recording_is_packed(store: Store) -> None:
    class Machine:
        facts: Any = None

        def finish(self, _on_progress: Callable[[int, int], None] | None = None) -> Any:
            raise KeyboardInterrupt

    machine: Any = Machine()
    with pytest.raises(KeyboardInterrupt), record("x", store=store, join=False) as run, keeping(store, run, machine):
        pass
    (found,) = store.runs()
    assert (found.status, found.guarantee) == (RunStatus.INTERRUPTED, None)
    reasons = [gap.reason for gap in store.gaps(found.id)]
    assert reasons == ["the exact recording is lost: nobody waited until it was packed"]
