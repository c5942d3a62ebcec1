"""What the doctor finds: one line for each thing that ecirun needs of this host, or can use."""

from __future__ import annotations

from ecirun.record import Record

OK, MISSING = "ok", "missing"


class Finding(Record):
    """One line.

    `name` is a stable word, `means` what ecirun has it for, `found` what is there. When it is missing, `says` is what a launch
    would say too, and `fix` a command or flags of docker; without what is `needed` no ordinary pod can run. `all` lists
    everything that `says` only counts.
    """

    name: str
    means: str
    found: str = ""
    needed: bool = True
    says: str = ""
    fix: str = ""
    all: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """ok or missing."""
        return MISSING if self.says else OK


def in_docker(*flags: str) -> str:
    """The fix that is flags of `docker run` (podman's are the same)."""
    return f"in docker, add --privileged or {' '.join(flags)}"


SYS_ADMIN = "--cap-add SYS_ADMIN"
SECCOMP = "--security-opt seccomp=unconfined"
APPARMOR = "--security-opt apparmor=unconfined"
SELINUX = "--security-opt label=disable"
