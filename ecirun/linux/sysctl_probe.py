"""What a fresh network and IPC namespace of this kernel makes of sysctl keys.

The probe opens and never writes: a key that opens for writing in a fresh namespace belongs to it, one that opens only for
reading is the host's, and many exist in the first namespace alone (net/core/sysctl_net_core.c registers them for
&init_net).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence

from ecirun.linux import mount, openat2, process

# Per path below /proc/sys: "writable", "read-only" or "absent" in fresh namespaces, and the host's value or None.
Seen = dict[str, tuple[str, str | None]]


def probe(paths: Sequence[str]) -> Seen:
    """Look from a process of its own. Raises OSError when this process may not create the namespaces."""
    host = {path: host_value(path) for path in paths}
    fresh = _in_fresh_namespaces(paths)
    return {path: (fresh[path], host[path]) for path in paths}


def host_value(path: str) -> str | None:
    """This namespace's value of a key as text, None when there is no such key; a key that cannot be read is empty."""
    try:
        with open(f"/proc/sys/{path}", "rb") as file:
            return file.read(65536).decode("ascii", "replace").strip()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError:
        return ""


def look(proc: int, paths: Iterable[str]) -> dict[str, str]:
    """What the namespaces of the procfs `proc` make of the keys."""
    return {path: _state(proc, path) for path in paths}


def _in_fresh_namespaces(paths: Sequence[str]) -> dict[str, str]:
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            process.unshare(process.CLONE_NEWNET | process.CLONE_NEWIPC)
            os.write(write_end, json.dumps(look(mount.new_filesystem("proc", {}, mount.SAFE), paths)).encode())
        except OSError as error:
            os.write(write_end, json.dumps({"errno": error.errno}).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as answers:
        text = answers.read()
    os.waitpid(pid, 0)
    seen: dict[str, str] = json.loads(text or '{"errno": 5}')
    if "errno" in seen:
        raise OSError(int(seen["errno"]), os.strerror(int(seen["errno"])), "fresh namespaces")
    return seen


def _state(proc: int, path: str) -> str:
    for flags, state in ((os.O_WRONLY, "writable"), (os.O_PATH, "read-only")):
        try:
            os.close(openat2.open_beneath(proc, f"sys/{path}", flags))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return "absent"
        except OSError:
            continue
        return state
    return "read-only"
