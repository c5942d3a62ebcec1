"""The command line: one module per command, imported only when it is called."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Sequence

from ecirun.cli import streams
from ecirun.cli.command import Command, CommandLine
from ecirun.errors import EcirunError, UsageError

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from ecirun.plan.model import PodPlan
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

# Those that tests and scripts call again and again: their modules have a Command.
QUICK = ("run", "check", "exec")


def main(argv: Sequence[str] | None = None, launcher: Launcher | None = None, decided: PodPlan | None = None) -> int:
    """Run one command and return its exit code (design: 125 when ecirun itself fails).

    `launcher` is one that was started ahead, for the plan `decided` if there is one; a command that has no use for it leaves it
    to the caller.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    every = tuple(words)
    # Cut here: click would take options behind `--` for the workload's own only half of the time.
    tail = None
    if "--" in words:
        cut = words.index("--")
        words, tail = words[:cut], tuple(words[cut + 1 :])
    try:
        return _run(words, CommandLine(tail, launcher, every, decided))
    except EcirunError as error:
        streams.say_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        streams.err("")  # what is said next does not begin behind a ^C
        return 130
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            streams.say_error(
                EcirunError(f"Can't go on: {error.strerror}", hint="raise the limit: see ulimit -n and ulimit -v")
            )
            return EcirunError.exit_code
        if error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if error.errno == errno.EPIPE:
            return 141  # the reader is gone, and knows
        streams.say_error(EcirunError(f"Can't write the output: {error.strerror}", hint="send it somewhere else"))
        return EcirunError.exit_code


def _run(words: list[str], line: CommandLine) -> int:
    tail = line.tail
    if tail == ():
        raise UsageError("Can't run nothing: no command stands after --", hint="give a command, or leave out --")
    name = next((word for word in words if not word.startswith("-")), "")
    if tail and name not in ("run", "plan", "exec"):
        raise UsageError(f"Can't use what stands after --: `{name or 'ecirun'}` takes no command", hint="leave out --")
    if words and words[0] in QUICK:
        command: Command = importlib.import_module(f"ecirun.cli.{name}").command
        given = command.read(words[1:])
        if given is not None:
            return command.run(given, line)
    from ecirun.cli.group import run_words

    return run_words(words, line)
