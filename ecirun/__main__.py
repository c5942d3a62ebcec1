"""The installed command, `python -m ecirun`, and what scripts/ecirun executes."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

from ecirun.linux.init import leave_first_place
from ecirun.linux.standard_streams import open_standard_streams

if TYPE_CHECKING:
    from ecirun.runtime.launching import Launcher

STARTS_NOTHING = ("--help", "--dry-run")


def main() -> int:
    """Run the command that the arguments name and return its exit code."""
    # A command lives for a moment and frees its memory by ending; the collector would only take a tenth of that moment.
    gc.disable()
    leave_first_place()
    open_standard_streams()
    launcher = launcher_ahead(sys.argv[1:])
    try:
        from ecirun.cli import main as run_command

        return run_command(sys.argv[1:], launcher)
    finally:
        if launcher is not None:
            from ecirun.runtime.state import remove_if_empty

            launcher.close()
            remove_if_empty()


def launcher_ahead(words: list[str]) -> Launcher | None:
    """A launcher for a pod in the foreground, which starts while this process still imports what reads the spec.

    A guess: the command may be wrong in a way that only its parser sees, or may have a better launcher.
    """
    own = words[: words.index("--")] if "--" in words else words
    command = next((word for word in own if not word.startswith("-")), "")
    flags = [word for word in own if word.startswith("-")]
    detached = any(flag == "--detach" or (flag[1] != "-" and "d" in flag) for flag in flags if len(flag) > 1)
    if command != "run" or detached or os.geteuid() != 0 or any(flag in STARTS_NOTHING for flag in flags):
        return None
    from ecirun.errors import EcirunError
    from ecirun.runtime.launching import Launcher

    launcher = Launcher()
    try:
        launcher.start()
    except EcirunError:
        return None  # the command will meet that too, and say it
    from ecirun.plan.mounts import usual_groundwork
    from ecirun.policy.load import load_policy

    launcher.ask(usual_groundwork(load_policy()))
    return launcher


if __name__ == "__main__":
    sys.exit(main())
