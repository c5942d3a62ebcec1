"""A group of commands that imports the module of one when it is called."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from ecirun.cli.command import Command
from ecirun.errors import UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class LazyGroup(click.Group):
    """`lazy` maps each command's name to its line in the help; the module of that name in `package` has it as `command`."""

    def __init__(self, *args: Any, package: str, lazy: Mapping[str, str], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.package = package
        self.lazy = lazy

    def list_commands(self, _context: click.Context) -> list[str]:
        """The names, in the order of the help."""
        return list(self.lazy)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """The command of that name."""
        if name not in self.lazy:
            return None
        command: click.Command | Command = importlib.import_module(f"{self.package}.{name}").command
        return command.for_click() if isinstance(command, Command) else command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in the help, without importing them all."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.lazy.items()))

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, without importing them, and the group's options."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name, help=text) for name, text in self.lazy.items() if name.startswith(incomplete)]
        return found + click.Command.shell_complete(self, context, incomplete)

    def resolve_command(self, context: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name. Raises UsageError with what was meant perhaps."""
        name = args[0]
        if name not in self.lazy and not name.startswith("-") and not context.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(name, self.lazy, n=1)
            path = context.command_path
            raise UsageError(
                f'Can\'t find command "{name}"', hint=f"did you mean `{path} {near[0]}`?" if near else f"see `{path} --help`"
            )
        return super().resolve_command(context, args)
