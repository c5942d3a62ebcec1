"""What happened to a pod, for its user: told to the client that runs it, and kept for `ecirun inspect`.

Reasons are the words of Kubernetes' events (pkg/kubelet/events/event.go). What happens again is counted, not listed again.
"""

from __future__ import annotations

import time
from collections.abc import Callable

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Any

MOST = 50


class Events:
    """The events of one pod; `say` shows one to the client."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._listed: dict[tuple[str, str, str], dict[str, Any]] = {}

    def happened(self, reason: str, container: str, message: str, *, shown: str = "") -> None:
        """Take note. `shown` is what the client is told, where that is not the message behind the container's name.

        What only goes on as it did is not told again.
        """
        if next(reversed(self._listed), None) != (reason, container, message):
            self._say(shown or (f'container "{container}": {message}' if container else message))
        moment = now()
        event = self._listed.pop((reason, container, message), None)
        if event is None:
            event = {"reason": reason, "container": container, "message": message, "count": 0, "first_at": moment}
        event["count"] += 1
        event["last_at"] = moment
        # The last that happened is the last that is listed.
        self._listed[reason, container, message] = event
        if len(self._listed) > MOST:
            del self._listed[next(iter(self._listed))]

    def listed(self) -> list[dict[str, Any]]:
        """All that are remembered, the latest last."""
        return list(self._listed.values())


def now() -> str:
    """The moment, as Kubernetes writes it (RFC 3339, UTC, whole seconds)."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
