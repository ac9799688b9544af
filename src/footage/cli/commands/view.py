"""`footage view`: the viewer."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from footage.cli.shared.options import sample_option, store_option, with_examples
from footage.cli.shared.store_opening import open_for

__all__ = ["command"]


@with_examples("footage view", "footage view @1", "footage view --sample", "footage view --port 8765 --store runs.db")
@click.argument("run", required=False)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="The port to listen on; any free one by default.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="127.0.0.1 or ::1; nothing else is served.")
@sample_option
@store_option
def command(run: str | None, port: int, host: str, store: Path | None, sample: bool) -> None:
    """Open the viewer, at RUN where one is named; prints the address to open in a browser.

    Served to this machine only, until Ctrl-C.
    """
    from footage.viewer.serving import serve

    with open_for(store, sample=sample, write=not sample) as opened:
        page = f"/runs/{opened.run(run).id}" if run else "/"

        def tell(url: str) -> None:
            click.echo("Ctrl-C stops the viewer.", err=True)
            click.echo(url.replace("/?", f"{page}?", 1))

        with suppress(KeyboardInterrupt):
            serve(opened, host=host, port=port, on_ready=tell)
