"""What the commands share: their class, with examples in its help, and their common options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

__all__ = [
    "ExampleCommand",
    "ExampleGroup",
    "anyway_option",
    "json_option",
    "max_steps_option",
    "sample_option",
    "store_option",
    "system_option",
    "think_option",
    "with_examples",
]


def _read_text(_context: click.Context, _option: click.Parameter, path: Path | None) -> str | None:
    try:
        return path.read_text("utf-8") if path else None
    except UnicodeDecodeError as error:
        raise click.BadParameter(f"{path} is no text in UTF-8.") from error


store_option = click.option("--store", type=click.Path(path_type=Path), help="The store (an SQLite file).")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
sample_option = click.option("--sample", is_flag=True, help="Look at the sample store that comes with footage.")
max_steps_option = click.option(
    "--max-steps",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    metavar="N",
    help="Stop after so many live actions.",
)
think_option = click.option(
    "--think", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS", help="How long a stand-in model thinks."
)
anyway_option = click.option(
    "--anyway", is_flag=True, help="Try it also where QEMU, kernel or guest are not the same any more."
)
system_option = click.option(
    "--system",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    callback=_read_text,
    metavar="FILE",
    help="A file with the system prompt.",
)


Listing = tuple[str, Callable[[], Sequence[tuple[str, str]]]]
"""The heading of a list in a command's help, and what gives its lines where the help is shown."""


class _WithExamples(click.Command):
    def __init__(
        self, *arguments: Any, examples: Sequence[str] = (), listing: Listing | None = None, **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self.examples = tuple(examples)
        self.listing = listing

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of what can be chosen, where there is one, and the examples, one a line, never wrapped."""
        super().format_epilog(ctx, formatter)
        if self.listing is not None:
            heading, lines = self.listing
            with formatter.section(heading):
                formatter.write_dl(list(lines()))
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"{' ' * formatter.current_indent}{example}\n")


class ExampleCommand(_WithExamples):
    """A command whose help ends with examples."""


class ExampleGroup(_WithExamples, click.Group):
    """A group of commands whose help ends with examples."""


def with_examples(
    *examples: str, listing: Listing | None = None
) -> Callable[[Callable[..., int | None]], ExampleCommand]:
    """
    Make a function a command with these examples, and with a list of what can be chosen.

    Its docstring is the help, and what it returns is the exit code (None: 0).
    """
    return click.command(cls=ExampleCommand, examples=examples, listing=listing)
