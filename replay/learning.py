"""
Learning which regions of a run's screen change by themselves: the run again, several times, with nothing changed.

What differs between these replays at one and the same step cannot be anybody's doing but the screen's own: a clock, a
counter, a spinner. A replay goes on past a small place that is not as recorded; what is the same there in all replays
does not move, it is another content. One that differs in a large part of the screen teaches nothing.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from footage.analysis.screens.blobs import touches
from footage.analysis.screens.comparison_of_screens import ScreenVerdict, changed_regions
from footage.analysis.screens.volatile import LARGEST, joined, volatile_of
from footage.machines.contract import Machine
from footage.replay.anchor import Expectation, Screen, Sight
from footage.replay.engine import ReplayReport, begin_again, check_replayable, ending, play_steps
from footage.replay.steps import StepPlayer
from footage.storage import Store
from footage.trajectory import JSON, Pixels, Region, RunKind, Verdict

__all__ = ["Learned", "learn_from_replays"]

DEFAULT_PATIENCE = 5.0
"""Seconds that a recorded screen gets to come."""
_MARGIN = 4
"""Pixels around what was seen to change."""
_LINE, _BESIDE = 40, 6
"""What is no higher than this may be a line of text, and so many times its height is left out on both sides too."""
_ALL_TOGETHER = 3 * LARGEST
"""Share of the screen that may be volatile in all."""
_KEPT = 48
"""Screens that are kept in memory for comparing, at most."""
_SAME = {Verdict.REPRODUCED, Verdict.COSMETIC}

OnReplay = Callable[[int, ReplayReport], None]


@dataclass(slots=True)
class Learned:
    """What several replays of one run taught."""

    run: str
    replays: list[ReplayReport] = field(default_factory=list)
    regions: tuple[Region, ...] = ()
    """What changes by itself, those known before included."""

    still: tuple[Region, ...] = ()
    """What differs from the recording in the same way each time: it does not move, it is something else."""

    @property
    def complete(self) -> bool:
        """Whether every replay came to the end of the run."""
        return bool(self.replays) and all(replay.verdict in _SAME for replay in self.replays)

    @property
    def ok(self) -> bool:
        """Whether every replay came to its end, and all that differed moves."""
        return self.complete and not self.still

    def as_json(self) -> JSON:
        """Return the document of `footage machine check --volatile RUN --json`."""
        made = [{"run": r.run, "verdict": r.verdict, "why": _why(r)} for r in self.replays]
        regions = [region.as_list() for region in self.regions]
        still = [region.as_list() for region in self.still]
        return {"run": self.run, "ok": self.ok, "regions": regions, "still": still, "replays": made}


def _why(report: ReplayReport) -> str:
    return report.divergence.why if report.divergence else ""


def learn_from_replays(
    store: Store,
    reference: str,
    start: Callable[[], Machine],
    *,
    times: int = 3,
    timeout: float | None = None,
    on_replay: OnReplay | None = None,
) -> Learned:
    """
    Replay a run several times on machines that `start` starts, and keep with the run what changes by itself.

    `timeout` is how many seconds a recorded screen gets to come. Nothing is kept where a replay does not come to its
    end. Each replay is a run of the family. Raises what
    `replay_run` raises.
    """
    source = store.run(reference)
    check_replayable(source)
    learned = Learned(source.id, regions=volatile_of(source))
    evidence = _Evidence(learned.regions)
    for number in range(times):
        with closing(start()) as machine:
            writer = begin_again(store, source, RunKind.REPLAY, machine)
            report = ReplayReport(source.id, writer.run_id)
            with ending(writer):
                player = _Learner(store, source, writer, machine, timeout=timeout or DEFAULT_PATIENCE)
                player.evidence = evidence
                play_steps(player, range(len(player.steps)), report, None)
                writer.end(verdict=report.verdict, divergence=report.divergence)
        learned.replays.append(report)
        if on_replay:
            on_replay(number, report)
        if report.verdict not in _SAME:
            return learned
    learned.regions, learned.still = evidence.moving, evidence.still
    store.set_volatile(source.id, learned.regions)
    return learned


def _with_its_line(region: Region) -> Region:
    """Return a region with what stands beside it: when a clock's seconds change now, its minutes will, later."""
    beside = _BESIDE * region.height if region.height <= _LINE else _MARGIN
    left, top = max(region.x - beside, 0), max(region.y - _MARGIN, 0)
    return Region(left, top, region.right + beside - left, region.bottom + _MARGIN - top)


class _Evidence:
    """What several replays saw where they differed from the recording, and what of that moves."""

    def __init__(self, known: Sequence[Region]) -> None:
        self.moving: tuple[Region, ...] = tuple(known)
        self.differing: tuple[Region, ...] = ()
        """Everything that differed from the recording."""
        self._seen: dict[int, list[Pixels]] = defaultdict(list)

    @property
    def still(self) -> tuple[Region, ...]:
        """What differs from the recording, and was the same in all replays: another content, nothing that moves."""
        return tuple(region for region in self.differing if not touches(region, self.moving))

    def ignored(self, regions: Sequence[Region]) -> tuple[Region, ...]:
        """Return what is left out for the time being, besides these regions."""
        return joined([*self.moving, *self.differing, *map(_with_its_line, regions)])

    def take(self, expected: Pixels, seen: Pixels, regions: Sequence[Region]) -> None:
        """Take a screen that differs in these regions; what differs from the last replay's at this step moves."""
        self.differing = joined([*self.differing, *map(_with_its_line, regions)])
        if not self.still:
            return
        before = self._seen[zlib.crc32(expected.data)]
        for other in before:
            changed = changed_regions(other, seen) if other.shape == seen.shape else ()
            self.moving = joined([*self.moving, *map(_with_its_line, changed)])
        if sum(map(len, self._seen.values())) < _KEPT:
            before.append(seen)


class _Learner(StepPlayer):
    """Plays steps, and goes on where a small place stays different."""

    evidence: _Evidence

    def _see(self, machine: Screen, expected: Expectation, later: Sequence[Expectation]) -> Sight:
        self.volatile = self.evidence.moving
        sight = super()._see(machine, replace(expected, volatile=self.evidence.ignored(())), later)
        if sight.found or sight.difference.resized or not sight.difference.regions:
            self._look_again(expected, sight)
            return sight
        regions = self.evidence.ignored(sight.difference.regions)
        height, width = expected.pixels.shape[:2]
        areas = [region.width * region.height / (width * height) for region in regions]
        if max(areas) > LARGEST or sum(areas) > _ALL_TOGETHER:
            return sight
        difference = replace(expected, volatile=regions).compare(sight.screenshot.pixels)
        if difference.kind is ScreenVerdict.MATERIAL:
            return sight
        self.evidence.take(expected.pixels, sight.screenshot.pixels, sight.difference.regions)
        return Sight(sight.screenshot, difference)

    def _look_again(self, expected: Expectation, sight: Sight) -> None:
        """Compare a screen that was accepted with those of other replays, where something is not known to move yet."""
        if sight.found and not sight.difference.resized and self.evidence.still:
            self.evidence.take(expected.pixels, sight.screenshot.pixels, ())
