"""What this kernel makes of sysctls, as the API's plans ask for it: each key once in the life of this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from ecirun.api.planning import Probe
from ecirun.plan.sysctls import is_pods_own

Seen = Mapping[str, tuple[str, str | None]]

# -I and -S, as for the launcher: in half the time, and nothing of the environment has a say.
PROGRAM = """
import sys, json
sys.path[:] = json.loads(sys.argv[1])
from ecirun.linux.sysctl_probe import probe
try:
    print(json.dumps(probe(sys.argv[2:])))
except OSError as error:
    sys.exit(error.errno)
"""

_fresh: dict[str, str] = {}


def remembered(look: Probe) -> Probe:
    """A probe that asks `look` only for what is not known yet. A value of the host's is read each time that it matters."""

    def probe(paths: list[str]) -> Seen:
        from ecirun.linux.sysctl_probe import host_value

        unknown = [path for path in paths if path not in _fresh]
        if unknown:
            seen = look(unknown)
            # What is absent may come with a kernel module.
            _fresh.update({path: fresh for path, (fresh, _host) in seen.items() if fresh != "absent"})
        else:
            seen = {}
        found: dict[str, tuple[str, str | None]] = {}
        for path in paths:
            if is_pods_own(path, _fresh.get(path, "")) and "/lo/" not in path:  # which may stand for eth0
                found[path] = _fresh[path], None
            else:
                found[path] = seen.get(path) or (_fresh[path], host_value(path))
        return found

    return probe


def from_a_process_of_its_own(paths: list[str]) -> Seen:
    """What fresh namespaces make of them, without a fork of this process, which may be large and have threads.

    Raises OSError when it may not create namespaces.
    """
    import json
    import subprocess

    from ecirun.runtime.launcher_process import module_path

    if os.geteuid() != 0:
        raise PermissionError(1, os.strerror(1), "fresh namespaces")
    argv = [sys.executable, "-I", "-S", "-c", PROGRAM, json.dumps(module_path()), *paths]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise OSError(done.returncode, os.strerror(done.returncode), "fresh namespaces")
    return {path: (fresh, host) for path, (fresh, host) in json.loads(done.stdout).items()}
