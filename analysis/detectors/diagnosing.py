"""Running detectors over a run, and keeping what they notice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from footage import plugins
from footage.analysis.detectors.contract import Abstained, Detector, ExaminedRun, Noticed
from footage.errors import PluginBroken, RunNotFound, StoreError, UsageError
from footage.plugins import Plugin
from footage.storage import Store
from footage.storage.findings import keep_findings
from footage.trajectory import Finding, Run, RunStatus

__all__ = ["Diagnosis", "Looked", "diagnose", "findings_by", "look"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the detectors said of a run."""

    run: str
    rules: tuple[str, ...]
    """Those that looked at it: `NAME/VERSION` each."""
    findings: tuple[Finding, ...]
    """In the order of their steps; what is about the whole run comes first."""
    listed: frozenset[str]
    """Kinds that are no alarm: good runs show them too."""
    abstained: tuple[tuple[str, Abstained], ...]
    """What could not be judged: the detector's name, and why."""
    broken: tuple[PluginBroken, ...]
    """Detectors that could not be loaded, or failed; what they found before stays as it was."""

    @property
    def alarms(self) -> list[Finding]:
        """The findings that are no mere list."""
        return [finding for finding in self.findings if finding.kind not in self.listed]


def diagnose(store: Store, reference: str, detectors: Sequence[str] = (), *, keep: bool = True) -> Diagnosis:
    """
    Run the named detectors over a run, or all that are installed; `keep` keeps with the run what they find.

    What a detector found there earlier is replaced. Raises RunNotFound, UsageError (an unknown detector, a run that is
    still being recorded).
    """
    run = store.run(reference)
    if run.status is RunStatus.RECORDING:
        raise UsageError(f"Run {run.id} is still being recorded.", hint="Diagnose it when it is over.")
    chosen = [plugins.find("detector", name) for name in detectors] or [*plugins.installed("detector").values()]
    examined = ExaminedRun(store, run)
    rules, findings, abstained, broken = list[str](), list[Finding](), list[tuple[str, Abstained]](), []
    listed: set[str] = set()
    for plugin in dict.fromkeys(chosen):
        try:
            looked = look(plugin, store, examined)
            rule = f"{plugin.name}/{plugin.load().VERSION}"
        except PluginBroken as problem:
            broken.append(problem)
            continue
        rules.append(rule)
        findings += looked.findings
        abstained += [(plugin.name, each) for each in looked.abstained]
        listed |= set(getattr(plugin.load(), "LISTED", ()))
        if keep:
            keep_findings(store, run.id, plugin.name, looked.findings)
    findings.sort(key=lambda finding: -1 if finding.step is None else finding.step)
    return Diagnosis(run.id, tuple(rules), tuple(findings), frozenset(listed), tuple(abstained), tuple(broken))


@dataclass(frozen=True, slots=True)
class Looked:
    """What one detector said of a run."""

    findings: list[Finding]
    abstained: list[Abstained]
    """What it could not judge."""


def findings_by(plugin: Plugin, store: Store, run: Run) -> list[Finding]:
    """Return what one detector notices in a run. Raises PluginBroken where it fails, or says what it may not."""
    return look(plugin, store, ExaminedRun(store, run)).findings


def look(plugin: Plugin, store: Store, examined: ExaminedRun) -> Looked:
    """Let one detector look at a run. Raises PluginBroken where it fails, or says what it may not."""
    detector: Detector = plugin.load()
    run = examined.run
    try:
        said = list(detector.detect(examined))
        noticed = [each for each in said if not isinstance(each, Abstained)]
        found = [_finding(detector, store, run, each) for each in noticed]
        return Looked(found, [each for each in said if isinstance(each, Abstained)])
    except (StoreError, RunNotFound):
        raise  # the store's trouble, and not the detector's
    except Exception as error:
        hint = f"Leave it out (--detector names others), mend it, or remove it: pip uninstall {plugin.package}."
        raise plugin.broken(f"failed on run {run.id}", error, hint) from error


def _finding(detector: Detector, store: Store, run: Run, noticed: Noticed) -> Finding:
    """Return what is kept of what a detector noticed. Raises ValueError for what cannot be true of the run."""
    if noticed.kind not in detector.KINDS:
        raise ValueError(f"it found {noticed.kind!r}, which is none of its KINDS")
    if noticed.step is not None and not 0 <= noticed.step < run.steps:
        raise ValueError(f"it found something at step {noticed.step}, which the run does not have")
    if not noticed.message.strip():
        raise ValueError("it found something, and says nothing of it")
    if not 0 <= noticed.confidence <= 1:
        raise ValueError(f"its confidence {noticed.confidence} is not from 0 to 1")
    for frame in noticed.evidence:
        if store.frame(frame.id).run != run.id:
            raise ValueError(f"its evidence, frame {frame.id}, is of another run")
    return Finding(
        run.id,
        noticed.step,
        noticed.kind,
        noticed.message,
        float(noticed.confidence),
        noticed.region,
        tuple(frame.id for frame in noticed.evidence),
        f"{detector.NAME}/{detector.VERSION}",
    )
