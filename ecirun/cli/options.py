"""Options that several commands share, and how ecirun speaks on stderr."""

from __future__ import annotations

from collections.abc import Callable

import click

from ecirun.errors import EcirunError

policy = click.option(
    "--policy",
    default="eci-2024-02-26",
    metavar="NAME|FILE",
    help="The policy to judge by; none leaves ECI's rules out.",
    show_default=True,
)
admission = click.option(
    "--admission",
    multiple=True,
    metavar="NAME|FILE",
    help="What a cluster checks first (default: nothing); repeat it for several. NAME is pss:LEVEL[@VERSION], psp:NAME, "
    "kubelet, or namespaces (judge by the labels of the Namespaces that stand before the pods in the input); FILE has "
    "PodSecurityPolicies or labelled Namespaces. See `ecirun admission`.",
)
allowed_unsafe_sysctls = click.option(
    "--allowed-unsafe-sysctls",
    multiple=True,
    metavar="PATTERN,...",
    help="The kubelet's flag of that name; asks for the gate kubelet too.",
)
validate = click.option(
    "--validate",
    type=click.Choice(["strict", "warn", "ignore"]),
    default="strict",
    show_default=True,
    help="What an unknown, misplaced or repeated field is.",
)
unsupported = click.option(
    "--unsupported",
    type=click.Choice(["refuse", "ignore"]),
    default="refuse",
    show_default=True,
    help="What becomes of privileged, procMount and readOnlyRootFilesystem: false.",
)
writable_root = click.option("--writable-root", is_flag=True, help="Give the root a throw-away overlay that can be written.")
beside = click.option(
    "--with",
    "beside",
    multiple=True,
    metavar="FILE",
    help="A further file with ConfigMaps and Secrets that the pod refers to.",
)
volume = click.option(
    "--volume", multiple=True, metavar="NAME=DIR", help="Map a folder of this machine to the claim NAME of a persistent volume."
)
network = click.option(
    "--network",
    type=click.Choice(["loopback", "bridge", "none"]),
    default="loopback",
    show_default=True,
    help="Only lo; lo and an eth0 on a bridge of this host; or lo left down.",
)
sysctls = click.option(
    "--sysctls",
    type=click.Choice(["shadow", "strict", "host"]),
    default="shadow",
    show_default=True,
    help="What becomes of a sysctl that this kernel cannot give to a pod alone: shown without effect, refused, "
    "or written to the host.",
)
store = click.option("--store", default="", metavar="DIR", help="The image store (default: $ECIRUN_STORE, or /var/lib/ecirun).")


def speaker(*, quiet: bool) -> Callable[[str], None]:
    """A function that says one line on stderr, or nothing when `quiet`."""

    def say(text: str) -> None:
        if not quiet:
            click.echo(f"ecirun: {text}", err=True)

    return say


def warner(*, quiet: bool = False) -> Callable[[str], None]:
    """A function that says one warning on stderr, or nothing when `quiet`."""
    say = speaker(quiet=quiet)
    return lambda text: say(f"warning: {text}")


def say_error(error: EcirunError) -> None:
    """An error and its hint on stderr."""
    click.echo(f"ecirun: error: {error.message}", err=True)
    if error.hint:
        click.echo(f"    hint: {error.hint}", err=True)
