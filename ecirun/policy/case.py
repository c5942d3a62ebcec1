"""What a check gets to see, and how it says what it found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from ecirun.policy.load import Policy
from ecirun.record import Record
from ecirun.spec.finding import Finding, Severity
from ecirun.spec.pod import Container, Pod


class Options(Record):
    """What the command line chose. `host_memory` gives this host's memory in bytes, or None where it is unknown."""

    unsupported: Literal["refuse", "ignore"] = "refuse"
    writable_root: bool = False
    host_memory: Callable[[], int | None] = lambda: None


class Case(Record):
    """One pod before one policy."""

    pod: Pod
    policy: Policy
    options: Options

    @property
    def containers(self) -> tuple[Container, ...]:
        """All containers, init containers first, as they run."""
        return (*self.pod.init_containers, *self.pod.containers)

    def finding(
        self, rule: str, path: str, value: Any, message: str, *, hint: str = "", severity: Severity = "error"
    ) -> Finding:
        """A finding of the policy's rule, at the place of `path`."""
        return Finding(self.policy.rules[rule], severity, path, value, message, hint, self.pod.where(path))

    def unsupported(self, rule: str, path: str, value: Any, message: str, *, hint: str, instead: str) -> Finding:
        """A finding about a field that ECI does not support: with `--unsupported ignore`, the default applies."""
        if self.options.unsupported == "ignore":
            return self.finding(rule, path, value, f"ignored: {instead}", hint=hint, severity="warning")
        return self.finding(rule, path, value, message, hint=hint)
