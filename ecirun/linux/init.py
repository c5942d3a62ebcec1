"""Process 1 of a PID namespace, as in `docker run`: orphans fall to it, and a signal reaches it only where it wants it."""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import NoReturn

FIRST = 1
BY_KERNEL = 0x80  # SI_KERNEL of siginfo.h: a terminal's Ctrl-C, which all processes in its foreground get


def leave_first_place() -> None:
    """In process 1: return in a child that is not, and stay behind to serve it. Elsewhere: just return."""
    if os.getpid() != FIRST:
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    worker = os.fork()
    if worker == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    _serve(worker)


def _serve(worker: int) -> NoReturn:
    """Hand every signal on, reap whoever ends, and end as the worker ends; the kernel then kills what is left here."""
    while True:
        received = signal.sigwaitinfo(signal.valid_signals())
        if received.si_signo == signal.SIGCHLD:
            _reap(worker)
        elif received.si_code != BY_KERNEL:
            os.kill(worker, received.si_signo)  # it is there, dead or alive, until it is reaped


def _reap(worker: int) -> None:
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == worker:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)
        if pid == 0:
            return
