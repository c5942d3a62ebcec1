"""The pod's volumes: what is made, and with which files in it.

Rules: Kubernetes pkg/volume/{emptydir,configmap,secret,downwardapi,projected}, pkg/volume/util/atomic_writer.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ecirun.errors import LaunchFailed, ReferenceMissing
from ecirun.plan.environment import text_of
from ecirun.plan.facts import Facts
from ecirun.plan.model import Volume, VolumeFile
from ecirun.plan.references import Surroundings
from ecirun.plan.unsupported import VOLUMES, mounted_volumes
from ecirun.spec import pod as spec
from ecirun.spec.pod import Container, Pod

Options = Mapping[str, Any]

ROOT_CERTIFICATE = "kube-root-ca.crt"  # the ConfigMap that each namespace has, beside the token of each pod


def plan_volumes(pod: Pod, around: Surroundings, facts: Facts) -> tuple[Volume, ...]:
    """The volumes that containers mount, in the spec's order. Raises LaunchFailed for one that cannot be made."""
    mounted = mounted_volumes(pod)
    return tuple(_volume(volume, pod, around, facts) for volume in pod.volumes if volume.name in mounted)


def _volume(volume: spec.Volume, pod: Pod, around: Surroundings, facts: Facts) -> Volume:
    gid = pod.security_context.fs_group
    what = f'volume "{volume.name}"'
    try:
        if volume.source in ("emptyDir", ""):
            return _empty_dir(volume, gid, _memory_of(pod, around))
        if volume.source == "image":
            image = facts.images[volume.options.get("reference", "")]
            return Volume(volume.name, "image", path=image.rootfs, read_only=True)
        if volume.source == "persistentVolumeClaim":
            return _claim(volume, gid, facts, once=pod.security_context.fs_group_change_policy == "OnRootMismatch")
        if volume.source not in VOLUMES:
            raise ReferenceMissing(f"{volume.source} is not mounted here")
        if _has_token(volume):
            around.warnings.append(f"{what}: there is no API server here, so there is no token in it and no certificate")
        files = tuple(_files(volume.source, volume.options, pod, around))
    except ReferenceMissing as error:
        if around.lenient:
            around.assume(what, error)
            return Volume(volume.name, "unknown", read_only=True)
        raise LaunchFailed(f"Can't set up {what}: {error.message}", step="volumes", hint=error.hint) from None
    return Volume(volume.name, "files", gid=gid, read_only=True, files=files)


def _has_token(volume: spec.Volume) -> bool:
    return any("serviceAccountToken" in entry for entry in volume.options.get("sources", ()))


def _memory_of(pod: Pod, around: Surroundings) -> int:
    """What a tmpfs can hold at most: what the containers may use, or else all of the pod's machine."""
    limits = [container.memory_limit for container in pod.containers]
    machine = int(around.size.memory * 2**30)
    return min(machine, sum(limit for limit in limits if limit)) if all(limits) else machine


def _empty_dir(volume: spec.Volume, gid: int | None, memory: int) -> Volume:
    medium, text = volume.options.get("medium", ""), volume.options.get("sizeLimit")
    size = None
    if text:
        from ecirun.spec.quantity import parse_quantity

        size = parse_quantity(str(text)).value()
    if medium not in ("", "Memory"):
        raise ReferenceMissing(f'unknown storage medium "{medium}"', hint='leave medium out, or use "Memory"')
    if medium:
        return Volume(volume.name, "memory", min(size or memory, memory), gid, limit=str(text or ""))
    return Volume(volume.name, "directory", size or None, gid, limit=str(text or ""))


def _claim(volume: spec.Volume, gid: int | None, facts: Facts, *, once: bool) -> Volume:
    claim = volume.options.get("claimName", "")
    if claim not in facts.claims:
        raise ReferenceMissing(
            f'no folder is mapped to the claim "{claim}"', hint=f"map one of this machine with --volume {claim}=DIR"
        )
    if volume.options.get("readOnly"):
        return Volume(volume.name, "mapped", path=facts.claims[claim], read_only=True)
    return Volume(volume.name, "mapped", gid=gid, owned_once=once, path=facts.claims[claim])


def _files(source: str, options: Options, pod: Pod, around: Surroundings) -> Iterator[VolumeFile]:
    """The files of a configMap, secret, downwardAPI or projected volume. Raises ReferenceMissing."""
    mode = options.get("defaultMode", 0o644)
    if source in ("configMap", "secret"):
        kind = "ConfigMap" if source == "configMap" else "Secret"
        yield from _data_files(kind, options.get("secretName") or options.get("name", ""), options, mode, around)
    elif source == "downwardAPI":
        yield from _downward_files(options, mode, pod, around)
    elif source == "projected":
        found: dict[str, VolumeFile] = {}
        for entry in options.get("sources", ()):
            for kind, inner in entry.items():
                if kind == "serviceAccountToken":
                    continue
                if kind == "configMap" and inner.get("name") == ROOT_CERTIFICATE:
                    inner = {**inner, "optional": True}
                for file in _files(kind, {"defaultMode": mode, **inner}, pod, around):
                    if file.path in found:
                        raise ReferenceMissing(f"conflicting duplicate paths: {file.path}", hint="give each file its own path")
                    found[file.path] = file
        yield from found.values()
    else:
        raise ReferenceMissing(f"{source} is not supported")


def _data_files(kind: str, name: str, options: Options, mode: int, around: Surroundings) -> Iterator[VolumeFile]:
    optional = bool(options.get("optional"))
    data = around.data(kind, name, optional=optional) or {}
    items = options.get("items")
    if not items:
        for key in sorted(data):
            yield VolumeFile(key, text_of(data[key]), mode, kind == "Secret")
        return
    for item in items:
        key = item.get("key", "")
        if key not in data:
            if optional:
                continue
            text = f"references non-existent {'config' if kind == 'ConfigMap' else 'secret'} key: {key}"
            raise ReferenceMissing(
                f"{'configmap ' if kind == 'ConfigMap' else ''}{text}", hint="choose one of " + ", ".join(sorted(data))
            )
        yield VolumeFile(item.get("path", ""), text_of(data[key]), item.get("mode", mode), kind == "Secret")


def _downward_files(options: Options, mode: int, pod: Pod, around: Surroundings) -> Iterator[VolumeFile]:
    for item in options.get("items", ()):
        if "fieldRef" in item:
            content = around.field(item["fieldRef"].get("fieldPath", ""))
        else:
            content = around.resource(_named(pod, item.get("resourceFieldRef", {})), item.get("resourceFieldRef", {}))
        yield VolumeFile(item.get("path", ""), content, item.get("mode", mode))


def _named(pod: Pod, options: Options) -> Container:
    """The container that a resourceFieldRef of a volume names; it must name one, and the lookup says so when it does not."""
    name = options.get("containerName")
    return next((container for container in pod.containers if container.name == name), pod.containers[0])
