"""`ecirun explain`, `policy` and `examples`, as a user calls them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from running import CHECKOUT, run_ecirun

from ecirun.policy.load import load_policy, policy_names
from ecirun.report.catalogue import policy_markdown
from ecirun.spec import spec_rules

HOST_PID = """\
host-pid
  A pod cannot see the host's processes.

  field       spec.hostPID
  allowed     false
  why         Every ECI pod is a machine of its own; there is no host to look at.
  what to do  remove hostPID
  source      Container Service for Kubernetes, Limits on Elastic Container Instance (2021)
  certainty   documented
"""


@pytest.mark.parametrize("what", ["host-pid", "hostPID", "spec.hostPID", "spec.template.spec.hostPID", "HOSTPID"])
def test_a_rule_is_explained_by_its_id_or_its_field(what):
    assert run_ecirun("explain", what) == (0, HOST_PID, "")


@pytest.mark.parametrize(
    ("what", "rules"),
    [
        ("capabilities.drop", ["capability-unknown"]),
        ("spec.containers[0].securityContext.capabilities.add[1]",
         ["capability-not-permitted", "capability-needs-ticket", "capability-ineffective"]),
        ("securityContext.privileged", ["privileged-unsupported"]),
        ("cap", ["capability-not-permitted", "capability-needs-ticket", "capability-unknown", "capability-ineffective"]),
        ("min-free", ["min-free-kbytes-large"]),
        ("unknown-field", ["unknown-field"]),
    ],
)  # fmt: skip
def test_a_part_of_a_name_finds_all_rules_about_it(what, rules):
    result = run_ecirun("explain", "-o", "json", what)
    document = json.loads(result.stdout)
    assert (result.code, document["schema_version"], document["policy"]) == (0, 1, "eci-2024-02-26")
    assert [rule["id"] for rule in document["rules"]] == rules


@pytest.mark.parametrize(
    ("what", "why", "hint"),
    [
        ("capabilites", "it is no rule and no field that a rule is about", "did you mean capabilities?"),
        ("host-pit", "it is no rule and no field that a rule is about", "did you mean host-pid?"),
        ("zzz", "it is no rule and no field that a rule is about", "run `ecirun policy` for the rules"),
        ("schedulerName", "it is a field of PodSpec, and no rule is about it",
         "mind that it has no effect here: there is no cluster to place the pod in"),
        ("spec.containers[0].workingDir", "it is a field of Container, EphemeralContainer, and no rule is about it",
         "use it as in a cluster: ecirun carries it out"),
        ("initialDelaySeconds", "it is a field of Probe, and no rule is about it", "run `ecirun policy` for the rules"),
    ],
)  # fmt: skip
def test_what_no_rule_is_about_is_said_to_be_so(what, why, hint):
    said = f'ecirun: error: Can\'t explain "{what}": {why}\n    hint: {hint}\n'
    assert run_ecirun("explain", what) == (125, "", said)


def test_every_rule_can_be_explained():
    code = "from ecirun.cli import main; import sys; sys.exit(max(main(['explain', rule]) for rule in sys.argv[1:]))"
    rules = [*spec_rules(), *load_policy().rules]
    done = subprocess.run([sys.executable, "-P", "-c", code, *rules], cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0
    assert [line for line in done.stdout.splitlines() if line and not line.startswith(" ")] == rules


def test_the_policy_for_programs():
    result = run_ecirun("policy", "-o", "json")
    document = json.loads(result.stdout)
    assert (result.code, document["schema_version"], document["policy"]) == (0, 1, "eci-2024-02-26")
    assert document["sysctls_refused"] == ["kernel.shm_rmid_forced", "net.ipv4.tcp_syncookies"]
    assert len(document["capabilities_addable"]) == 17
    assert len(document["capabilities_default"]) == 14
    assert [rule["id"] for rule in document["rules"]] == list(load_policy().rules)
    assert {rule["certainty"] for rule in document["rules"]} == {"documented", "assumed"}


def test_the_policy_for_a_page():
    assert run_ecirun("policy", "-o", "md") == (0, policy_markdown(load_policy()), "")


def test_the_policy_for_a_person():
    result = run_ecirun("policy", "--policy", "eci-2024-08-13")
    assert (result.code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "eci-2024-08-13: ECI, Configure a security context for a pod or container, 13 August 2024"
    assert "  except                  net.ipv4.tcp_syncookies" in lines
    others = ", ".join(name for name in policy_names() if name != "eci-2024-08-13")
    assert lines[-1] == f"Other policies: {others} (--policy NAME, or a file of your own)."


def test_the_examples_are_listed_and_printed():
    listed = run_ecirun("examples")
    assert (listed.code, listed.stderr) == (0, "")
    names = [line.split("  ")[0] for line in listed.stdout.splitlines()]
    assert names == ["sysctl", "network", "network-admin", "non-root", "refused"]
    for name in ("sysctl", "example:sysctl"):
        text = (CHECKOUT / "ecirun" / "examples" / "sysctl.yaml").read_text()
        assert run_ecirun("examples", name) == (0, text, "")


def test_an_example_that_is_not_there():
    result = run_ecirun("examples", "sysctls")
    assert (result.code, result.stdout) == (125, "")
    assert result.stderr.startswith('ecirun: error: Can\'t find example "sysctls"\n    hint: ')
