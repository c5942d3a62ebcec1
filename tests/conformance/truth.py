"""Whether a plan tells the truth: what the workload sees of itself, compared with what `ecirun plan` said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

# Process 1 is what the plan is about; its children may have a changed environment.
COMMANDS = (
    "cat /proc/1/status",
    "tr '\\000' '\\001' </proc/1/environ",
    "readlink /proc/1/cwd",
    "cat /proc/1/mounts",
    "hostname",
)

SETS = {"CapInh": "inheritable", "CapPrm": "permitted", "CapEff": "effective", "CapBnd": "bounding", "CapAmb": "ambient"}
TYPES = {"shared": ("tmpfs", "mqueue"), "file": ("tmpfs",), "cgroup": ("tmpfs", "cgroup2")}


def lies(plan: dict[str, Any], seen: Sequence[str]) -> list[str]:
    """Each difference between the plan and the output of `COMMANDS`."""
    status, environment, directory, mounts, hostname = seen
    container = plan["containers"][0]
    return [
        *_about("host name", plan["hostname"], hostname),
        *_about_credentials(container, dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)),
        *_about(
            "environment", container["command"]["env"], dict(word.split("=", 1) for word in environment.split("\1") if word)
        ),
        *_about("directory", container["command"]["cwd"], directory, only_if=_is_plain(container["command"]["cwd"])),
        *_about_mounts(plan, container, [line.split() for line in mounts.splitlines()]),
    ]


def _about(what: str, planned: object, found: object, *, only_if: bool = True) -> Iterator[str]:
    if only_if and planned != found:
        yield f"{what}: planned {planned!r}, found {found!r}"


def _is_plain(path: str) -> bool:
    """A link on the way gives the directory another name."""
    return ".." not in path and not path.startswith(("/sbin", "/usr/", "/link"))


def _about_credentials(container: dict[str, Any], status: dict[str, str]) -> Iterator[str]:
    for key, who in (("Uid", "user"), ("Gid", "group")):
        number = container[who]["uid" if who == "user" else "gid"]
        yield from _about(who, [str(number)] * 4, status[key].split())
    yield from _about("groups", [str(group["gid"]) for group in container["supplementary_groups"]], status["Groups"].split())
    for key, name in SETS.items():
        yield from _about(name, container["capabilities"][name]["mask"], status[key])
    yield from _about("no_new_privs", str(int(container["no_new_privs"])), status["NoNewPrivs"])
    yield from _about("seccomp", "2" if container["seccomp"] == "RuntimeDefault" else "0", status["Seccomp"])
    yield from _about("umask", container["umask"], status["Umask"])


def _about_mounts(plan: dict[str, Any], container: dict[str, Any], mounts: list[list[str]]) -> Iterator[str]:
    # The last mount at a place is the one that is seen.
    found = {target: (kind, set(options.split(","))) for _source, target, kind, options, *_rest in mounts}
    kind, options = found.pop("/")
    yield from _about("read-only root", container["root"]["read_only"], "ro" in options)
    yield from _about("nodev root", True, "nodev" in options)
    # In a container the store itself may lie on an overlay.
    yield from _about("overlay", True, kind == "overlay", only_if=container["root"]["overlay"])
    for mount in container["mounts"]:
        target = mount["target"]
        if target not in found:
            yield f"mount {target}: planned, not found"
            continue
        kind, options = found.pop(target)
        if mount["type"] != "volume":  # a tmpfs, or whatever the host's disk has
            yield from _about(f"type of {target}", True, kind in TYPES.get(mount["type"], (mount["type"],)))
        yield from _about(f"options of {target}", sorted(mount["options"]), sorted(set(mount["options"]) & options))
        yield from _about(f"read-only {target}", "ro" in mount["options"], "ro" in options)
    covers = [f"/dev/{name}" for name in container["devices"]] + container["masked_paths"] + container["read_only_paths"]
    shadows = [sysctl for sysctl in plan["sysctls"] if sysctl["scope"] in ("shadow", "host")]
    for target in found:
        if target.startswith("/sys/fs/cgroup/"):
            continue  # the hierarchies of version 1
        if target not in covers and not (shadows and target.startswith("/proc/sys/")):
            yield f"mount {target}: found, not planned"
    for name in container["devices"]:
        yield from _about(f"/dev/{name}", True, f"/dev/{name}" in found)
