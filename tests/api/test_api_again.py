"""One spec launched again and again: what was decided for it is decided anew as soon as something differs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ecirun
from ecirun.plan.model import PodPlan

pytestmark = pytest.mark.sandbox

SCRIPT = ["sh", "-c", 'echo "$VALUE"']


def launched(pod, **options) -> tuple[PodPlan, str]:
    """What a pod was launched by, and what its container said."""
    with ecirun.run(pod, **options) as running:
        assert running.wait(10) == 0
        return running.plan, running.logs()


def spec(value: dict[str, object], **more: object) -> dict[str, object]:
    """A pod that prints a variable with that value, each time the same dict of its own."""
    manifest = ecirun.pod(command=SCRIPT)
    manifest["spec"]["containers"][0]["env"] = [{"name": "VALUE", **value}]
    manifest["spec"] |= {"restartPolicy": "Never", **more}
    return manifest


def own_removed(plan: PodPlan) -> PodPlan:
    return plan._replace(name="", uid="", scratch="")


def test_a_launch_has_a_name_and_a_uid_of_its_own_and_all_else_in_common():
    (one, said), (two, said_again) = launched(spec({"value": "x"})), launched(spec({"value": "x"}))
    assert said == said_again == "x\n"
    assert own_removed(one) == own_removed(two)
    assert one.name != two.name
    assert one.uid != two.uid


def test_a_folder_on_the_disk_is_not_shared():
    manifest = spec({"value": "x"}, volumes=[{"name": "data", "emptyDir": {}}])
    manifest["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    (one, _), (two, _) = launched(manifest), launched(manifest)
    assert one.scratch.endswith(f"/{one.name}-{one.uid[:8]}")
    assert two.scratch.endswith(f"/{two.name}-{two.uid[:8]}")


def test_a_uid_in_a_variable_is_that_of_the_launch():
    pod = spec({"valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}})
    for plan, said in (launched(pod), launched(pod)):
        assert said == f"{plan.uid}\n"


def test_what_a_launch_is_told_counts_for_that_launch():
    pod = spec({"value": "x"})
    assert launched(pod)[1] == "x\n"
    assert launched(pod, command=["echo", "y"])[1] == "y\n"
    assert launched(pod, writable_root=True)[0].containers[0].root.overlay
    assert not launched(pod)[0].containers[0].root.overlay
    assert launched(pod, name="given")[0].name == "given"
    with pytest.raises(ecirun.UsageError, match=r"Can't name the pod 'Bad': a name has lower case"):
        launched(pod, name="Bad")


def test_a_config_map_that_has_changed_counts():
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"key": "one"}}
    pod = ecirun.loads(json.dumps(spec({"valueFrom": {"configMapKeyRef": {"name": "c", "key": "key"}}})))[0].beside([config])
    assert launched(pod)[1] == "one\n"
    pod.objects["ConfigMap", "default", "c"]["key"] = b"two"
    assert launched(pod)[1] == "two\n"


def test_a_file_that_has_changed_counts(tmp_path: Path):
    path = tmp_path / "pod.yaml"
    for value in ("one", "other"):
        path.write_text(json.dumps(spec({"value": value})))
        assert launched(path)[1] == f"{value}\n"


def test_a_pod_that_is_refused_is_refused_each_time():
    pod = spec({"value": "x"}, hostPID=True)
    for _time in range(2):
        with pytest.raises(ecirun.PodRefused, match="host-pid"):
            launched(pod)


def test_other_judges_judge_anew():
    manifest = spec({"value": "x"})
    manifest["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    pod = ecirun.loads(json.dumps(manifest))[0]
    for _time in range(2):
        with pytest.raises(ecirun.PodRefused, match="privileged-unsupported"):
            launched(pod)
        assert launched(pod, unsupported="ignore")[1] == "x\n"
