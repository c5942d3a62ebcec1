"""The pod to judge or run on the command line, which the shell can complete."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem


class SpecName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.3
    """A file, `-`, or example:NAME."""

    name = "spec"

    def shell_complete(self, _context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Files, and the examples whose names begin so."""
        from ecirun.examples import example_names, summary

        names = [name for name in example_names() if incomplete and f"example:{name}".startswith(incomplete)]
        examples = [CompletionItem(f"example:{name}", help=summary(name)) for name in names]
        return examples or [CompletionItem(incomplete, type="file")]
