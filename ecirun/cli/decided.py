"""What was decided for a command line stands as long as all that it depends on is the same.

Reading a spec, judging and planning it take half of the time of `ecirun run`, most of it to load what does that. So the plan of
a pod that nothing was to be said of is kept in $ECIRUN_CACHE (/var/cache/ecirun), with all that it was made from, and taken
when the same command finds all of that unchanged: the words, the spec, the store's images, the host's resolv.conf, this
kernel's boot and ecirun's code. A plan that depends on anything else is not kept (see `deciding`).
"""

from __future__ import annotations

import binascii
import contextlib
import json
import os
import stat
import sys
from collections.abc import Sequence

from ecirun.image.place import default_store
from ecirun.plan.model import PodPlan, decode, encode_common
from ecirun.plan.uid import new_uid

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Any

CACHE = "/var/cache/ecirun"
FOLDER = "decided"
MOST = 64  # plans
LONGEST_SPEC = 1 << 20  # bytes

Inputs = dict[str, "Any"]


def recall(words: Sequence[str]) -> PodPlan | None:
    """The plan that was kept for these words, with a uid of its own; None when there is none, or when anything has changed."""
    try:
        kept = _read(_path(words))
        inputs = kept["inputs"]
        if not _are_the_same(words, inputs) or inputs["code"] != _code():
            return None
        plan = decode(b"{}\n" + kept["plan"].encode())._replace(name=kept["name"], uid=new_uid(), scratch="")
    except (LookupError, TypeError, ValueError, AttributeError, OSError):
        return None  # it is not there, or another ecirun's, or what it was made from is not there any more
    return plan if all(os.path.isdir(container.root.path) for container in plan.all_containers) else None


def keep(words: Sequence[str], inputs: Inputs, plan: PodPlan) -> None:
    """Keep the plan that was made from the inputs, as `inputs_of` gave them before. What goes wrong costs only the plan."""
    common = encode_common(plan).decode()
    if plan.scratch or plan.uid in common:
        return  # they are new each time
    with contextlib.suppress(OSError, ValueError):
        if not _are_the_same(words, inputs):
            return  # something has changed meanwhile, and nobody knows before or after what
        path = _path(words)
        folder = os.path.dirname(path)
        os.makedirs(folder, 0o755, exist_ok=True)
        known = os.listdir(folder)
        if len(known) >= MOST:
            for name in known:
                os.unlink(os.path.join(folder, name))
        draft = f"{path}.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w") as file:
            json.dump({"inputs": inputs, "name": plan.name, "plan": common}, file)
        os.replace(draft, path)


def inputs_of(words: Sequence[str], store: str, spec: str) -> Inputs:
    """All that a plan may depend on that is kept, as it is now. Raises OSError or ValueError."""
    return {**_quick(words, store, spec), "code": _code()}


def _are_the_same(words: Sequence[str], inputs: Inputs) -> bool:
    """Whether the inputs are as they are now, but for the code, which takes longest to look at."""
    return inputs == {**_quick(words, inputs["store"], inputs["spec"]), "code": inputs["code"]}


def _quick(words: Sequence[str], store: str, spec: str) -> Inputs:
    return {
        "words": list(words),
        "folder": os.getcwd(),
        "store": store,
        "usual_store": default_store(),
        "spec": spec,
        "text": _text(spec, LONGEST_SPEC),
        "images": _stamp(os.stat(os.path.join(store, "index.json"))),
        "dns": _text("/etc/resolv.conf", LONGEST_SPEC) if os.path.exists("/etc/resolv.conf") else "",
        "boot": _text("/proc/sys/kernel/random/boot_id", 64),
        "python": sys.version,
    }


def _path(words: Sequence[str]) -> str:
    """Raises OSError where there is no cache."""
    cache = os.environ.get("ECIRUN_CACHE", CACHE)
    if not cache:
        raise FileNotFoundError("ECIRUN_CACHE is empty")
    # Whose words these are is among the inputs: two that share a name only take turns.
    name = binascii.crc32("\0".join([os.getcwd(), *words]).encode(errors="surrogateescape"))
    return os.path.join(cache, FOLDER, f"{name:08x}.json")


def _read(path: str) -> Any:
    """What the file holds. Raises OSError, or ValueError where somebody else could have written it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, encoding="utf-8") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise ValueError(path)
        return json.load(file)


def _text(path: str, most: int) -> str:
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError(path)  # what a pipe says is gone once it is read
    with open(path, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(path)
    return data.decode()


def _stamp(status: os.stat_result) -> list[int]:
    return [status.st_dev, status.st_ino, status.st_ctime_ns, status.st_mtime_ns, status.st_size]


def _code() -> list[int]:
    """A sum over the files of ecirun and its recipes that changes when one of them does.

    By the time of the inode's last change, which nobody sets: packages may give all their files one time of modification.
    """
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    folders, total = [package, os.path.join(os.path.dirname(package), "images")], [0, 0, 0]
    while folders:
        with contextlib.suppress(FileNotFoundError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != "__pycache__":
                        folders.append(entry.path)
                    continue
                status = entry.stat()
                total = [total[0] + 1, total[1] + status.st_size, total[2] + status.st_ctime_ns]
    return total
