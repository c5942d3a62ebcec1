"""Records: what `typing.NamedTuple` makes, at a tenth of its price.

NamedTuple compiles a constructor for each class. Forty of those were a twelfth of `ecirun run`, which lives for a moment. A
Record's constructor is one for all of them.

    class Limit(Record):
        name: str
        most: int = 0

It takes its values by position or by name, is a tuple, never changes, and has `_replace`, `_make`, `_asdict` and `_fields`. The
module that has it needs `from __future__ import annotations`.

For the same reason, what `ecirun run` imports for a spec that it knows does not import `typing`: it has a constant of its own
that type checkers take for `typing.TYPE_CHECKING`, and names types only where they alone look.
"""

from __future__ import annotations

from collections import namedtuple

__all__ = ["Record"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from inspect import Signature
    from typing import Any
    from typing import NamedTuple as Record
else:
    _Field = type(namedtuple("_Sample", "field").field)  # twice as quick as a property

    class _RecordType(type):
        """The class of records: it finds the fields of one among its annotations."""

        def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> type:
            fields = tuple(space.get("__annotations__", ()))
            if not fields and bases != (tuple,):
                raise TypeError(f"{name} has no fields; its module needs: from __future__ import annotations")
            defaults = {field: space[field] for field in fields if field in space}
            space |= {field: _Field(number, None) for number, field in enumerate(fields)}
            space |= {"_fields": fields, "_field_defaults": defaults, "__match_args__": fields, "__slots__": ()}
            return super().__new__(cls, name, bases, space)

        @property
        def __signature__(cls) -> Signature:
            """What help() and editors show."""
            from inspect import Parameter, Signature

            defaults = {field: cls._field_defaults.get(field, Parameter.empty) for field in cls._fields}
            kind = Parameter.POSITIONAL_OR_KEYWORD
            notes = cls.__annotations__
            return Signature([Parameter(field, kind, default=defaults[field], annotation=notes[field]) for field in defaults])

    class Record(tuple, metaclass=_RecordType):
        """A tuple whose elements have names."""

        def __new__(cls, *values: Any, **named: Any) -> Record:
            if named or len(values) != len(cls._fields):
                values = _completed(cls, values, named)
            return tuple.__new__(cls, values)

        @classmethod
        def _make(cls, values: Iterable[Any]) -> Record:
            record = tuple.__new__(cls, values)
            if len(record) != len(cls._fields):
                raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(record)}")
            return record

        def _replace(self, **named: Any) -> Record:
            record = tuple.__new__(type(self), map(named.pop, self._fields, self))
            if named:
                raise ValueError(f"Got unexpected field names: {list(named)!r}")
            return record

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self, strict=True))

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)

        def __repr__(self) -> str:
            named = (f"{field}={value!r}" for field, value in zip(self._fields, self, strict=True))
            return f"{type(self).__name__}({', '.join(named)})"

    def _completed(cls: type[Record], values: tuple[Any, ...], named: Mapping[str, Any]) -> list[Any]:
        """The values of all fields. Raises TypeError as a function with these parameters would."""
        fields = cls._fields
        if len(values) > len(fields):
            raise TypeError(f"{cls.__name__}() takes {len(fields)} arguments but {len(values)} were given")
        given = dict(zip(fields, values, strict=False))
        for name in named:
            if name not in fields:
                raise TypeError(f"{cls.__name__}() got an unexpected argument {name!r}")
            if name in given:
                raise TypeError(f"{cls.__name__}() got two values for {name!r}")
        whole = {**cls._field_defaults, **given, **named}
        missing = [field for field in fields if field not in whole]
        if missing:
            raise TypeError(f"{cls.__name__}() misses {', '.join(map(repr, missing))}")
        return [whole[field] for field in fields]
