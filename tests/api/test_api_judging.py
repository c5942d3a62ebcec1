"""Judging and planning without running: `check`, `plan`, and what refusals carry."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from running import pod_yaml

import ecirun

SYS_ADMIN = "securityContext: {capabilities: {add: [SYS_ADMIN]}}"
PRIVILEGED = "securityContext: {privileged: true}"


def load(**parts: str) -> ecirun.Pod:
    return ecirun.loads(pod_yaml(**parts), name="pod.yaml")[0]


def run_python(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout


def refused(call) -> ecirun.EcirunError:
    with pytest.raises(ecirun.EcirunError) as caught:
        call()
    return caught.value


def test_a_pod_that_nothing_speaks_against_has_no_findings():
    assert ecirun.check(load()) == []


def test_findings_of_the_api_and_of_the_policy_come_together_in_file_order():
    pod = load(container="imag: busybox\n" + SYS_ADMIN, pod="hostNetwork: true")
    assert [(finding.rule.id, finding.severity, str(finding.mark)) for finding in ecirun.check(pod)] == [
        ("host-network", "error", "pod.yaml:6:16"),
        ("unknown-field", "error", "pod.yaml:10:5"),
        ("capability-not-permitted", "error", "pod.yaml:11:44"),
    ]


def test_a_finding_has_everything_that_a_report_needs():
    (finding,) = ecirun.check(load(container=SYS_ADMIN))
    assert isinstance(finding, ecirun.Finding)
    assert (finding.path, finding.value, finding.hint) == (
        "spec.containers[0].securityContext.capabilities.add[0]",
        "SYS_ADMIN",
        "ECI does not grant SYS_ADMIN; remove it",
    )
    assert finding.message.startswith('Unsupported value: "SYS_ADMIN": supported values: "AUDIT_WRITE", "CHOWN", ')
    assert json.loads(json.dumps(finding.as_json()))["certainty"] == "documented"


def test_whatever_is_run_can_be_checked(tmp_path):
    path = tmp_path / "pod.yaml"
    path.write_text(pod_yaml(container=PRIVILEGED))
    for source in (path, str(path), ecirun.load(path)[0], ecirun.pod(security_context={"privileged": True})):
        assert [finding.rule.id for finding in ecirun.check(source)] == ["privileged-unsupported"]


def test_what_eci_does_not_support_may_be_ignored():
    (finding,) = ecirun.check(load(container=PRIVILEGED), unsupported="ignore")
    assert (finding.rule.id, finding.severity) == ("privileged-unsupported", "warning")


def test_a_writable_root_may_be_asked_for():
    pod = load(container="securityContext: {readOnlyRootFilesystem: false}")
    assert [finding.severity for finding in ecirun.check(pod)] == ["error"]
    assert [finding.severity for finding in ecirun.check(pod, writable_root=True)] == []


def test_another_policy_judges_by_its_own_rules():
    assert ecirun.check(load(container=SYS_ADMIN), policy="none") == []


def test_a_policy_that_is_not_there():
    assert type(refused(lambda: ecirun.check(load(), policy="eci-1999"))) is ecirun.PolicyUnreadable


def test_memory_that_the_kernel_shall_keep_free_is_compared_with_this_host_s():
    (finding,) = ecirun.check(ecirun.pod(sysctls={"vm.min_free_kbytes": str(2**31 - 1)}))
    assert (finding.rule.id, finding.severity) == ("min-free-kbytes-large", "warning")


def test_admission_comes_before_the_policy():
    pod = load(container=SYS_ADMIN)
    rules = [finding.rule.id for finding in ecirun.check(pod, admission=["pss:baseline"])]
    assert rules[-1] == "capability-not-permitted"
    assert any(rule.startswith("pss-") for rule in rules), rules
    error = refused(lambda: ecirun.run(pod, admission=["pss:baseline"]))
    first, *_findings, refusal, _hint = str(error).split("\n")
    assert first == 'Can\'t run pod "test": it is refused at admission by pss:baseline'
    assert refusal.startswith('pod.yaml:1:1: error: pods "test" is forbidden: violates PodSecurity "baseline:')


def test_a_pod_may_ask_check_to_ignore_a_rule_but_nobody_else():
    source = ecirun.pod(capabilities=["SYS_ADMIN"])
    source["metadata"]["annotations"] = {"ecirun/ignore": "capability-not-permitted (known)"}
    assert [finding.severity for finding in ecirun.check(source)] == ["note"]
    assert type(refused(lambda: ecirun.plan(source))) is ecirun.PodRefused


def test_several_names_are_no_single_string():
    for name in ("admission", "allowed_unsafe_sysctls"):
        with pytest.raises(TypeError, match=f"^{name} must be a list of names, not one str$"):
            ecirun.check(load(), **{name: "pss:baseline"})


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"unsupported": "warn"}, "Can't take unsupported='warn': it is not 'refuse' or 'ignore'"),
        ({"network": "brige"}, "Can't take network='brige': it is not 'loopback', 'bridge' or 'none'"),
        ({"sysctls": "real"}, "Can't take sysctls='real': it is not 'shadow', 'strict' or 'host'"),
        (
            {"name": "Upper"},
            "Can't name the pod 'Upper': a name has lower case letters, digits, - and . only, begins and ends with a letter "
            "or digit, and is no longer than 253 characters",
        ),
        ({"volumes": {"data": "/nope"}}, 'Can\'t map a folder to claim "data": /nope is not a directory'),
    ],
)
def test_an_option_that_there_is_not(option, message):
    error = refused(lambda: ecirun.plan(load(), **option))
    assert (type(error), error.message) == (ecirun.UsageError, message)


def test_a_container_that_there_is_not():
    error = refused(lambda: ecirun.plan(load(), container="web"))
    assert (error.message, error.hint) == ('Can\'t find container "web" in pod "test"', "choose one of: main")


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("sleep 1", TypeError("command must be a list of words such as ['sh', '-c', 'true'], not one str")),
        ([], ValueError("command has no words")),
        (["a\0b"], ValueError("command has a NUL in 'a\\x00b'")),
        ([b"true"], TypeError("command must be a list of str, and has b'true'")),
    ],
)
def test_what_is_no_command(command, error):
    with pytest.raises(type(error)) as caught:
        ecirun.plan(load(), command=command)
    assert str(caught.value) == str(error)


def test_a_plan_is_data():
    plan = ecirun.plan(load(container="securityContext: {capabilities: {add: [NET_ADMIN]}}"), name="other", command=["id"])
    assert isinstance(plan, ecirun.PodPlan)
    (container,) = plan.containers
    assert (plan.name, plan.hostname, container.command.argv) == ("other", "test", ("id",))
    assert container.capabilities.bounding.mask == "00000000a80435fb"
    assert json.loads(json.dumps(plan.as_json()))["containers"][0]["name"] == "main"


def test_an_image_that_is_not_there_is_assumed_and_not_made(tmp_path):
    (container,) = ecirun.plan(load(), store=str(tmp_path / "store"), command=["true"]).containers
    assert (container.image, container.image_digest, container.user.uid) == ("busybox", "", 0)
    assert not (tmp_path / "store").exists()


def test_a_refusal_has_all_findings_and_says_the_errors():
    pod = load(container=SYS_ADMIN, pod="nodeSelector: {a: b}")
    error = refused(lambda: ecirun.plan(pod))
    assert type(error) is ecirun.PodRefused
    assert [(finding.rule.id, finding.severity) for finding in error.findings] == [
        ("field-has-no-effect", "warning"),
        ("capability-not-permitted", "error"),
    ]
    first, second, third, fourth, last = str(error).split("\n")
    assert first == 'Can\'t run pod "test": it is refused by eci-2024-02-26'
    assert second.startswith("pod.yaml:10:44: error: spec.containers[0].securityContext.capabilities.add[0]: Unsupported value")
    assert third == "    hint: ECI does not grant SYS_ADMIN; remove it"
    assert fourth == "    rule: capability-not-permitted (documented) — ecirun explain capability-not-permitted"
    assert last == "    hint: correct what is said above; nothing was started"


def test_a_pod_that_is_no_pod_is_refused_as_well():
    error = refused(lambda: ecirun.run({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "test"}}))
    assert [finding.path for finding in error.findings] == ["spec"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("capability", "error"),
    [
        ("SYS_ADMIN", 'PodRefused: Can\'t run pod "pod": it is refused by eci-2024-02-26'),
        ("NET_ADMIN", "HostUnsupported: Can't run a pod as uid 1000: it needs root"),
    ],
)
def test_a_refusal_needs_no_root(capability, error):
    # What is imported and read as root need not be readable by others.
    script = (
        "import os, ecirun, ecirun.api.running\n"
        f"pod = ecirun.pod(capabilities=[{capability!r}])\n"
        "ecirun.check(pod)\n"
        "os.setuid(1000)\n"
        "try:\n"
        "    ecirun.run(pod)\n"
        "except ecirun.EcirunError as error:\n"
        "    print(type(error).__name__, error.message.partition('\\n')[0], sep=': ')\n"
    )
    assert run_python(script) == error + "\n"


def test_the_command_asks_for_root_before_it_looks_for_the_image():
    script = (
        "import os, sys, ecirun.cli.run, ecirun.runtime.privileges, ecirun.examples\n"
        "from ecirun.cli import main\n"
        "sys.argv = ['ecirun', 'run', '--store', '/nowhere', 'example:sysctl', '--', 'true']\n"
        "os.geteuid = lambda: 1000\n"
        "sys.stderr = sys.stdout\n"
        "sys.exit(main())\n"
    )
    done = run_python(script)
    assert "Can't run a pod as uid 1000: it needs root" in done


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into fresh namespaces")
def test_planning_forks_nothing_of_a_process_with_threads():
    script = (
        "import os, threading, ecirun\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "os.fork = None\n"
        "plan = ecirun.plan(ecirun.pod(sysctls={'net.core.somaxconn': '1'}))\n"
        "print(plan.sysctls[0].scope)\n"
    )
    assert run_python(script) == "pod\n"


@pytest.mark.parametrize("first", ["plan", "run", "check", "load", "errors", "plan.model"])
def test_the_function_plan_is_not_hidden_by_the_folder_of_that_name(first):
    how = f"import ecirun.{first}" if first in ("errors", "plan.model") else f"import ecirun; ecirun.{first}"
    script = f"{how}\nimport ecirun\nimport ecirun.plan.build\nprint(ecirun.plan(ecirun.pod()).name)\n"
    assert run_python(script) == "pod\n"
