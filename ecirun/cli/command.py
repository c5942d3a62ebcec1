"""A command as data: its plain use is read without click, whose import alone takes longer than a pod's launch.

Whatever is not plain (help, abbreviations, completion, what is wrong and must be said) is click's, which is given the same
data. So there is one declaration, and the words of an error are the same for every command.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ecirun.record import Record

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Any

    import click

    from ecirun.plan.model import PodPlan
    from ecirun.runtime.launching import Launcher

Given = dict[str, "Any"]


class CommandLine(Record):
    """What stands beside a command's own words: what followed the first `--`, if any, and what was done ahead.

    `words` are all of this process; `launcher` was started ahead, for the plan `decided`, if that was decided before.
    """

    tail: tuple[str, ...] | None
    launcher: Launcher | None = None
    words: tuple[str, ...] = ()
    decided: PodPlan | None = None


class Option:
    """An option, which also decorates functions that click makes commands of.

    `kind` makes the click.ParamType of a value that is more than text; `complete` that of one that a shell can complete.
    """

    def __init__(
        self,
        *names: str,
        help: str,
        key: str = "",
        default: Any = "",
        flag: bool = False,
        multiple: bool = False,
        choices: Sequence[str] = (),
        kind: Callable[[], Any] | None = None,
        complete: Callable[[], Any] | None = None,
        metavar: str | None = None,
    ) -> None:
        self.names = names
        self.key = key or names[-1].removeprefix("--").replace("-", "_")
        self.help = help
        self.default = False if flag else () if multiple else default
        self.flag = flag
        self.multiple = multiple
        self.choices = choices
        self.kind = kind
        self.complete = complete
        self.metavar = metavar

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Add it to a command of click's."""
        import click

        make = self.kind or self.complete
        kind = click.Choice(list(self.choices)) if self.choices else make() if make else None
        more: dict[str, Any] = {"is_flag": True} if self.flag else {"multiple": self.multiple, "type": kind}
        if self.default and not self.flag:
            more |= {"default": self.default, "show_default": True}
        elif not self.multiple and not self.flag:
            more["default"] = self.default
        return click.option(*self.names, self.key, metavar=self.metavar, help=self.help, **more)(function)


class Argument(Record):
    """The command's argument; `several` of them at least one. `complete` makes its click.ParamType."""

    key: str
    metavar: str
    several: bool = False
    complete: Callable[[], Any] | None = None

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Add it to a command of click's."""
        import click

        kind = self.complete() if self.complete else None
        many: dict[str, Any] = {"nargs": -1, "required": True} if self.several else {}
        # Eager: options that complete by it come before or after it.
        return click.argument(self.key, metavar=self.metavar, type=kind, is_eager=not self.several, **many)(function)


class Command(Record):
    """A command. `run` takes what is given for the argument and every option, by key; its docstring is the help."""

    name: str
    argument: Argument
    options: Sequence[Option]
    run: Callable[[Given, CommandLine], int]

    def for_click(self) -> click.Command:
        """The same as click has it."""
        import click

        def callback(**given: Any) -> int:
            line = click.get_current_context().obj
            return self.run(given, line or CommandLine(None))

        callback.__doc__ = self.run.__doc__
        function: Callable[..., Any] = callback
        for option in reversed(self.options):
            function = option(function)
        return click.command(self.name)(self.argument(function))

    def read(self, words: Sequence[str]) -> Given | None:
        """What the words give, or None when they are not plain: then click reads them, or says what is wrong."""
        by_name = {name: option for option in self.options for name in option.names}
        given: Given = {option.key: option.default for option in self.options}
        arguments: list[str] = []
        rest = list(reversed(words))
        while rest:
            word = rest.pop()
            if word == "-" or not word.startswith("-"):
                arguments.append(word)
                continue
            if len(word) > 2 and word[1] != "-":  # -it: flags of one letter
                rest += [f"-{letter}" for letter in reversed(word[1:])]
                if any(f"-{letter}" not in by_name or not by_name[f"-{letter}"].flag for letter in word[1:]):
                    return None
                continue
            name, equals, value = word.partition("=")
            option = by_name.get(name)
            if option is None or option.kind is not None or (equals and option.flag):
                return None
            if option.flag:
                given[option.key] = True
                continue
            if not equals:
                if not rest or rest[-1].startswith("-"):
                    return None
                value = rest.pop()
            if option.choices and value not in option.choices:
                return None
            given[option.key] = (*given[option.key], value) if option.multiple else value
        if not arguments or (len(arguments) > 1 and not self.argument.several):
            return None
        given[self.argument.key] = tuple(arguments) if self.argument.several else arguments[0]
        return given
