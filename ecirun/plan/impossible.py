"""What no pod is given here: anything of this host, and a capability that reaches beyond the pod.

ECI's policies refuse it before there is anything to plan. Without them (`--policy none`) this is the last word, because a
workload runs on the host's own kernel.
"""

from __future__ import annotations

from ecirun.errors import PodRefused
from ecirun.policy.judge import Options, judge
from ecirun.policy.load import DEFAULT, load_policy
from ecirun.spec.pod import Pod

OF_THE_HOST = ("host-network", "host-pid", "host-ipc", "host-path", "host-port", "privileged-unsupported")
BEYOND_THE_POD = ("capability-not-permitted", "capability-needs-ticket")


def refuse_the_impossible(pod: Pod, *, writes_to_host: bool) -> None:
    """Raises PodRefused for the first such thing in the pod.

    With `writes_to_host`, which is `--sysctls host`, a sysctl that ECI does not offer is one, too.
    """
    for finding in judge(pod, load_policy(DEFAULT), Options("refuse", writable_root=True)):
        rule = finding.rule.id
        if rule in OF_THE_HOST or (rule == "sysctl-not-permitted" and writes_to_host):
            why = "ecirun gives no pod anything of this host"
        elif rule in BEYOND_THE_POD:
            why = "ecirun gives no pod a capability that reaches beyond it"
        else:
            continue
        raise PodRefused(f'Can\'t run pod "{pod.name}": {finding.path}: {why}', hint=finding.hint)
