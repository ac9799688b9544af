"""`footage proxy`: the recording proxy alone, for several agents."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from footage.cli.commands.record import named_secrets, provider_option, secret_option, stand_in_option
from footage.cli.shared.options import store_option, with_examples
from footage.cli.shared.printing.losses import tell_losses
from footage.cli.shared.services import services

if TYPE_CHECKING:
    from footage.trajectory import JSON

__all__ = ["command"]

_LOOK_SECONDS = 1.0


@with_examples(
    "footage proxy --port 8790",
    "footage proxy --tag nightly --idle 60 --store runs.db",
    "footage proxy --port 8790 --stand-in",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="PORT", help="By default any free one.")
@click.option(
    "--idle",
    type=click.FloatRange(min=1),
    default=900.0,
    show_default=True,
    metavar="SECONDS",
    help="A run ends when nothing came by its name for so long.",
)
@click.option("--tag", "tags", multiple=True, help="Put a tag on each run; may be given several times.")
@stand_in_option
@provider_option
@secret_option
@store_option
def command(
    port: int,
    idle: float,
    tags: tuple[str, ...],
    stand_in: bool,
    secrets: tuple[str, ...],
    store: Path | None,
) -> None:
    """Run the recording proxy alone, until Ctrl-C.

    Each NAME in the path of an agent's ANTHROPIC_BASE_URL is a run of its own; requests without one are a run too.
    Requests go on to what ANTHROPIC_BASE_URL says here, or to the provider, or to the stand-in model.
    """
    from footage.recorder.proxy.known_services import SERVICES
    from footage.recorder.proxy.supervisor import Supervisor
    from footage.storage.file.database import default_path
    from footage.trajectory import RunStatus

    def said(what: JSON) -> None:
        if "run" in what:
            run = f"run {what['run']}" if what["run"] else "not recorded"
            click.echo(f"{what['name'] or 'requests without a name'}: {run}", err=True)
        if "incomplete" in what:
            tell_losses([what])

    wanted = services(stand_in=stand_in)
    proxy = Supervisor(
        wanted,
        store or default_path(),
        {"tags": list(tags)},
        secrets=named_secrets(secrets),
        port=port,
        idle=idle,
        on_said=said,
    )
    try:
        for service in wanted:
            click.echo(f"{SERVICES[service].variable}={proxy.address('NAME', service)}")
        click.echo("Ctrl-C stops the proxy.", err=True)
        while True:
            time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:  # that is how it ends
        pass
    finally:
        proxy.end(RunStatus.COMPLETED)
