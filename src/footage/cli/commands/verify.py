"""`footage verify`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from footage.cli.shared.hints import spelled
from footage.cli.shared.options import json_option, sample_option, store_option, with_examples
from footage.cli.shared.printing.terminal import console, counting
from footage.cli.shared.printing.text import clean, counted
from footage.cli.shared.store_opening import open_for, print_json
from footage.errors import StoreCorrupt
from footage.storage import Store, VerifyReport, verify_store
from footage.storage.redaction.redact import pending_redactions

__all__ = ["command"]


@with_examples("footage verify", "footage verify --store runs.db --json")
@sample_option
@store_option
@json_option
def command(store: Path | None, sample: bool, as_json: bool) -> int:
    """Check every picture, request and event of the store.

    Exit code 1 where something is damaged. A gap is known, and so no damage.
    """
    with _opened(store, sample=sample) as opened, counting("checking", hidden=as_json) as tick:
        report = verify_store(opened, on_progress=tick)
        unproved = pending_redactions(opened)
    if as_json:
        print_json(report.as_json())
    else:
        _print(report, store)
        if unproved:
            told = "A redaction was interrupted: old bytes may be in the file. Finish it: footage redact --finish"
            console().print(spelled(told, store), style="yellow", soft_wrap=True)
    return 0 if report.ok else 1


def _opened(store: Path | None, *, sample: bool) -> Store:
    """Open the store; one that cannot even be opened is past what this command can tell."""
    try:
        return open_for(store, sample=sample)
    except StoreCorrupt as error:
        raise StoreCorrupt(error.message, hint="It cannot be read at all: take a copy of it, or a backup.") from error


def _print(report: VerifyReport, store: Path | None) -> None:
    out = console()
    for bad in report.bad:
        out.print(clean(f"✗ {bad.kind} {bad.id}: {bad.why}"), style="red")
    for (run, step, reason), times in Counter((gap["run"], gap["step"], gap["reason"]) for gap in report.gaps).items():
        where = "" if step is None else f", step {step}"
        out.print(clean(f"{'gap' if times == 1 else f'{times} gaps'} in run {run}{where}: {reason}"), style="yellow")
    said = f"{counted(report.pictures, 'picture')} and {counted(report.requests, 'request')} checked"
    out.print(f"ok: {said}" if report.ok else f"damaged: {said}", style="green" if report.ok else "red")
    if not report.ok:
        told = "Copy the file aside first. What is whole can be saved: footage export RUN -o run.footage"
        out.print(spelled(told, store), style="dim", soft_wrap=True)
