"""Options that take a moment: `--since 7d`, `--until 2026-11-01`."""

from __future__ import annotations

import click

from footage.errors import UsageError

__all__ = ["MOMENT", "Moment"]


class Moment(click.ParamType[int]):
    """Nanoseconds since 1970; see `footage.storage.search.moments`."""

    name = "when"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read what was given; fails with a usage error that says what can be."""
        from footage.storage.search.moments import moment_ns

        if isinstance(value, int):
            return value
        try:
            return moment_ns(value)
        except UsageError as error:
            self.fail(error.message, param, ctx)


MOMENT = Moment()
"""For `click.option(type=MOMENT)`."""
