"""`ecirun doctor` on this machine, on one that lacks something, and what it says of findings."""

from __future__ import annotations

import json
import subprocess

import pytest
from programs import need
from running import PROGRAM, Result

from ecirun.doctor.finding import Finding, in_docker
from ecirun.doctor.report import ENOUGH, as_json, is_ready, lines, verdict

FINE = Finding("a", "does a thing", found="as it should")
NEEDED = Finding("b", "does another", says="Can't do it: no", fix="do this")
OPTIONAL = Finding("c", "does a third", needed=False, says="things are not done", fix="do that")


def test_a_line_says_what_is_there_or_what_is_missing_and_the_fix():
    assert list(lines([FINE, NEEDED])) == [
        "ok       a                     does a thing (as it should)",
        "missing  b                     Can't do it: no",
        "                               hint: do this",
    ]


@pytest.mark.parametrize(
    ("findings", "ready", "says"),
    [
        ([FINE], True, "Pods can run here."),
        ([FINE, OPTIONAL], True, "Pods can run here, with less of c."),
        ([NEEDED, OPTIONAL], False, "Pods cannot run here without b."),
    ],
)
def test_the_verdict_depends_on_what_is_needed(findings, ready, says):
    assert is_ready(findings) is ready
    assert verdict(findings).splitlines()[0] == says


def test_who_lacks_something_is_told_the_smallest_set_of_flags():
    assert verdict([NEEDED]).splitlines()[-1] == f"  {ENOUGH}"


def test_json_has_every_part_of_a_finding():
    assert json.loads(as_json([NEEDED])) == {
        "schema_version": 1,
        "ready": False,
        "checks": [
            {
                "name": "b",
                "status": "missing",
                "needed": True,
                "means": "does another",
                "found": "",
                "message": "Can't do it: no",
                "fix": "do this",
                "all": [],
            }
        ],
    }


def test_the_fix_in_docker_is_flags():
    assert in_docker("--cap-add", "X") == "in docker, add --privileged or --cap-add X"


@pytest.mark.sandbox
def test_where_pods_can_run_the_doctor_says_so(ecirun):
    result = ecirun("doctor")
    assert (result.code, result.stderr) == (0, "")
    *checks, last = [line for line in result.stdout.splitlines() if not line.startswith(" ")]
    assert last.startswith("Pods can run here")
    assert {line.split()[0] for line in checks} <= {"ok", "missing"}


@pytest.mark.sandbox
def test_json_says_the_same(ecirun):
    result = ecirun("doctor", "-o", "json")
    document = json.loads(result.stdout)
    assert (result.code, result.stderr, document["ready"]) == (0, "", True)
    assert [check for check in document["checks"] if check["needed"] and check["status"] != "ok"] == []
    names = [check["name"] for check in document["checks"]]
    wanted = "uid CAP_SYS_ADMIN seccomp lsm mount mount-api pivot-root openat2 proc proc-sys overlay cgroup-version cgroup-pids"
    wanted += " sysctls state store " + " ".join(f"namespace-{kind}" for kind in ("mnt", "pid", "net", "ipc", "uts", "user"))
    assert set(wanted.split()) <= set(names)
    assert len(set(names)) == len(names)


def lacking(capability: str, *arguments: str) -> Result:
    """ecirun in a process whose bounding set lacks a capability."""
    need("setpriv")
    drop = ["setpriv", f"--bounding-set=-{capability}", f"--inh-caps=-{capability}"]
    done = subprocess.run([*drop, *PROGRAM, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("capability", "says", "fix"),
    [
        (
            "net_admin",
            "Can't run a pod: this process lacks CAP_NET_ADMIN",
            "in docker, add --privileged or --cap-add NET_ADMIN",
        ),
        (
            "mknod",
            "Can't grant a container CAP_MKNOD: this host's bounding set does not have it",
            "in docker, add --privileged or --cap-add MKNOD; or drop it in the spec",
        ),
    ],
)
def test_a_missing_capability_is_named(capability, says, fix):
    result = lacking(capability, "doctor", "-o", "json")
    check = next(check for check in json.loads(result.stdout)["checks"] if check["name"] == f"CAP_{capability.upper()}")
    assert (result.code, check["status"], check["message"], check["fix"]) == (1, "missing", says, fix)


@pytest.mark.sandbox
def test_a_launch_says_what_the_doctor_says():
    assert lacking("net_admin", "run", "example:network", "--", "true") == (
        125,
        "",
        "ecirun: error: Can't run a pod: this process lacks CAP_NET_ADMIN\n"
        "    hint: in docker, add --privileged or --cap-add NET_ADMIN\n",
    )


@pytest.mark.sandbox
def test_the_store_that_is_asked_about_is_the_one_that_is_looked_at(ecirun, tmp_path):
    result = ecirun("doctor", "-o", "json", "--store", str(tmp_path / "nothing"))
    check = next(check for check in json.loads(result.stdout)["checks"] if check["name"] == "store")
    assert str(tmp_path / "nothing") in check["found"] + check["message"]
    assert not (tmp_path / "nothing").exists()
