"""All commands as click sees them."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ecirun import __version__
from ecirun.cli import COMMANDS, streams
from ecirun.cli.command import CommandLine
from ecirun.cli.lazy_group import LazyGroup
from ecirun.errors import UsageError

USAGE_EXIT_CODE = {"check": 2}


@click.command(
    cls=LazyGroup,
    package="ecirun.cli",
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="ecirun", message="%(prog)s %(version)s")
def group() -> None:
    """Run a Kubernetes pod as Alibaba Cloud Elastic Container Instance (ECI) would, on this machine.

    SPEC is a file, `-` for standard input, or example:NAME. Start with `ecirun run example:sysctl -- sysctl -a`.
    """


def run_words(words: Sequence[str], line: CommandLine) -> int:
    """Run the command that the words name, help when they name none, and return its exit code."""
    try:
        result = group.main(list(words) or ["--help"], prog_name="ecirun", standalone_mode=False, obj=line)
    except click.ClickException as error:
        return _say_usage(error)
    except click.Abort:
        return 130
    return result if isinstance(result, int) else 0


def _say_usage(error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "ecirun"
    message = error.format_message()
    streams.say_error(UsageError(message[:1].upper() + message[1:].rstrip("."), hint=f"see `{path} --help`"))
    return USAGE_EXIT_CODE.get(path.removeprefix("ecirun "), UsageError.exit_code)
