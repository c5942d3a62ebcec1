"""Write one sysctl through a procfs of one's own, and make sure that the kernel took it."""

from __future__ import annotations

import os

from ecirun.errors import LaunchFailed
from ecirun.linux import openat2
from ecirun.plan.model import Sysctl


def write_sysctl(proc: int, sysctl: Sysctl) -> None:
    """Write the key below the procfs mount `proc` and read it back. Raises LaunchFailed with the kernel's reason."""
    try:
        key = openat2.open_beneath(proc, f"sys/{sysctl.path}", os.O_RDWR)
        try:
            os.write(key, sysctl.value.encode() + b"\n")
            os.lseek(key, 0, os.SEEK_SET)
            stored = os.read(key, 65536).decode("ascii", "replace").strip()
        finally:
            os.close(key)
    except OSError as error:
        raise LaunchFailed(
            f'Can\'t set sysctl {sysctl.name} to "{sysctl.value}": {error.strerror}',
            step="sysctls",
            hint="give a value that the kernel takes",
        ) from None
    if not same_setting(sysctl.value, stored):
        raise LaunchFailed(
            f'Can\'t set sysctl {sysctl.name} to "{sysctl.value}": the kernel keeps "{stored}"',
            step="sysctls",
            hint="give the value as the kernel keeps it",
        )


def same_setting(given: str, stored: str) -> bool:
    """Whether the kernel's text means what was written: any blanks, numbers in any base, a short vector a prefix."""
    wanted, kept = given.split(), stored.split()
    return all(_same_word(one, other) for one, other in zip(wanted, kept, strict=False))


def _same_word(given: str, stored: str) -> bool:
    if given == stored:
        return True
    try:
        return _number(given) == _number(stored)
    except ValueError:
        return False


def _number(word: str) -> int:
    # The kernel reads a leading 0 as octal (lib/kstrtox.c); Python wants 0o.
    return int(word, 8) if word.startswith("0") and word.isdecimal() else int(word, 0)
