"""Reading pods that are written in a test."""

from __future__ import annotations

from running import pod_yaml

from ecirun.spec import Reading, read_pods
from ecirun.spec.findings import Validate
from ecirun.spec.pod import Container, Pod


def reading_of(text: str, *, validate: Validate = "strict") -> Reading:
    """The only pod of the text."""
    (reading,) = read_pods(text.encode(), "pod.yaml", validate=validate)
    return reading


def pod_of(**parts: str) -> Pod:
    """The pod that `pod_yaml(**parts)` is, which must be fine."""
    reading = reading_of(pod_yaml(**parts))
    assert [finding.path for finding in reading.findings if finding.severity == "error"] == []
    assert reading.pod is not None
    return reading.pod


def container_of(container: str, **parts: str) -> Container:
    """The only container of a pod that differs in it."""
    (only,) = pod_of(container=container, **parts).containers
    return only


def said(text: str, *, validate: Validate = "strict") -> list[str]:
    """What is said of the only pod of the text: place, severity, path and message."""
    findings = reading_of(text, validate=validate).findings
    return [f"{entry.mark.line}:{entry.mark.column}: {entry.severity}: {entry.path}: {entry.message}" for entry in findings]
