"""Which signal asks a container to end: the pod's lifecycle.stopSignal, else the image's STOPSIGNAL, else SIGTERM."""

from __future__ import annotations

import re

from ecirun.plan.facts import ImageFacts
from ecirun.spec.pod import Container

DEFAULT = "SIGTERM"
LAST = 64  # include/uapi/asm-generic/signal.h: _NSIG
NAMES = (
    *"ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP".split(),
    *"TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ".split(),
)
REALTIME = r"RTMIN(\+([1-9]|1[0-5]))?|RTMAX(-([1-9]|1[0-4]))?"


def stop_signal_of(container: Container, image: ImageFacts) -> str:
    """A name such as SIGTERM or SIGRTMIN+3, or a number."""
    own = container.lifecycle.stop_signal if container.lifecycle else None
    return own or parse(image.stop_signal) or DEFAULT


def stop_signal_notes(container: Container, image: ImageFacts) -> tuple[str, ...]:
    """What a user should know of a STOPSIGNAL that is none."""
    if not image.stop_signal or parse(image.stop_signal):
        return ()
    return (f"the image's STOPSIGNAL {image.stop_signal!r} is no signal: {stop_signal_of(container, image)} is sent instead",)


def parse(text: str) -> str:
    """The signal that an image means, as docker reads it (moby/sys/signal, ParseSignal); empty for what is none."""
    if re.fullmatch("[0-9]{1,3}", text, re.ASCII):
        return text if 1 <= int(text) <= LAST else ""
    name = text.upper().removeprefix("SIG")
    return f"SIG{name}" if name in NAMES or re.fullmatch(REALTIME, name) else ""
