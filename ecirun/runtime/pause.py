"""PID 1 of a pod whose containers share a PID namespace (shareProcessNamespace).

It holds the namespace, and its orphans vanish when they end, because it ignores SIGCHLD. It is seen by every container, and one
with SYS_PTRACE can look into it and follow /proc/1/exe. So it is a program of a few instructions in a root of its own that
has nothing else, without privilege and descriptors: there is nothing of the host and nothing of ecirun to be found.
"""

from __future__ import annotations

import gc
import os
import signal
import struct

from ecirun.errors import HostUnsupported
from ecirun.linux import credentials, mount, process, sockets
from ecirun.record import Record
from ecirun.runtime import messages
from ecirun.runtime.private_tree import BENCH

NOBODY = 65535  # the uid of Kubernetes' pause image
PROGRAM = "/pause"

# Wait for a signal, for ever. The number of the machine in an ELF header (include/uapi/linux/elf-em.h), and its instructions.
INSTRUCTIONS = {
    # mov eax, 34 (pause); syscall; jmp to the first
    "x86_64": (62, bytes.fromhex("b822000000 0f05 ebf7")),
    # mov x0 to x4, 0; mov x8, 73 (ppoll); svc 0; b to the first
    "aarch64": (183, struct.pack("<8I", *range(0xD2800000, 0xD2800005), 0xD2800928, 0xD4000001, 0x17FFFFF9)),
}
LOADED_AT = 0x10000


class Pause(Record):
    """The process, as the supervisor holds it, and a procfs of its PID namespace, unattached."""

    pid: int
    pidfd: int
    proc: int


def start() -> Pause:
    """Start it. Raises OSError or HostUnsupported."""
    program = elf(os.uname().machine)
    ours, theirs = sockets.pair()
    pid, pidfd = process.clone3(process.CLONE_NEWPID | process.CLONE_NEWNS)
    if pid == 0:
        _pause(theirs, program)
    theirs.close()
    message, descriptors = messages.receive(ours)
    ours.close()
    if message is None:
        os.waitpid(pid, 0)
        raise OSError("it ended at once")
    return Pause(pid, pidfd, descriptors[0])


def elf(machine: str) -> bytes:
    """The program as a static ELF file of one segment (elf(5)). Raises HostUnsupported."""
    if machine not in INSTRUCTIONS:
        raise HostUnsupported(
            f"Can't share processes on {machine}: the pause program is there for {', '.join(INSTRUCTIONS)} only",
            hint="leave out shareProcessNamespace",
        )
    number, code = INSTRUCTIONS[machine]
    head, segment = 64, 56
    size = head + segment + len(code)
    ident = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)
    start = LOADED_AT + head + segment
    return (
        ident
        + struct.pack("<HHIQQQIHHHHHH", 2, number, 1, start, head, 0, 0, head, segment, 1, 0, 0, 0)
        + struct.pack("<IIQQQQQQ", 1, 5, 0, LOADED_AT, LOADED_AT, size, size, 0x1000)
        + code
    )


def _pause(supervisor: sockets.Socket, program: bytes) -> None:
    """Never returns."""
    try:
        gc.disable()
        credentials.set_parent_death_signal(signal.SIGKILL)
        credentials.set_dumpable(False)
        os.setsid()
        process.default_signals()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        # Whoever mounts a procfs sees its own PID namespace in it.
        proc = mount.new_filesystem("proc", {}, mount.SAFE)
        _leave_host(program)
        process.new_session_keyring()
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        credentials.drop_bounding_set(0)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        credentials.set_no_new_privs()
        credentials.set_dumpable(False)
        credentials.set_parent_death_signal(signal.SIGKILL)
        messages.send(supervisor, {}, (proc,))
        process.close_range(0, 0xFFFFFFFF)
        os.execve(PROGRAM, (PROGRAM,), {})
    finally:
        os._exit(1)


def _leave_host(program: bytes) -> None:
    """A read-only root with nothing but the program in it."""
    place = os.open(f"{BENCH}/stage", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    root = mount.new_filesystem("tmpfs", {"mode": "0555", "size": "16k"}, mount.attributes(("nosuid", "nodev")))
    mount.move_mount(root, place, "/")
    os.fchdir(root)
    with open(os.open(PROGRAM.strip("/"), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o555), "wb") as file:
        file.write(program)
    mount.mount_setattr(root, add=mount.MOUNT_ATTR_RDONLY, what="/")
    mount.pivot_root(".", ".")
    mount.umount2(".", mount.MNT_DETACH)
    os.chdir("/")
