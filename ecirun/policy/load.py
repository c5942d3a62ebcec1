"""A policy: what ECI allows, as data, read from a TOML file and checked.

The policies that ecirun brings stand in `data/`; a file of the user's own has the same form, and may begin with
`extends = "eci-2024-02-26"` and say only what differs. The texts of the rules stand in `rules.toml`; a policy may replace
them in `[rules.ID]` tables.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from ecirun.errors import PolicyUnreadable
from ecirun.policy.capabilities import NUMBERS
from ecirun.record import Record
from ecirun.spec.own_table import own_table
from ecirun.spec.rules import Rule, rules_from_table

DEFAULT = "eci-2024-02-26"
DATA = os.path.join(os.path.dirname(__file__), "data")
MAX_BYTES = 1 << 20

TABLES: Mapping[str, tuple[str, ...]] = {
    "sysctls": ("allowed", "refused", "min_free_percent"),
    "capabilities": ("addable", "ticket_only", "default"),
    "proc": ("masked", "read_only"),
}
TOP_LEVEL = ("name", "title", "source", "extends", "judges", *TABLES, "rules")


class Policy(Record):
    """One policy. Sysctl patterns may end in `*`; capability names have no CAP_; paths are absolute.

    A policy that does not judge lets every pod pass, and only says what a pod gets that asks for nothing.
    """

    name: str
    title: str
    source: str
    judges: bool
    sysctls_allowed: tuple[str, ...]
    sysctls_refused: tuple[str, ...]
    min_free_percent: int
    capabilities_addable: tuple[str, ...]
    capabilities_ticket_only: tuple[str, ...]
    capabilities_default: tuple[str, ...]
    masked_paths: tuple[str, ...]
    read_only_paths: tuple[str, ...]
    rules: Mapping[str, Rule]


class _Rules(Mapping[str, Rule]):
    """The rules by id, read when the first is asked for: only findings and `explain` need them, and it takes a while."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.table = table
        self.read: Mapping[str, Rule] | None = None

    def all(self) -> Mapping[str, Rule]:
        """The common texts, with what follows from the policy's data and what it says of the rules itself laid over them."""
        if self.read is None:
            texts = _laid_over(_laid_over(_common_rules(), _allowed(self.table)), self.table.get("rules", {}))
            self.read = rules_from_table(texts, "policy", self.table["name"])
        return self.read

    def __getitem__(self, rule: str) -> Rule:
        return self.all()[rule]

    def __iter__(self) -> Iterator[str]:
        return iter(self.all())

    def __len__(self) -> int:
        return len(self.all())


def _allowed(table: Mapping[str, Any]) -> dict[str, Any]:
    """What the policy's data allow, in words, for the rules that judge by it."""
    sysctls, capabilities = table["sysctls"], table["capabilities"]
    patterns = []
    for pattern in sysctls["allowed"]:
        kept = [name for name in sysctls["refused"] if name.startswith(pattern.removesuffix("*"))]
        patterns.append(f"{pattern} except {' and '.join(kept)}" if kept else pattern)
    by_ticket = capabilities["ticket_only"]
    names = [f"{name} (by ticket)" if name in by_ticket else name for name in capabilities["addable"]]
    share = f"at most {sysctls['min_free_percent']} % of the pod's memory limits, or of this host's where a container has none"
    return {
        "sysctl-not-permitted": {"allowed": patterns},
        "capability-not-permitted": {"allowed": names},
        "min-free-kbytes-large": {"allowed": [share]},
    }


@cache
def _common_rules() -> dict[str, Any]:
    return own_table(os.path.join(os.path.dirname(__file__), "rules.toml"))


@cache
def policy_names() -> tuple[str, ...]:
    """The names of the policies that ecirun brings."""
    return tuple(sorted(name.removesuffix(".toml") for name in os.listdir(DATA) if name.endswith(".toml")))


def load_policy(name_or_file: str = DEFAULT) -> Policy:
    """The policy of that name, or in that file. Raises PolicyUnreadable."""
    if _is_ours(name_or_file):
        return _our_policy(name_or_file)
    return _policy(_table(name_or_file, ()), name_or_file)


def _is_ours(name_or_file: str) -> bool:
    return "/" not in name_or_file and not name_or_file.endswith(".toml")


@cache
def _our_policy(name: str) -> Policy:
    return _policy(_table(name, ()), name)


def _table(name_or_file: str, extending: tuple[str, ...]) -> dict[str, Any]:
    """The parsed file, laid over the policy that it extends."""
    table = _parsed(name_or_file)
    base_name = table.pop("extends", None)
    if base_name is None:
        return table
    if not isinstance(base_name, str):
        raise _wrong(name_or_file, "extends must be the name of a policy or a file", hint=f'write extends = "{DEFAULT}"')
    if "/" in base_name:
        base_name = os.path.normpath(os.path.join(os.path.dirname(name_or_file), base_name))
    if base_name in (*extending, os.path.normpath(name_or_file)):
        raise _wrong(name_or_file, f'it extends itself, by "{base_name}"', hint=f'write extends = "{DEFAULT}"')
    base = _table(base_name, (*extending, os.path.normpath(name_or_file)))
    # What differs goes by another name: reports say by which policy a pod was judged.
    base["name"] = os.path.basename(name_or_file).removesuffix(".toml")
    base["title"] = f"{base.get('title', base_name)}, changed by {name_or_file}"
    return _laid_over(base, table)


def _laid_over(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in top.items():
        below = result.get(key)
        result[key] = _laid_over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def _parsed(name_or_file: str) -> dict[str, Any]:
    if _is_ours(name_or_file):
        path = os.path.join(DATA, f"{name_or_file}.toml")
        if not os.path.exists(path):
            raise PolicyUnreadable(
                f'Can\'t find policy "{name_or_file}"',
                hint="choose one of " + ", ".join(policy_names()) + ", or give a file: ./" + name_or_file,
            )
        return own_table(path)
    import tomllib

    text = _text(name_or_file)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        hint = "write texts in quotes and lists in brackets; what belongs to a table stands below its [name]"
        raise _wrong(name_or_file, f"it is not TOML: {error}", hint=hint) from None


def _text(file: str) -> str:
    try:
        with open(file, "rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise _wrong(file, "it is larger than 1 MiB", hint="give a policy file")
        return data.decode()
    except OSError as error:
        hint = "choose one of " + ", ".join(policy_names()) + ", or correct the path"
        raise PolicyUnreadable(f"Can't read policy {file}: {error.strerror}", hint=hint) from None
    except UnicodeDecodeError:
        raise _wrong(file, "it is not text", hint="save it as UTF-8") from None


def _policy(table: dict[str, Any], file: str) -> Policy:
    for key in table:
        if key not in TOP_LEVEL:
            raise _wrong(file, f'unknown key "{key}"', hint="use only " + ", ".join(TOP_LEVEL))
    for key in ("name", "title", "source"):
        if not isinstance(table.get(key), str) or not table[key]:
            raise _wrong(file, f"{key} must be a string that is not empty", hint=f'add a line such as {key} = "…"')
    for section, keys in TABLES.items():
        _check_section(table.get(section), section, keys, file)
    if not isinstance(table.get("judges", True), bool):
        raise _wrong(file, "judges must be true or false")
    percent = table["sysctls"]["min_free_percent"]
    if not isinstance(percent, int) or isinstance(percent, bool) or not 0 <= percent <= 100:
        why = "[sysctls] min_free_percent must be a whole number between 0 and 100"
        raise _wrong(file, why, hint="write it as in min_free_percent = 20")
    policy = Policy(
        name=table["name"],
        title=table["title"],
        source=table["source"],
        judges=table.get("judges", True),
        sysctls_allowed=_patterns(table, "allowed", file),
        sysctls_refused=_patterns(table, "refused", file),
        min_free_percent=percent,
        capabilities_addable=_capabilities(table, "addable", file),
        capabilities_ticket_only=_capabilities(table, "ticket_only", file),
        capabilities_default=_capabilities(table, "default", file),
        masked_paths=_paths(table, "masked", file),
        read_only_paths=_paths(table, "read_only", file),
        rules=_Rules(table),
    )
    if table.get("rules"):
        _check_rules(table["rules"], file)
    return policy


def _check_section(section: Any, name: str, keys: tuple[str, ...], file: str) -> None:
    if not isinstance(section, dict):
        raise _wrong(file, f"it has no [{name}] table", hint=f'start from ours with extends = "{DEFAULT}"')
    for key in section:
        if key not in keys:
            raise _wrong(file, f'[{name}]: unknown key "{key}"', hint="use only " + ", ".join(keys))
    for key in keys:
        if key not in section:
            raise _wrong(file, f"[{name}] has no {key}", hint=f'start from ours with extends = "{DEFAULT}"')


def _strings(table: dict[str, Any], section: str, key: str, file: str) -> tuple[str, ...]:
    value = table[section][key]
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise _wrong(file, f"[{section}] {key} must be a list of strings", hint=f'write it as in {key} = ["a", "b"]')
    return tuple(value)


def _patterns(table: dict[str, Any], key: str, file: str) -> tuple[str, ...]:
    from ecirun.spec.names import sysctl_name

    patterns = _strings(table, "sysctls", key, file)
    for pattern in patterns:
        plain = pattern[:-1].removesuffix(".") if pattern.endswith("*") else pattern
        if "/" in pattern or (sysctl_name(plain) and pattern != "*"):
            raise _wrong(
                file,
                f'[sysctls] {key}: "{pattern}" is no sysctl name with dots',
                hint="write it as in kernel.sem, or as in net.* for what begins so",
            )
    return patterns


def _capabilities(table: dict[str, Any], key: str, file: str) -> tuple[str, ...]:
    names = _strings(table, "capabilities", key, file)
    for name in names:
        if name not in NUMBERS:
            hint = "write it in upper case without CAP_, as in NET_ADMIN"
            raise _wrong(file, f'[capabilities] {key}: "{name}" is no capability', hint=hint)
    return names


def _paths(table: dict[str, Any], key: str, file: str) -> tuple[str, ...]:
    paths = _strings(table, "proc", key, file)
    for path in paths:
        if not path.startswith(("/proc/", "/sys/")) or ".." in path.split("/"):
            raise _wrong(file, f'[proc] {key}: "{path}" is not below /proc or /sys', hint="write it as in /proc/kcore")
    return paths


def _check_rules(own: Any, file: str) -> None:
    from ecirun.policy.checks import RULES

    if not isinstance(own, dict):
        raise _wrong(file, "rules must be a table of [rules.ID] tables", hint="write it as in [rules.host-path]")
    unknown = sorted(set(own) - set(RULES))
    if unknown:
        raise _wrong(file, f"[rules.{unknown[0]}]: there is no such check", hint="use only " + ", ".join(sorted(RULES)))
    rules_from_table(_laid_over(_common_rules(), own), "policy", file)


def _wrong(file: str, why: str, hint: str = "") -> PolicyUnreadable:
    return PolicyUnreadable(f"Can't read policy {file}: {why}", hint=hint)
