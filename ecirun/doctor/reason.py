"""Why a launch failed, when it was for this host: what the doctor finds missing first."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from ecirun.errors import EcirunError, HostUnsupported

PROGRAM = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "__main__.py")


def reason() -> EcirunError | None:
    """What is missing, or None when nothing is.

    The doctor forks, which this process may have too many threads for, so it is asked in a process of its own.
    """
    doctor = [sys.executable, "-P", PROGRAM, "doctor", "-o", "json"]
    asked = subprocess.run(doctor, capture_output=True, stdin=subprocess.DEVNULL)
    try:
        checks = json.loads(asked.stdout)["checks"]
    except ValueError:
        return None
    for check in checks:
        if check["needed"] and check["status"] != "ok":
            return HostUnsupported(check["message"], hint=check["fix"])
    return None
