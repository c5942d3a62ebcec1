"""Records behave as the named tuples that type checkers take them for, and are as kind to who makes a mistake."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from ecirun.record import Record


class Limit(Record):
    """What a test needs."""

    name: str
    most: int = 0
    tags: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        return f"{self.name} ≤ {self.most}"


class Twin(NamedTuple):
    """The same, as the standard library makes it."""

    name: str
    most: int = 0
    tags: tuple[str, ...] = ()


MADE: dict[str, Callable[[Any], Any]] = {
    "by position": lambda kind: kind("pids", 3, ("a",)),
    "by name": lambda kind: kind(tags=("a",), name="pids"),
    "by both": lambda kind: kind("pids", tags=("a",)),
    "by defaults": lambda kind: kind("pids"),
    "from values": lambda kind: kind._make(iter(["pids", 3, ()])),
    "by replacing": lambda kind: kind("pids")._replace(most=4),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_is_what_a_named_tuple_is(make: Callable[[Any], Any]) -> None:
    record, twin = make(Limit), make(Twin)
    assert record == twin
    assert hash(record) == hash(twin)
    assert (record.name, record.most, record.tags) == tuple(twin)
    assert record._asdict() == twin._asdict()
    assert repr(record) == repr(twin).replace("Twin", "Limit")
    assert copy.copy(record) == copy.deepcopy(record) == pickle.loads(pickle.dumps(record)) == record
    assert type(pickle.loads(pickle.dumps(record))) is Limit


def test_knows_its_fields() -> None:
    assert Limit._fields == Twin._fields == ("name", "most", "tags")
    assert Limit._field_defaults == Twin._field_defaults
    assert Limit("pids", 3).shown == "pids ≤ 3"
    assert str(inspect.signature(Limit)) == "(name: 'str', most: 'int' = 0, tags: 'tuple[str, ...]' = ())"
    match Limit("pids", 3):
        case Limit(name, most):
            assert (name, most) == ("pids", 3)


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "too many": (lambda: Limit("a", 1, (), 2), "Limit() takes 3 arguments but 4 were given"),  # type: ignore[call-arg]
    "unknown": (lambda: Limit("a", least=1), "Limit() got an unexpected argument 'least'"),  # type: ignore[call-arg]
    "twice": (lambda: Limit("a", name="b"), "Limit() got two values for 'name'"),  # type: ignore[misc]
    "too few": (lambda: Limit(most=1), "Limit() misses 'name'"),  # type: ignore[call-arg]
    "too few values": (lambda: Limit._make(["a"]), "Expected 3 arguments, got 1"),
    "no fields": (
        lambda: type(Record)("Empty", (Record,), {}),
        "Empty has no fields; its module needs: from __future__ import annotations",
    ),
}


@pytest.mark.parametrize(("make", "says"), WRONG.values(), ids=WRONG)
def test_refuses_what_is_wrong(make: Callable[[], object], says: str) -> None:
    with pytest.raises(TypeError) as caught:
        make()
    assert str(caught.value) == says


def test_replaces_only_fields() -> None:
    with pytest.raises(ValueError, match=r"^Got unexpected field names: \['least'\]$"):
        Limit("a")._replace(least=1)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["most", "other"])
def test_never_changes(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(Limit("a"), name, 1)
