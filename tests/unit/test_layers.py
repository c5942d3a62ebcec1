"""Who may import whom: imports point downwards only, and what is pure knows nothing of the kernel."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "ecirun"

# Errors and records are everybody's; a room may import itself.
MAY_IMPORT = {
    "record": set(),
    "errors": set(),
    "examples": set(),
    "spec": set(),
    "policy": {"spec"},
    "linux": set(),
    "image": {"linux"},
    "plan": {"spec", "policy"},
    "runtime": {"plan", "linux"},
    "report": {"spec", "policy", "plan"},
    "doctor": {"spec", "policy", "linux", "image", "plan", "runtime"},
    "api": {"doctor", "examples", "spec", "policy", "linux", "image", "plan", "runtime", "report"},
}

# Tables that decide nothing and that a room further up needs too.
TABLES = {"runtime": {"ecirun.policy.capabilities"}}

KERNEL = {"ctypes", "prctl", "_prctl", "psutil", "pyroute2", "fcntl", "resource", "signal", "socket"}
PURE = ("record", "errors", "spec", "policy", "plan", "report", "examples")


def imported_by(module: Path) -> Iterator[str]:
    """The full names of everything that a module imports anywhere in it."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative imports hide where a name is from"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules_of(room: str) -> list[Path]:
    single = PACKAGE / f"{room}.py"
    return [single] if single.exists() else sorted((PACKAGE / room).rglob("*.py"))


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_rooms_below_it(room):
    allowed = {room, "errors", "record", "__version__", *MAY_IMPORT[room]}
    tables = TABLES.get(room, set())
    upwards = {
        f"{module.relative_to(PACKAGE)}: {name}"
        for module in modules_of(room)
        for name in imported_by(module)
        if name.startswith("ecirun.") and name.split(".")[1] not in allowed and name.rpartition(".")[0] not in tables
    }
    assert upwards == set()


@pytest.mark.parametrize("room", PURE)
def test_what_is_pure_asks_no_kernel(room):
    impure = {
        f"{module.relative_to(PACKAGE)}: {name}"
        for module in modules_of(room)
        for name in imported_by(module)
        if name.split(".")[0] in KERNEL
    }
    assert impure == set()


def test_the_table_names_every_room():
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - {"__init__", "__main__", "cli", "pytest_entry_point", "pytest_plugin"} == set(MAY_IMPORT)
