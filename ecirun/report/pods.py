"""Pods as lists and documents: what `ps` and `inspect` print.

Rules: kubectl's printer (pkg/printers/internalversion/printers.go, printPod) for the word under STATUS; the API's PodStatus for
the document.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ecirun.record import Record

State = Mapping[str, Any]

CONTAINER_ID = "ecirun://"


class Listed(Record):
    """One pod of a list: its state.json, and whether its supervisor lives."""

    name: str
    alive: bool
    state: State


def status_word(pod: Listed) -> str:
    """What kubectl would print under STATUS, or Lost."""
    state = pod.state
    if not pod.alive and state.get("phase") not in ("Succeeded", "Failed"):
        return "Lost"
    word: str = state.get("reason") or state.get("phase") or "Pending"
    containers = state.get("containers", ())
    inits = [entry for entry in containers if entry["role"] != "app"]
    for number, entry in enumerate(inits):
        terminated = entry["state"].get("terminated")
        if (terminated and terminated["exit_code"] == 0) or (entry["role"] == "sidecar" and entry["started"]):
            continue
        if terminated:
            return "Init:" + _ended_word(terminated)
        reason = entry["state"].get("waiting", {}).get("reason", "")
        if reason and reason not in ("PodInitializing", "ContainerCreating"):
            return f"Init:{reason}"
        return f"Init:{number}/{len(inits)}" if not state.get("reason") else word
    if state.get("reason"):
        return word
    for entry in reversed([entry for entry in containers if entry["role"] == "app"]):
        if reason := entry["state"].get("waiting", {}).get("reason", ""):
            word = reason
        elif terminated := entry["state"].get("terminated"):
            word = _ended_word(terminated)
    running = [entry for entry in containers if entry["role"] == "app" and "running" in entry["state"]]
    if word == "Completed" and running:
        word = "Running" if all(entry["ready"] for entry in running) else "NotReady"
    return word


def _ended_word(terminated: Mapping[str, Any]) -> str:
    if terminated["reason"]:
        return str(terminated["reason"])
    return f"Signal:{terminated['signal']}" if terminated["signal"] else f"ExitCode:{terminated['exit_code']}"


def pods_text(pods: Sequence[Listed]) -> str:
    """The table of `ps`; ends in a newline."""
    rows = [("NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP")]
    for pod in pods:
        apps = [entry for entry in pod.state.get("containers", ()) if entry["role"] == "app"]
        ready = sum(entry["ready"] for entry in apps)
        restarts = sum(entry["restart_count"] for entry in pod.state.get("containers", ()))
        age = age_of(pod.state.get("started_at", ""))
        row = (pod.name, f"{ready}/{len(apps)}", status_word(pod), str(restarts), age, pod.state.get("address") or "-")
        rows.append(row)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "".join(line + "\n" for line in lines)


def pods_json(pods: Sequence[Listed]) -> str:
    """The same for programs; ends in a newline."""
    listed = [{"name": pod.name, "status": status_word(pod), "alive": pod.alive, **_without_version(pod.state)} for pod in pods]
    return json.dumps({"schema_version": 1, "pods": listed}, indent=2) + "\n"


def _without_version(state: State) -> dict[str, Any]:
    return {key: value for key, value in state.items() if key != "schema_version"}


def age_of(moment: str) -> str:
    """How long ago a moment (RFC 3339) was, as kubectl shortens it: 5s, 3m12s, 2h5m, 3d."""
    if not moment:
        return "-"
    import calendar

    seconds = max(0, int(time.time() - calendar.timegm(time.strptime(moment, "%Y-%m-%dT%H:%M:%SZ"))))
    if seconds < 120:
        return f"{seconds}s"
    if seconds < 600:
        return f"{seconds // 60}m" + (f"{seconds % 60}s" if seconds % 60 else "")
    if seconds < 3 * 3600:
        return f"{seconds // 60}m"
    if seconds < 8 * 3600:
        return f"{seconds // 3600}h" + (f"{seconds % 3600 // 60}m" if seconds % 3600 // 60 else "")
    if seconds < 48 * 3600:
        return f"{seconds // 3600}h"
    return f"{seconds // 86400}d"


def inspect_json(pod: Listed, plan: Mapping[str, Any]) -> str:
    """The pod as the Kubernetes API would show it, with its plan beside; ends in a newline."""
    state = pod.state
    lost = status_word(pod) == "Lost"
    phase = "Failed" if lost else state.get("phase", "Pending")
    apps = [entry for entry in state.get("containers", ()) if entry["role"] == "app"]
    inits = [entry for entry in state.get("containers", ()) if entry["role"] != "app"]
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod.name,
            "namespace": plan.get("namespace", "default"),
            "uid": plan.get("uid", ""),
            "labels": plan.get("labels", {}),
            "annotations": plan.get("annotations", {}),
            "creationTimestamp": state.get("started_at") or None,
        },
        "status": {
            "phase": phase,
            **({"reason": "Lost" if lost else state["reason"]} if lost or state.get("reason") else {}),
            **({"message": state["message"]} if state.get("message") else {}),
            "conditions": _conditions(phase, inits, apps),
            **({"qosClass": plan["qos_class"]} if plan.get("qos_class") else {}),
            "hostIP": state.get("address", ""),
            "podIP": state.get("address", ""),
            "podIPs": [{"ip": state["address"]}] if state.get("address") else [],
            "startTime": state.get("started_at") or None,
            **({"initContainerStatuses": [_container_status(entry) for entry in inits]} if inits else {}),
            "containerStatuses": [_container_status(entry) for entry in apps],
        },
        "ecirun": {
            "schema_version": 1,
            "policy": plan.get("policy", ""),
            "alive": pod.alive,
            "supervisor": state.get("supervisor"),
            "exit_code": state.get("exit_code"),
            "events": state.get("events", []),
            "plan": plan,
        },
    }
    return json.dumps(document, indent=2) + "\n"


def _conditions(phase: str, inits: Sequence[State], apps: Sequence[State]) -> list[dict[str, Any]]:
    waiting = [
        entry["name"]
        for entry in inits
        if not (entry["state"].get("terminated", {}).get("exit_code") == 0 or (entry["role"] == "sidecar" and entry["started"]))
    ]
    unready = [entry["name"] for entry in apps if not entry["ready"]]
    conditions = [_condition("Initialized", not waiting, "ContainersNotInitialized", "incomplete", waiting)]
    if phase == "Succeeded":
        conditions[0]["reason"] = "PodCompleted"
    ready = not unready and phase == "Running"
    for kind in ("Ready", "ContainersReady"):
        if phase == "Succeeded":
            conditions.append({"type": kind, "status": "False", "reason": "PodCompleted"})
        else:
            conditions.append(_condition(kind, ready, "ContainersNotReady", "unready", unready))
    return [*conditions, {"type": "PodScheduled", "status": "True"}]


def _condition(kind: str, fine: bool, reason: str, what: str, names: Sequence[str]) -> dict[str, Any]:
    if fine:
        return {"type": kind, "status": "True"}
    text = f"containers with {what} status: [{' '.join(names)}]"
    return {"type": kind, "status": "False", "reason": reason, "message": text}


def _container_status(entry: State) -> dict[str, Any]:
    return {
        "name": entry["name"],
        "state": _container_state(entry["state"]),
        "lastState": _container_state(entry["last_state"]),
        # An init container that has done its work is ready.
        "ready": entry["ready"] or (entry["role"] == "init" and entry["state"].get("terminated", {}).get("exit_code") == 0),
        "started": entry["started"],
        "restartCount": entry["restart_count"],
        "image": entry["image"],
        "imageID": entry["image_digest"],
        "containerID": f"{CONTAINER_ID}{entry['id']}" if entry["id"] else "",
    }


def _container_state(state: State) -> dict[str, Any]:
    if "running" in state:
        return {"running": {"startedAt": state["running"]["started_at"]}}
    if "terminated" in state:
        ended = state["terminated"]
        shown = {
            "exitCode": ended["exit_code"],
            "reason": ended["reason"],
            "startedAt": ended["started_at"],
            "finishedAt": ended["finished_at"],
            "containerID": f"{CONTAINER_ID}{ended['id']}",
        }
        if ended["signal"]:
            shown["signal"] = ended["signal"]
        if ended["message"]:
            shown["message"] = ended["message"]
        return {"terminated": shown}
    if "waiting" in state:
        waiting = {key: value for key, value in state["waiting"].items() if value}
        return {"waiting": waiting}
    return {}
