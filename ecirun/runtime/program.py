"""Which file a command means inside the container, and whether it may be executed.

execve(2) would follow `/proc/self/exe` to the host's Python: as the program, as the interpreter in its `#!` line, or as the
loader that an ELF file names (CVE-2019-5736). So every link of that chain is opened first without magic links, and none may
lie in procfs.
"""

from __future__ import annotations

import errno
import os
import stat
import struct

from ecirun.errors import CommandNotExecutable, CommandNotFound
from ecirun.linux.filesystem import PROC_SUPER_MAGIC, filesystem_type
from ecirun.linux.openat2 import RESOLVE_IN_ROOT, open_in_root, openat2

MAX_INTERPRETERS = 5  # fs/exec.c: a deeper chain is ELOOP
PT_INTERP = 3
LONGEST_TABLE = 65536  # fs/binfmt_elf.c, load_elf_phdrs: a longer one is ENOEXEC


def find_program(argv0: str, path: str, cwd: str, root: int) -> str:
    """The path that `argv0` means: itself when it has a slash, else the first match in PATH.

    Raises CommandNotFound (127) or CommandNotExecutable (126).
    """
    if "/" in argv0:
        _check(absolute(argv0, cwd), argv0, root, cwd)
        return argv0
    if not argv0:
        raise CommandNotFound('Can\'t run "": the command is empty', hint="name a program")
    refused: CommandNotExecutable | None = None
    for folder in path.split(":"):
        candidate = absolute(f"{folder}/{argv0}" if folder else argv0, cwd)
        if not _is_there(root, candidate):
            continue
        try:
            _check(candidate, candidate, root, cwd)
        except CommandNotFound:
            continue
        except CommandNotExecutable as error:
            # As execvp(3): a file that cannot run is remembered, and the search goes on.
            refused = refused or error
            continue
        return candidate
    if refused:
        raise refused
    raise CommandNotFound(f'Can\'t run "{argv0}": not found in PATH={path}', hint="check the command and the image")


def _is_there(root: int, path: str) -> bool:
    """Whether there is anything of that path, be it a link that leads nowhere."""
    try:
        os.close(openat2(root, path, os.O_PATH | os.O_NOFOLLOW, resolve=RESOLVE_IN_ROOT))
    except OSError as error:
        return error.errno == errno.EXDEV  # it leads through a magic link of /proc, which is said when it is checked
    return True


def absolute(path: str, cwd: str) -> str:
    """Where the kernel looks for `path` from the working directory `cwd`."""
    return path if path.startswith("/") else f"{cwd.rstrip('/')}/{path}"


def _check(path: str, shown: str, root: int, cwd: str, depth: int = 0) -> None:
    """Open `path` in the container and follow what the kernel would execute for it."""
    descriptor = _open(path, shown, root, depth)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise CommandNotExecutable(f'Can\'t run "{shown}": Is a directory', hint="name a program")
        if not stat.S_ISREG(status.st_mode):
            raise CommandNotExecutable(f'Can\'t run "{shown}": not a regular file', hint="name a program")
        if filesystem_type(descriptor) == PROC_SUPER_MAGIC:
            raise _in_proc(shown)
        if not status.st_mode & 0o111:
            raise CommandNotExecutable(
                f'Can\'t run "{shown}": Permission denied',
                hint=f"make it executable in the image (mode is {status.st_mode & 0o7777:04o})",
            )
        interpreter = _interpreter(path, root)
    finally:
        os.close(descriptor)
    if interpreter and depth < MAX_INTERPRETERS:
        _check(absolute(interpreter, cwd), interpreter, root, cwd, depth + 1)


def _open(path: str, shown: str, root: int, depth: int) -> int:
    try:
        return open_in_root(root, path)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _in_proc(shown) from None
        if error.errno in (errno.ENOENT, errno.ENOTDIR) and depth == 0:
            raise CommandNotFound(f'Can\'t run "{shown}": {error.strerror}', hint="check the command and the image") from None
        if depth:
            hint, escaped = "put it into the image, or name another", shown.replace("\r", "\\r")
            if shown.endswith("\r"):
                hint = "end the script's lines with LF alone, not with CR LF"
            raise CommandNotExecutable(f'Can\'t run the interpreter "{escaped}": {error.strerror}', hint=hint) from None
        raise CommandNotExecutable(f'Can\'t run "{shown}": {error.strerror}', hint="check the path") from None


def _in_proc(shown: str) -> CommandNotExecutable:
    return CommandNotExecutable(
        f'Can\'t run "{shown}": it leads through /proc to a program outside the container', hint="name a program of the image"
    )


def _interpreter(path: str, root: int) -> str:
    """The interpreter that the kernel would run for the file: of its `#!` line or its ELF header; empty for none."""
    try:
        descriptor = open_in_root(root, path, os.O_RDONLY)
    except OSError:
        return ""
    try:
        head = os.read(descriptor, 4096)
        if head.startswith(b"#!"):
            # The kernel knows no other blanks than these two (fs/binfmt_script.c).
            line = head[2:256].split(b"\n")[0].replace(b"\t", b" ").strip(b" ")
            return os.fsdecode(line.split(b" ")[0].split(b"\0")[0])
        if head.startswith(b"\x7fELF"):
            return _elf_interpreter(descriptor, head)
        return ""
    except (struct.error, ValueError, OverflowError, OSError):
        return ""  # its headers lead nowhere: the kernel will say so
    finally:
        os.close(descriptor)


def _elf_interpreter(descriptor: int, head: bytes) -> str:
    wide, order = head[4] == 2, "<" if head[5] == 1 else ">"
    if wide:
        (offset,) = struct.unpack_from(order + "Q", head, 32)
        size, count = struct.unpack_from(order + "HH", head, 54)
    else:
        (offset,) = struct.unpack_from(order + "I", head, 28)
        size, count = struct.unpack_from(order + "HH", head, 42)
    table = os.pread(descriptor, min(count * size, LONGEST_TABLE), offset)
    for at in range(0, len(table), size):
        entry = table[at : at + size]
        if struct.unpack_from(order + "I", entry)[0] == PT_INTERP:
            if wide:
                place, length = struct.unpack_from(order + "Q", entry, 8)[0], struct.unpack_from(order + "Q", entry, 32)[0]
            else:
                place, length = struct.unpack_from(order + "I", entry, 4)[0], struct.unpack_from(order + "I", entry, 16)[0]
            return os.fsdecode(os.pread(descriptor, min(length, 4096), place).split(b"\0")[0])
    return ""
