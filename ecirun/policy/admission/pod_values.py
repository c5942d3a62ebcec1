"""A pod as admission sees it: the plain values of metadata and spec, with their field paths.

Admission looks at many fields that nothing else here acts on, so it works on the values that were read rather than on the
typed pod. Where the API server fills in a field before admission looks at it, the function here does so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ecirun.record import Record

Values = Mapping[str, Any]

# In this order Kubernetes visits them (pkg/api/v1/pod/util.go, VisitContainers).
FAMILIES = ("initContainers", "containers", "ephemeralContainers")


class ContainerValues(Record):
    """One container: its values, and its field path."""

    values: Values
    path: str

    @property
    def name(self) -> str:
        """The container's name; empty when the file gives none."""
        name: str = self.values.get("name", "")
        return name

    @property
    def context(self) -> Values:
        """The container's securityContext; empty when it has none."""
        context: Values = self.values.get("securityContext", {})
        return context


class PodValues(Record):
    """A pod, or the pod template of a workload. `prefix` stands before `spec` in every path (see `ecirun.spec.pod.Pod`)."""

    metadata: Values
    spec: Values
    prefix: str
    containers: tuple[ContainerValues, ...]

    @property
    def context(self) -> Values:
        """The pod's securityContext; empty when it has none."""
        context: Values = self.spec.get("securityContext", {})
        return context

    @property
    def annotations(self) -> Mapping[str, str]:
        """The pod's annotations."""
        annotations: Mapping[str, str] = self.metadata.get("annotations", {})
        return annotations

    def at(self, field: str) -> str:
        """The path of a field of the spec."""
        return f"{self.prefix}spec.{field}"

    def annotation_at(self, key: str) -> str:
        """The path of an annotation."""
        return f"{self.prefix}metadata.annotations[{key}]"


def pod_values(template: Values, prefix: str) -> PodValues:
    """The pod in an object's `template` (see `ecirun.spec.read.Reading.template`)."""
    spec = template.get("spec", {})
    containers = tuple(
        ContainerValues(values, f"{prefix}spec.{family}[{index}]")
        for family in FAMILIES
        for index, values in enumerate(spec.get(family, ()))
    )
    return PodValues(template.get("metadata", {}), spec, prefix, containers)


def host_ports(pod: PodValues, container: ContainerValues) -> Iterator[tuple[int, str]]:
    """Each host port that the container takes, with its path.

    With hostNetwork every port is one of the host, said or not (pkg/apis/core/v1/defaults.go, defaultHostNetworkPorts).
    """
    for index, port in enumerate(container.values.get("ports", ())):
        number = port.get("hostPort") or (port.get("containerPort", 0) if pod.spec.get("hostNetwork") else 0)
        if number:
            yield number, f"{container.path}.ports[{index}].hostPort"


def volume_source(volume: Values) -> str:
    """The API's field name of the volume's source; a volume without one is an emptyDir (defaults.go, SetDefaults_Volume)."""
    return next((key for key in volume if key != "name"), "emptyDir")
