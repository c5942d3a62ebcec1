"""What a pod may ask for and nothing here carries out: said before anything runs, all at once, each with its place."""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.errors import PodRefused
from ecirun.record import Record
from ecirun.spec.pod import Container, Pod, Volume

VOLUMES = ("configMap", "downwardAPI", "emptyDir", "image", "persistentVolumeClaim", "projected", "secret")
# A token needs an API server that issues it; every pod of `kubectl get -o yaml` has one.
PROJECTED = ("configMap", "downwardAPI", "secret", "serviceAccountToken")


class Unsupported(Record):
    """One such thing: its field path, what it is, and what to do instead."""

    path: str
    what: str
    hint: str


def refuse_unsupported(pod: Pod) -> None:
    """Raises PodRefused when there is anything of that kind."""
    found = list(unsupported(pod))
    if not found:
        return
    found.sort(key=lambda entry: (pod.where(entry.path).line, pod.where(entry.path).column))
    listed = "".join(f"\n    {pod.where(entry.path)}: {entry.path}: {entry.what}" for entry in found)
    hints = dict.fromkeys(entry.hint for entry in found)
    raise PodRefused(f'Can\'t run pod "{pod.name}": nothing here carries out{listed}', hint="; ".join(hints))


def unsupported(pod: Pod) -> Iterator[Unsupported]:
    """All of it."""
    for container in (*pod.init_containers, *pod.containers):
        yield from _in_container(container)
    mounted = mounted_volumes(pod)
    for volume in pod.volumes:
        if volume.name in mounted:
            yield from _in_volume(volume)


def mounted_volumes(pod: Pod) -> set[str]:
    """The names of the volumes that some container mounts; the others are not even looked at, as the kubelet does."""
    return {mount.name for container in (*pod.init_containers, *pod.containers) for mount in container.volume_mounts}


def _in_container(container: Container) -> Iterator[Unsupported]:
    for variable in container.env:
        if variable.value_from is not None and variable.value_from.kind == "fileKeyRef":
            yield Unsupported(variable.value_from.path, "a variable from a file of a volume", "use a ConfigMap or a Secret")
    for probe in (container.startup_probe, container.liveness_probe, container.readiness_probe):
        if probe is not None and probe.handler.kind == "grpc":
            yield Unsupported(probe.handler.path, "a gRPC probe, which ECI does not have", "use exec, httpGet or tcpSocket")


def _in_volume(volume: Volume) -> Iterator[Unsupported]:
    if volume.source and volume.source not in VOLUMES:
        what = f"a volume of the kind {volume.source}"
        yield Unsupported(f"{volume.path}.{volume.source}", what, f"use one of {', '.join(VOLUMES)}")
    elif volume.source == "projected":
        for number, entry in enumerate(volume.options.get("sources", ())):
            for kind in entry:
                if kind not in PROJECTED:
                    where = f"{volume.path}.projected.sources[{number}].{kind}"
                    yield Unsupported(where, f"a {kind} in a volume", f"leave {kind} out")
