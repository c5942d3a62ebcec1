"""Linux capabilities by name and number (include/uapi/linux/capability.h); names without CAP_, as Kubernetes writes them."""

from __future__ import annotations

from collections.abc import Iterable

_ORDERED = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
    "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN "
    "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE "
    "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
).split()

NUMBERS = {name: number for number, name in enumerate(_ORDERED)}
NAMES = dict(enumerate(_ORDERED))


def mask(names: Iterable[str]) -> int:
    """The bit mask of capability names."""
    return sum(1 << NUMBERS[name] for name in names)
