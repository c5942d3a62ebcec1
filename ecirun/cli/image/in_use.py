"""Which roots running pods stand on, by the plans in the state folder."""

from __future__ import annotations

import json

from ecirun.runtime import state


def roots_in_use() -> dict[str, str]:
    """The folder of each root that a pod of this machine runs on or mounts, and the pod."""
    roots = {}
    for pod in state.names():
        record = state.read(state.STATE, pod)
        if record is None or not record.alive:
            continue
        try:
            with open(f"{state.STATE}/{pod}/plan.json", "rb") as file:
                plan = json.load(file)
            paths = [container["root"]["path"] for container in (*plan["init_containers"], *plan["containers"])]
            paths += [volume["path"] for volume in plan["volumes"]]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # it begins or ends just now
        roots.update(dict.fromkeys(paths, pod))
    return roots
