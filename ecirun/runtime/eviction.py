"""Ending a pod whose volume on the disk has outgrown its limit (Kubernetes pkg/kubelet/eviction/eviction_manager.go)."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from ecirun.linux import credentials, process
from ecirun.plan.model import Volume

if TYPE_CHECKING:
    from ecirun.runtime.pod_run import PodRun

FIRST, LONGEST = 1.0, 10.0  # seconds; the kubelet looks every ten seconds, but a test may not live as long


class Watch:
    """Measures a pod's limited volumes from time to time, in a process of its own: it may take a while."""

    def __init__(self, pod: PodRun, volumes: list[Volume]) -> None:
        self.pod = pod
        self.volumes = volumes
        self.interval = FIRST
        pod.loop.after(self.interval, self._measure)

    def _measure(self) -> None:
        if self.pod.ending:
            return
        paths = [self.pod.equipment.volume_path(volume.name) for volume in self.volumes]
        pid, pidfd = process.clone3(0)
        if pid == 0:
            _measure([(path, volume.size or 0) for path, volume in zip(paths, self.volumes, strict=True)])
        self.pod.loop.on_readable(pidfd, lambda: self._measured(pid, pidfd))

    def _measured(self, pid: int, pidfd: int) -> None:
        self.pod.loop.on_readable(pidfd, None)
        os.close(pidfd)
        # 0: none is too large; n: the one at n - 1 is.
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if 1 <= code <= len(self.volumes):
            volume = self.volumes[code - 1]
            text = f'Usage of EmptyDir volume "{volume.name}" exceeds the limit "{volume.limit}". '
            self.pod.events.happened("Evicted", "", text, shown=text.strip())
            self.pod.end("Evicted", text, grace=0)
        else:
            self.interval = min(LONGEST, self.interval * 2)
            self.pod.loop.after(self.interval, self._measure)


def _measure(limits: list[tuple[str, int]]) -> None:
    """Never returns; the exit code tells which one is too large."""
    from ecirun.linux.tree import used_bytes

    code = 0
    try:
        credentials.set_parent_death_signal(signal.SIGKILL)
        code = next((number for number, (path, most) in enumerate(limits, 1) if used_bytes(path) > most), 0)
    finally:
        os._exit(code)
