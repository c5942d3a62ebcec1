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
    _MISSING = object()
    _Field = type(namedtuple("_Sample", "field").field)  # twice as quick as a property

    class _RecordType(type):
        """The class of records: it finds the fields of one among its annotations."""

        def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> type:
            fields = tuple(space.get("__annotations__", ()))
            if not fields and bases != (tuple,):
                raise TypeError(f"{name} has no fields; its module needs: from __future__ import annotations")
            defaults = {field: space[field] for field in fields if field in space}
            space |= {
                "_whole": tuple(defaults.get(field, _MISSING) for field in fields),
                "_needed": len(fields) - len(defaults),
            }
            space |= {field: _Field(number, None) for number, field in enumerate(fields)}
            space |= {"_fields": fields, "_field_defaults": defaults, "__match_args__": fields, "__slots__": ()}
            return super().__new__(cls, name, bases, space)

        @property
        def __signature__(cls) -> Signature:
            """What help() and editors show."""
            from inspect import Parameter, Signature

            kind, defaults = Parameter.POSITIONAL_OR_KEYWORD, cls._field_defaults
            return Signature(
                [
                    Parameter(field, kind, default=defaults.get(field, Parameter.empty), annotation=note)
                    for field, note in cls.__annotations__.items()
                ]
            )

    class Record(tuple, metaclass=_RecordType):
        """A tuple whose elements have names."""

        def __new__(cls, *values: Any, **named: Any) -> Record:
            fields, given = cls._fields, len(values)
            if named or given != len(fields):
                values += tuple(map(named.pop, fields[given:], cls._whole[given:]))
                if named or given > len(fields) or _MISSING in values[given : cls._needed]:
                    raise _wrong(cls, given, named, values)
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

    def _wrong(cls: type[Record], given: int, left: Mapping[str, Any], values: tuple[Any, ...]) -> TypeError:
        """What a function with these parameters would say to so many `given` by position and these `left` of the named."""
        fields = cls._fields
        if given > len(fields):
            return TypeError(f"{cls.__name__}() takes {len(fields)} arguments but {given} were given")
        for name in left:
            if name in fields:
                return TypeError(f"{cls.__name__}() got two values for {name!r}")
            return TypeError(f"{cls.__name__}() got an unexpected argument {name!r}")
        missing = [repr(field) for field, value in zip(fields, values, strict=True) if value is _MISSING]
        return TypeError(f"{cls.__name__}() misses {', '.join(missing)}")
