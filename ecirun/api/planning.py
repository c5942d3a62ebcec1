"""From a judged pod to its plan: look up what the plan must know of images and of this kernel, then decide."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import cache

from ecirun.image.model import Image
from ecirun.image.obtain import obtain_image
from ecirun.image.progress import Progress
from ecirun.image.store import find_image, path_kind, read_root_file
from ecirun.plan.build import Options, build_plan, chosen_container
from ecirun.plan.facts import Facts, ImageFacts, Objects, SysctlFact, SysctlFacts
from ecirun.plan.model import PodPlan
from ecirun.policy.load import Policy
from ecirun.spec.pod import Pod
from ecirun.spec.sysctl_name import canonical, proc_path

Probe = Callable[[list[str]], Mapping[str, tuple[str, str | None]]]
Build = Callable[[Pod, Policy, Facts, Options], PodPlan]


def plan_pod(
    pod: Pod,
    policy: Policy,
    options: Options,
    store: str,
    *,
    objects: Objects,
    claims: Mapping[str, str],
    must_run: bool,
    progress: Progress,
    look: Probe | None = None,
    build: Build = build_plan,
) -> PodPlan:
    """The pod's plan. With `must_run` images are built or pulled by their pull policies; else a missing one is assumed.

    `look` tells what fresh namespaces make of sysctls; without it a process is forked to find out. `build` decides.
    """
    chosen_container(pod, options.container)
    images = {}
    for reference, pull_policy in _wanted_images(pod):
        image = obtain_image(reference, pull_policy, store, progress) if must_run else find_image(reference, store)
        images[reference] = image_facts(image) if image else ImageFacts(reference, "", "", present=False)
    facts = Facts(
        images=images,
        sysctls=sysctl_facts(pod, look),
        objects=objects,
        claims=claims,
        host_dns=_host_dns(),
    )
    return build(pod, policy, facts, options._replace(lenient=not must_run))


def _wanted_images(pod: Pod) -> dict[tuple[str, str | None], None]:
    """The reference and pull policy of each container's image, and of each image that is mounted as a volume, once."""
    containers = [(container.image, container.image_pull_policy) for container in (*pod.init_containers, *pod.containers)]
    mounted = [volume.options for volume in pod.volumes if volume.source == "image"]
    return dict.fromkeys([*containers, *((options.get("reference", ""), options.get("pullPolicy")) for options in mounted)])


def _host_dns() -> str:
    try:
        descriptor = os.open("/etc/resolv.conf", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, 65536).decode(errors="replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)


def sysctl_facts(pod: Pod, look: Probe | None) -> SysctlFacts | None:
    """What this kernel makes of the pod's sysctls; None where it may not be asked."""
    # Whether eth0 exists is up to the launch; every interface of a fresh namespace has the keys that lo has there.
    paths = [proc_path(canonical(entry.name)) for entry in pod.security_context.sysctls]
    asked = {path: path.replace("/eth0/", "/lo/") for path in paths}
    if not asked:
        return {}
    if not sys.platform.startswith("linux"):
        return None
    from ecirun.linux.sysctl_probe import probe

    try:
        seen = (look or probe)(list(asked.values()))
    except OSError:
        return None
    return {path: SysctlFact(*seen[looked_at]) for path, looked_at in asked.items()}  # type: ignore[arg-type]


def image_facts(image: Image) -> ImageFacts:
    """What a plan needs of an image in the store."""
    if not os.access(image.rootfs, os.R_OK | os.X_OK):
        return _config_facts(image)._replace(readable=False)  # roots are for the owner of the store
    key = image.digest, image.rootfs
    if key not in _known:
        _known[key] = _config_facts(image)._replace(
            passwd=read_root_file(image, "etc/passwd") or "",
            group=read_root_file(image, "etc/group") or "",
            kind_of=cache(lambda path: path_kind(image, path)),
        )
    return _known[key]._replace(reference=image.reference)


_known: dict[tuple[str, str], ImageFacts] = {}  # what a digest stands for does not change


def _config_facts(image: Image) -> ImageFacts:
    config = image.config
    return ImageFacts(
        reference=image.reference,
        digest=image.digest,
        rootfs=image.rootfs,
        present=True,
        user=config.user,
        env=config.env,
        entrypoint=config.entrypoint,
        cmd=config.cmd,
        working_dir=config.working_dir,
        stop_signal=config.stop_signal,
        volumes=config.volumes,
    )
