"""runAsNonRoot, as the kubelet verifies it once the image is known.

Rule: Kubernetes pkg/kubelet/kuberuntime/security_context_others.go, verifyRunAsNonRoot. Explicit uid 0 is found earlier, by
the policy.
"""

from __future__ import annotations

from ecirun.errors import PodRefused
from ecirun.plan.facts import ImageFacts
from ecirun.plan.identity import MAX_ID, image_user
from ecirun.spec.pod import Container, Pod

HINT = "set runAsUser to a uid other than 0, or take an image whose USER is a number other than 0"


def depends_on_image(pod: Pod, container: Container) -> bool:
    """Whether the effective runAsNonRoot is true and the spec leaves the uid to the image."""
    own, whole = container.security_context, pod.security_context
    wanted = own.run_as_non_root if own.run_as_non_root is not None else whole.run_as_non_root
    return bool(wanted) and own.run_as_user is None and whole.run_as_user is None


def verify_non_root(pod: Pod, container: Container, image: ImageFacts) -> None:
    """Raises PodRefused with the kubelet's sentence when the effective runAsNonRoot forbids the image's user."""
    if not image.present or not depends_on_image(pod, container):
        return
    where = f'(pod: "{pod.name}_{pod.namespace}", container: {container.name})'
    image_uid, name = image_user(image.user)
    if image_uid is None:
        problem = f"image has non-numeric user ({name}), cannot verify user is non-root {where}"
    elif image_uid == 0:
        problem = f"image will run as root {where}"
    elif not 0 < image_uid <= MAX_ID:
        problem = (
            f"image has an invalid user id ({image_uid}). (Must be 1-({MAX_ID})): must be between 0 and {MAX_ID}, inclusive"
        )
    else:
        return
    raise PodRefused(f"container has runAsNonRoot and {problem}", hint=HINT)
