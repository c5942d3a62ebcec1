"""Plans of minimal pods, without an image store and without a kernel to probe."""

from __future__ import annotations

from typing import Any

from running import pod_yaml

from ecirun.plan.build import Options, build_plan
from ecirun.plan.facts import Facts, ImageFacts, SysctlFact, SysctlFacts
from ecirun.plan.model import ContainerPlan, PodPlan
from ecirun.policy.load import load_policy
from ecirun.spec import read_pods
from ecirun.spec.pod import Pod

PASSWD = "root:x:0:0:root:/root:/bin/sh\nsync:x:4:100:sync:/bin:/bin/sync\napp:x:1000:1001:app:/home/app:/bin/sh\n"
GROUP = "root:x:0:\nwheel:x:10:root,app\nvideo:x:44:app\n"

# What stands in the root of the image that the tests plan with.
TREE = {"": "dir", "bin": "dir", "bin/sh": "file", "etc": "dir", "tmp": "dir", "etc/hosts": "file", "etc/hostname": "file"}
TREE |= {"etc/resolv.conf": "file", "proc": "dir", "sys": "dir", "dev": "dir"}


def image(**parts: Any) -> ImageFacts:
    """An image with busybox's usual files, and what a test says of its configuration."""
    known = {"passwd": PASSWD, "group": GROUP, "cmd": ("sh",), "kind_of": lambda path: TREE.get(path.strip("/"))}
    known |= {"digest": "sha256:" + "0" * 64, "rootfs": "/store/root", "present": True}
    return ImageFacts("busybox", **{**known, **parts})


def facts(**states: tuple[str, str | None]) -> SysctlFacts:
    """What a probe saw: `facts(net_core_somaxconn=("writable", "4096"))`, or with the path as a key."""
    return {path: SysctlFact(*state) for path, state in states.items()}  # type: ignore[arg-type]


def pod_of(*, pod: str = "", container: str = "", pod_name: str = "test") -> Pod:
    """The pod of a minimal spec with these lines more."""
    (reading,) = read_pods(pod_yaml(pod=pod, container=container, name=pod_name).encode(), "pod.yaml", validate="strict")
    assert reading.pod is not None, reading.findings
    return reading.pod


def plan_of(
    *,
    pod: str = "",
    container: str = "",
    pod_name: str = "test",
    image: ImageFacts = image(),  # noqa: B008
    facts: SysctlFacts | None = None,
    **options: Any,
) -> PodPlan:
    """The plan of such a pod; `options` are those of the command line."""
    read = pod_of(pod=pod, container=container, pod_name=pod_name)
    return build_plan(read, load_policy("eci-2024-02-26"), Facts({"busybox": image}, facts), Options(**options))


def container_of(**parts: Any) -> ContainerPlan:
    """The plan of its container."""
    return plan_of(**parts).containers[0]
