"""The installed command, `python -m ecirun`, and what scripts/ecirun executes."""

from __future__ import annotations

import gc
import os
import sys

# A command lives for a moment and frees its memory by ending; the collector would only take a tenth of that moment.
gc.disable()

if sys.flags.no_site:
    # As scripts/ecirun starts it: this checkout, and the packages of its virtual environment.
    checkout = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    sys.path += [checkout, f"{checkout}/.venv/lib/{version}/site-packages"]

from ecirun.linux.init import leave_first_place  # noqa: E402
from ecirun.linux.standard_streams import open_standard_streams  # noqa: E402

TYPE_CHECKING = False  # what it is in `typing`, whose import takes longer than all of this
if TYPE_CHECKING:
    from typing import NoReturn

    from ecirun.plan.model import PodPlan
    from ecirun.runtime.launching import Launcher

STARTS_NOTHING = ("--help", "--dry-run")


def main() -> int:
    """Run the command that the arguments name and return its exit code."""
    leave_first_place()
    open_standard_streams()
    launcher, decided = None, None
    if runs_in_foreground(sys.argv[1:]) and os.geteuid() == 0:
        launcher, decided = launcher_ahead()
    try:
        from ecirun.cli import main as run_command

        return run_command(sys.argv[1:], launcher, decided)
    finally:
        if launcher is not None:
            from ecirun.runtime.state import remove_if_empty

            launcher.close()
            remove_if_empty()


def runs_in_foreground(words: list[str]) -> bool:
    """Whether the command seems to run a pod in the foreground. A guess: only its parser sees every way to be wrong."""
    own = words[: words.index("--")] if "--" in words else words
    command = next((word for word in own if not word.startswith("-")), "")
    flags = [word for word in own if len(word) > 1 and word[0] == "-"]
    detached = any(flag == "--detach" or (flag[1] != "-" and "d" in flag) for flag in flags)
    return command == "run" and not detached and not any(flag in STARTS_NOTHING for flag in flags)


def launcher_ahead() -> tuple[Launcher | None, PodPlan | None]:
    """A launcher that starts, and makes a sandbox, while this process still imports what reads the spec.

    With it comes the plan, where that was decided before.
    """
    # What both need, before the fork.
    from ecirun.runtime.launcher_process import fork_launcher_process
    from ecirun.runtime.launching import Launcher

    try:
        process = fork_launcher_process()
    except OSError:
        return None, None  # the command will meet that too, and say it
    from ecirun.cli.decided import recall

    launcher, decided = Launcher(process), recall(sys.argv[1:])
    if decided is not None:
        launcher.ask(decided.all_containers[0].groundwork())
    else:
        from ecirun.plan.mounts import usual_groundwork
        from ecirun.policy.load import load_policy

        launcher.ask(usual_groundwork(load_policy()))
    return launcher, decided


def main_and_exit() -> NoReturn:
    """The same, and end at once: taking the interpreter apart would take as long as a pod's launch."""
    code = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or 1
    os._exit(code)


if __name__ == "__main__":
    main_and_exit()
