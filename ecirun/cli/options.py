"""Options that several commands share."""

from __future__ import annotations

from ecirun.cli.command import Given, Option

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Any

    import click

    from ecirun.plan.build import Options


def spec_name() -> click.ParamType[Any]:
    """The type of SPEC, which the shell can complete."""
    from ecirun.cli.spec_name import SpecName

    return SpecName()


policy = Option(
    "--policy",
    default="eci-2024-02-26",
    metavar="NAME|FILE",
    help="The policy to judge by; none leaves ECI's rules out.",
)
admission = Option(
    "--admission",
    multiple=True,
    metavar="NAME|FILE",
    help="What a cluster checks first (default: nothing); repeat it for several. NAME is pss:LEVEL[@VERSION], psp:NAME, "
    "kubelet, or namespaces (judge by the labels of the Namespaces that stand before the pods in the input); FILE has "
    "PodSecurityPolicies or labelled Namespaces. See `ecirun admission`.",
)
allowed_unsafe_sysctls = Option(
    "--allowed-unsafe-sysctls",
    multiple=True,
    metavar="PATTERN,...",
    help="The kubelet's flag of that name; asks for the gate kubelet too.",
)
validate = Option(
    "--validate",
    choices=("strict", "warn", "ignore"),
    default="strict",
    help="What an unknown, misplaced or repeated field is.",
)
unsupported = Option(
    "--unsupported",
    choices=("refuse", "ignore"),
    default="refuse",
    help="What becomes of privileged, procMount and readOnlyRootFilesystem: false.",
)
writable_root = Option("--writable-root", flag=True, help="Give the root a throw-away overlay that can be written.")
beside = Option(
    "--with",
    key="beside",
    multiple=True,
    metavar="FILE",
    help="A further file with ConfigMaps and Secrets that the pod refers to.",
)
volume = Option(
    "--volume", multiple=True, metavar="NAME=DIR", help="Map a folder of this machine to the claim NAME of a persistent volume."
)
network = Option(
    "--network",
    choices=("loopback", "bridge", "none"),
    default="loopback",
    help="Only lo; lo and an eth0 on a bridge of this host; or lo left down.",
)
sysctls = Option(
    "--sysctls",
    choices=("shadow", "strict", "host"),
    default="shadow",
    help="What becomes of a sysctl that this kernel cannot give to a pod alone: shown without effect, refused, "
    "or written to the host.",
)
store = Option("--store", metavar="DIR", help="The image store (default: $ECIRUN_STORE, or /var/lib/ecirun).")


def plan_options(given: Given, tail: tuple[str, ...] | None) -> Options:
    """What was chosen of the plan; `tail` is what followed the first `--`, if any."""
    from ecirun.plan.build import Options

    return Options(
        container=given["container"],
        command=tail,
        name=given["name"],
        network=given["network"],
        sysctls=given["sysctls"],
        writable_root=given["writable_root"],
        terminal=given["tty"],
    )
