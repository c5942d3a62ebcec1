"""What is executed: argv, environment and working directory.

Rules: Kubernetes docs "Define a Command and Arguments for a Container" and third_party/forked/golang/expansion (the
`$(VAR)` grammar); containerd's merge of image and pod environment.
"""

from __future__ import annotations

from collections.abc import Mapping

from ecirun.errors import LaunchFailed
from ecirun.plan.environment import Environment, expand, mentions
from ecirun.plan.facts import ImageFacts
from ecirun.plan.identity import Account
from ecirun.plan.model import POD_IP, Command
from ecirun.spec.pod import Container

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class NoCommand(ValueError):
    """Neither the spec nor the image says what to run."""


def argv_of(container: Container, image: ImageFacts, own: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    """The argument vector and which parts gave it. Raises NoCommand."""
    entrypoint = () if image.entrypoint == ("",) else image.entrypoint
    command = tuple(expand(word, own) for word in container.command or ())
    args = tuple(expand(word, own) for word in container.args or ())
    if command:
        return command + args, "spec command and args" if args else "spec command"
    if args:
        return entrypoint + args, "image ENTRYPOINT and spec args" if entrypoint else "spec args"
    argv = entrypoint + image.cmd
    if not argv:
        raise NoCommand("no command specified")
    parts = [name for name, words in (("ENTRYPOINT", entrypoint), ("CMD", image.cmd)) if words]
    return argv, "image " + " and ".join(parts)


def command_of(
    container: Container,
    image: ImageFacts,
    entry: Account | None,
    own: Environment,
    hostname: str,
    *,
    replaced_by: tuple[str, ...] | None,
    terminal: bool,
) -> Command:
    """The whole command. `own` is what the spec's env makes, `replaced_by` what followed `--` on the command line.

    Raises NoCommand.
    """
    if replaced_by is not None:
        argv, origin = replaced_by, "command line"
    else:
        argv, origin = argv_of(container, image, own.values)
    env = {"PATH": DEFAULT_PATH, "HOSTNAME": hostname}
    if terminal:
        env["TERM"] = "xterm"
    for setting in image.env:
        name, has_value, value = setting.partition("=")
        if has_value:
            env[name] = value
        else:
            env.pop(name, None)
    env.update(own.values)
    if not env.get("HOME"):
        env["HOME"] = (entry.home if entry else "") or "/"
    _refuse_nul(argv, env)
    cwd = working_directory(container, image)
    secret = () if replaced_by is not None or not own.secret else _secret_words(container, argv, own)
    return Command(argv, origin, env, cwd, terminal, own.secret, secret)


def _secret_words(container: Container, argv: tuple[str, ...], own: Environment) -> tuple[int, ...]:
    """Which words of argv have a secret in them; those of the spec are its last ones."""
    written = (*(container.command or ()), *(container.args or ()))
    first = len(argv) - len(written)
    return tuple(first + number for number, word in enumerate(written) if mentions(word, own.secret))


def working_directory(container: Container, image: ImageFacts) -> str:
    """Where the command starts. Raises LaunchFailed for a relative path, which runc refuses as well (utils_linux.go)."""
    path = container.working_dir or image.working_dir or "/"
    if not path.startswith("/"):
        whose = "workingDir" if container.working_dir else "the image's WORKDIR"
        raise LaunchFailed(f"Can't start in {path}: {whose} is not an absolute path", hint="begin workingDir with /")
    # `..` stays: behind a symbolic link it is not the directory that the text says.
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def _refuse_nul(argv: tuple[str, ...], env: Mapping[str, str]) -> None:
    for word in (*argv, *(f"{name}={value}" for name, value in env.items())):
        if "\0" in word.replace(POD_IP, ""):
            raise LaunchFailed(f"Can't execute {word!r}: it has a NUL, which ends a string", hint="remove the NUL")
