"""From a judged pod to its plan: look up what the plan must know of images and of this kernel, then decide."""

from __future__ import annotations

import sys
from collections.abc import Callable

from ecirun.errors import ImageNotFound
from ecirun.image.model import Image
from ecirun.image.store import find_image, path_kind, read_root_file
from ecirun.plan.build import Options, build_plan, chosen_container
from ecirun.plan.facts import ImageFacts, SysctlFact, SysctlFacts
from ecirun.plan.model import PodPlan
from ecirun.policy.load import Policy
from ecirun.spec.pod import Pod
from ecirun.spec.sysctl_name import canonical, proc_path


def plan_pod(pod: Pod, policy: Policy, options: Options, store: str, *, must_run: bool, say: Callable[[str], None]) -> PodPlan:
    """The pod's plan. With `must_run` a missing image is an error, and a missing local one is built; else it is assumed."""
    chosen_container(pod, options.container)
    names = dict.fromkeys(container.image for container in (*pod.init_containers, *pod.containers))
    images = {name: _image(name, store, must_run=must_run, say=say) for name in names}
    return build_plan(pod, policy, images, sysctl_facts(pod), options)


def sysctl_facts(pod: Pod) -> SysctlFacts | None:
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
        seen = probe(list(asked.values()))
    except OSError:
        return None
    return {path: SysctlFact(*seen[looked_at]) for path, looked_at in asked.items()}  # type: ignore[arg-type]


def _image(reference: str, store: str, *, must_run: bool, say: Callable[[str], None]) -> ImageFacts:
    image = find_image(reference, store)
    if image is None and must_run:
        from ecirun.image.build import build_image
        from ecirun.image.recipe import recipe_for

        recipe = recipe_for(reference)
        if recipe is None:
            raise ImageNotFound(
                f'Can\'t find image "{reference}" in the store {store}',
                hint="use busybox, which `ecirun image build busybox` makes; `ecirun image ls` shows what is there",
            )
        image = build_image(recipe, store, say)
    if image is None:
        return ImageFacts(reference, "", "", present=False)
    return image_facts(image)


def image_facts(image: Image) -> ImageFacts:
    """What a plan needs of an image in the store."""
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
        passwd=read_root_file(image, "etc/passwd") or "",
        group=read_root_file(image, "etc/group") or "",
        kind_of=lambda path: path_kind(image, path),
    )
