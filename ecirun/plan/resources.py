"""Requests and limits → a container's control group, and the size of the instance that ECI would make.

Rules: Kubernetes pkg/kubelet/cm/helpers_linux.go (MilliCPUToShares, MilliCPUToQuota); ECI, "Specify the number of vCPUs and
memory size to create a pod" (sums, rounding up to the next size on offer).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import inf

from ecirun.plan.model import USUAL_LIMITS, Limits, Size
from ecirun.spec.pod import Container, Pod

DEFAULT_SIZE = (2.0, 4.0)
# vCPU: GiB of memory that can be had with it, in every region.
SIZES: Mapping[float, tuple[float, ...]] = {
    0.25: (0.5, 1),
    0.5: (1, 2),
    1: (2, 4, 8),
    2: (1, 2, 4, 8, 16),
    4: (2, 4, 8, 16, 32),
    8: (4, 8, 16, 32, 64),
    12: (12, 24, 48, 96),
    16: (16, 32, 64, 128),
    24: (24, 48, 96, 192),
    32: (32, 64, 128, 256),
    52: (96, 192, 384),
    64: (128, 256, 512),
}
SPECS = "k8s.aliyun.com/eci-use-specs"
IGNORED = "__ECI_RESOURCE_IGNORE__"


def limits_of(container: Container) -> Limits:
    """What the container's control group allows."""
    cpu, memory = container.limits.get("cpu"), container.limits.get("memory")
    asked = container.requests.get("cpu")
    shares = max(2, min(262144, asked.milli_value() * 1024 // 1000)) if asked else USUAL_LIMITS.cpu_shares
    quota = max(1000, cpu.milli_value() * 100) if cpu and cpu.milli_value() else None
    return Limits(shares, quota, memory.value() if memory else None, USUAL_LIMITS.pids)


def qos_class(pod: Pod) -> str:
    """Kubernetes' quality of service class (pkg/apis/core/v1/helper/qos/qos.go)."""
    containers = (*pod.init_containers, *pod.containers)
    asked = [
        (container.requests.get(name), container.limits.get(name)) for container in containers for name in ("cpu", "memory")
    ]
    amounts = [(request.scaled(10**9) if request else 0, limit.scaled(10**9) if limit else 0) for request, limit in asked]
    if not any(request or limit for request, limit in amounts):
        return "BestEffort"
    return "Guaranteed" if all(limit and limit == request for request, limit in amounts) else "Burstable"


def size_of(pod: Pod) -> Size:
    """The instance that ECI would make for the pod."""
    for entry in re.split(r"[,;]", pod.annotations.get(SPECS, "")):
        if match := re.fullmatch(r"\s*([0-9.]+)-([0-9.]+)(Gi)?\s*", entry):
            return Size(float(match[1]), float(match[2]), f"annotation {SPECS}")
    counted = [container for container in pod.containers if not _is_ignored(container)]
    for family in ("limits", "requests"):
        cpu, memory = _sum(counted, family, "cpu", 1000), _sum(counted, family, "memory", 1)
        if cpu or memory:
            return _rounded_up(cpu / 1000, memory / 2**30, f"sum of the containers' {family}")
    return Size(*DEFAULT_SIZE, "default (no container has requests or limits)")


def _is_ignored(container: Container) -> bool:
    return any(variable.name == IGNORED and variable.value.upper() == "TRUE" for variable in container.env)


def _sum(containers: Iterable[Container], family: str, resource: str, per_unit: int) -> int:
    amounts = (getattr(container, family).get(resource) for container in containers)
    return sum(amount.scaled(per_unit) for amount in amounts if amount)


def _rounded_up(cpu: float, memory: float, origin: str) -> Size:
    fitting = ((size, gib) for size, gibs in SIZES.items() if size >= cpu for gib in gibs if gib >= memory)
    size = min(fitting, default=(inf, inf))
    if size[0] == inf:
        return Size(cpu, memory, f"{origin}; larger than what ECI offers")
    return Size(float(size[0]), float(size[1]), f"{origin}, rounded up to a size on offer")
