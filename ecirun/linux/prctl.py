"""prctl(2) as python-prctl's extension module has it, without its Python half.

That one makes objects of all that prctl can do, which every supervisor would hold.
"""

from __future__ import annotations

from ecirun.errors import HostUnsupported

try:
    from _prctl import prctl as prctl
except ModuleNotFoundError:
    raise HostUnsupported(
        "Can't use prctl(2): python-prctl is not installed",
        hint="sudo apt-get install python3-prctl; or, for pip to build it: "
        "sudo apt-get install gcc libc6-dev libcap-dev python3-dev && pip install python-prctl",
    ) from None
