"""The command line: one module per command, imported only when it is called."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from ecirun import __version__
from ecirun.cli.lazy_group import LazyGroup
from ecirun.cli.options import say_error
from ecirun.errors import EcirunError, UsageError

if TYPE_CHECKING:
    from ecirun.runtime.launching import Launcher

COMMANDS = {
    "run": "Create a pod, stream, exit with the workload's code, clean up",
    "check": "Judge pods by ECI's rules; needs no root",
    "plan": "Show the effective security context; needs no root",
    "exec": "Execute a further program in a running container",
    "ps": "List the pods of this machine",
    "logs": "What a container has written",
    "inspect": "A pod as the Kubernetes API would show it",
    "stats": "What pods use of cpu and memory",
    "wait": "Wait until pods have ended",
    "stop": "End pods, gently",
    "rm": "Forget pods that have ended",
    "image": "Load, pull, build, list and mend the images of the local store",
    "examples": "Pods to start from",
    "explain": "Why a rule is there, and what to do about it",
    "policy": "What is allowed, rule by rule",
    "admission": "What a cluster checks before ECI",
    "diff": "Two effective security contexts side by side",
    "doctor": "Whether pods can run here, and what is missing",
    "completion": "Completion for bash, zsh or fish",
    "schema": "JSON schema of the enforced subset, for editors",
}

USAGE_EXIT_CODE = {"check": 2}


class CommandLine(NamedTuple):
    """What the group hands to its commands. `tail` is what followed the first `--`, or None when there was none."""

    tail: tuple[str, ...] | None
    launcher: Launcher | None = None


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


def main(argv: Sequence[str] | None = None, launcher: Launcher | None = None) -> int:
    """Run one command and return its exit code (design: 125 when ecirun itself fails).

    `launcher` is one that was started ahead; a command that has no use for it leaves it to the caller.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    # Cut here: click would take options behind `--` for the workload's own only half of the time.
    tail = None
    if "--" in words:
        cut = words.index("--")
        words, tail = words[:cut], tuple(words[cut + 1 :])
    try:
        return _run(words, CommandLine(tail, launcher))
    except EcirunError as error:
        say_error(error)
        return error.exit_code
    except click.ClickException as error:
        return _say_usage(error)
    except (KeyboardInterrupt, click.Abort):
        return 130
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if error.errno == errno.EPIPE:
            return 141  # the reader is gone, and knows
        say_error(EcirunError(f"Can't write the output: {error.strerror}", hint="send it somewhere else"))
        return EcirunError.exit_code


def _run(words: list[str], line: CommandLine) -> int:
    tail = line.tail
    if tail == ():
        raise UsageError("Can't run nothing: no command stands after --", hint="give a command, or leave out --")
    name = next((word for word in words if not word.startswith("-")), "")
    if tail and name not in ("run", "plan", "exec"):
        raise UsageError(f"Can't use what stands after --: `{name or 'ecirun'}` takes no command", hint="leave out --")
    result = group.main(words or ["--help"], prog_name="ecirun", standalone_mode=False, obj=line)
    return result if isinstance(result, int) else 0


def _say_usage(error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "ecirun"
    message = error.format_message()
    say_error(UsageError(message[:1].upper() + message[1:].rstrip("."), hint=f"see `{path} --help`"))
    return USAGE_EXIT_CODE.get(path.removeprefix("ecirun "), UsageError.exit_code)
