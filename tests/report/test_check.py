"""`ecirun check` black box: what it reads, what it writes where, and how it ends."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from running import PROGRAM, Result, run_ecirun

from ecirun.cli.outputs import FORMATS
from report.verdicts import FINE, POD

Run = Callable[..., Result]
REFUSED = FINE.replace("name: fine", "name: bad").replace("spec:", "spec:\n  hostPID: true")
IGNORING = REFUSED.replace("name: bad", "name: bad, annotations: {ecirun/ignore: '%s'}")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, *documents: str) -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("---\n".join(documents))
    return name


# Where reports go


def test_several_reports_are_written_in_one_run(ecirun: Run, here: Path) -> None:
    write("pods.yaml", POD, FINE)
    formats = (
        "json=a.json",
        "yaml=a.yaml",
        "sarif=a.sarif",
        "junit=a.xml",
        "gitlab=a.gl",
        "html=a.html",
        "github=a.gh",
        "text=a.txt",
    )
    result = ecirun("check", "pods.yaml", "-o", "text", *(word for entry in formats for word in ("-o", entry)))
    assert result.code == 1
    assert result.stdout == (
        "pods.yaml:1:1: Pod web: refused by eci-2024-02-26 (3 errors, 1 warning, 1 ignored)\n"
        "pods.yaml:15:1: Pod fine: admitted by eci-2024-02-26\n"
    )
    assert json.loads(Path("a.json").read_text()) == yaml.safe_load(Path("a.yaml").read_text())
    assert len(json.loads(Path("a.sarif").read_text())["runs"][0]["results"]) == 5
    assert len(json.loads(Path("a.gl").read_text())) == 5
    assert ET.parse("a.xml").getroot().get("failures") == "2"
    assert Path("a.html").read_text().startswith("<!DOCTYPE html>")
    assert Path("a.gh").read_text().startswith("::group::ecirun check\n")
    text = Path("a.txt").read_text()
    assert result.stdout.splitlines()[0] in text.splitlines()
    assert "pods.yaml:8:12: error: spec.hostIPC" in text
    assert sorted(os.listdir()) == sorted(["pods.yaml", *(entry.partition("=")[2] for entry in formats)])


@pytest.mark.parametrize("form", ["json", "yaml", "sarif", "junit", "gitlab", "html", "github"])
def test_standard_output_carries_nothing_but_the_document(ecirun: Run, here: Path, form: str) -> None:
    result = ecirun("check", "-o", form, write("pods.yaml", POD))
    assert result.code == 1
    assert result.stderr == ""
    parse = {
        "json": json.loads,
        "sarif": json.loads,
        "gitlab": json.loads,
        "yaml": yaml.safe_load,
        "junit": lambda text: ET.fromstring(text).tag,
        "html": str,
        "github": str,
    }[form]
    assert parse(result.stdout)


def test_two_reports_do_not_fit_one_standard_output(ecirun: Run, here: Path) -> None:
    result = ecirun("check", "-o", "json", "-o", "sarif=-", write("pods.yaml", FINE))
    assert result == Result(
        2,
        "",
        "ecirun: error: Can't write two reports to standard output\n"
        "    hint: give files, as in -o text -o sarif=ecirun.sarif\n",
    )


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("jsn", 'Can\'t write format "jsn"\n    hint: did you mean json?\n'),
        ("x", 'Can\'t write format "x"\n    hint: choose one of text, json, yaml, sarif, junit, github, gitlab, html\n'),
        ("sarif=", 'Can\'t write report "sarif=": no file stands after =\n    hint: write -o sarif=FILE\n'),
        (
            "json=no/where.json",
            "Can't write report no/where.json: No such file or directory\n    hint: name a file in a folder of yours\n",
        ),
    ],
)
def test_an_output_that_cannot_be_is_a_usage_error(ecirun: Run, here: Path, output: str, message: str) -> None:
    assert ecirun("check", "-o", output, write("pods.yaml", FINE)) == Result(2, "", f"ecirun: error: {message}")


def test_a_report_is_replaced_as_a_whole_and_through_a_link(ecirun: Run, here: Path) -> None:
    Path("real.json").write_text("old")
    os.symlink("real.json", "link.json")
    ecirun("check", "-o", "json=link.json", write("pods.yaml", FINE))
    assert os.path.islink("link.json")
    assert json.loads(Path("real.json").read_text())["pods"][0]["name"] == "fine"


def test_a_report_can_go_to_a_stream(ecirun: Run, here: Path) -> None:
    result = ecirun("check", "-q", "-o", "json=/dev/stdout", write("pods.yaml", FINE))
    assert json.loads(result.stdout)["pods"][0]["name"] == "fine"


# How it ends


def test_warnings_fail_when_they_are_asked_to(ecirun: Run, here: Path) -> None:
    file = write("pods.yaml", FINE + "  priorityClassName: high\n")
    assert ecirun("check", file).code == 0
    result = ecirun("check", "--fail-on", "warning", file)
    assert result.code == 1
    assert result.stdout == "pods.yaml:1:1: Pod fine: admitted by eci-2024-02-26 (1 warning)\n"


def test_many_pods_are_summed_up(ecirun: Run, here: Path) -> None:
    result = ecirun("check", write("pods.yaml", FINE, REFUSED, FINE))
    assert result.code == 1
    assert result.stderr.endswith("ecirun: 3 pods: 2 admitted, 1 refused (1 error)\n")
    assert "3 pods" not in ecirun("check", "-q", "pods.yaml").stderr


def test_what_stands_before_a_broken_document_is_judged(ecirun: Run, here: Path) -> None:
    result = ecirun("check", "-o", "json", write("pods.yaml", FINE, REFUSED, "a: [\n"))
    assert result.code == 2
    assert [pod["name"] for pod in json.loads(result.stdout)["pods"]] == ["fine", "bad"]
    assert result.stderr.startswith("ecirun: error: Can't read pods.yaml:")


def test_one_file_that_cannot_be_read_does_not_hide_the_others(ecirun: Run, here: Path) -> None:
    write("a.yaml", "a: [")
    write("b.yaml", FINE)
    result = ecirun("check", "a.yaml", "b.yaml", "missing.yaml")
    assert result.code == 2
    assert result.stdout == "b.yaml:1:1: Pod fine: admitted by eci-2024-02-26\n"
    assert result.stderr.count("ecirun: error: Can't read ") == 2


# What it reads


def test_a_folder_is_read_in_order_and_what_is_no_pod_in_it_passed_over(ecirun: Run, here: Path) -> None:
    write("chart/b.yml", FINE)
    write("chart/a/c.json", json.dumps(yaml.safe_load(REFUSED)))
    write("chart/values.yaml", "replicas: 3\n")
    write("chart/service.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n")
    write("chart/.hidden/x.yaml", "a: [")
    write("chart/README.md", "a: [")
    result = ecirun("check", "-q", "chart")
    assert result.code == 1
    assert result.stdout == (
        "chart/b.yml:1:1: Pod fine: admitted by eci-2024-02-26\n"
        "chart/a/c.json:1:1: Pod bad: refused by eci-2024-02-26 (1 error)\n"
    )


def test_a_pattern_is_read_by_ecirun_where_the_shell_has_not(ecirun: Run, here: Path) -> None:
    for name in ("a/1.yaml", "a/b/2.yaml"):
        write(name, FINE)
    assert ecirun("check", "**/*.yaml").stdout.count("admitted") == 2
    assert ecirun("check", "*.yml") == Result(
        2, "", "ecirun: error: Can't read *.yml: no file matches\n    hint: correct the pattern\n"
    )


def test_a_folder_without_manifests_is_a_mistake(ecirun: Run, here: Path) -> None:
    Path("empty").mkdir()
    assert ecirun("check", "empty") == Result(
        2,
        "",
        "ecirun: error: Can't read empty: there is no file in it that ends in .yaml, .yml, .json\n"
        "    hint: name a folder with manifests\n",
    )


def test_files_without_a_pod_are_passed_over_beside_others_or_when_asked(ecirun: Run, here: Path) -> None:
    service = write("service.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n")
    values = write("values.yaml", "replicas: 3\n")
    assert ecirun("check", service).code == 2
    assert ecirun("check", values).code == 1
    assert ecirun("check", "--skip-others", service) == Result(0, "", "")
    assert ecirun("check", "--skip-others", values) == Result(0, "", "")
    assert ecirun("check", service, write("pod.yaml", FINE)).code == 0


def test_standard_input_goes_by_the_name_that_is_given(here: Path) -> None:
    result = run_ecirun("check", "-", "--stdin-name", "deploy.yaml", input=REFUSED)
    assert result.stdout == "deploy.yaml:1:1: Pod bad: refused by eci-2024-02-26 (1 error)\n"
    assert result.stderr.startswith("deploy.yaml:5:12: error: spec.hostPID: ")


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_whose_name_is_no_text_is_reported_in_text(ecirun: Run, here: Path, form: str) -> None:
    os.mkdir("folder")
    Path("folder", os.fsdecode(b"\xff.yaml")).write_text(FINE + "  priorityClassName: high\n")
    result = ecirun("check", "-q", "-o", f"{form}=report", "-o", "text" if form != "text" else "json=-", "folder")
    assert (result.code, result.stderr) == (0, "")
    assert r"\xff.yaml" in result.stdout.replace("\\\\", "\\")
    assert "xff.yaml" in Path("report").read_text(encoding="utf-8").replace("%5C", "")


def test_workloads_are_judged_as_the_pods_they_make(ecirun: Run, here: Path) -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"hostPID": True, "containers": [{"name": "c", "image": "i"}]}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template},
    }
    document = json.loads(ecirun("check", "-o", "json", write("d.json", json.dumps(deployment))).stdout)
    assert document["pods"][0]["findings"][0]["path"] == "spec.template.spec.hostPID"


# ecirun/ignore


def test_a_pod_may_ask_to_ignore_a_rule_and_the_reason_is_shown(ecirun: Run, here: Path) -> None:
    file = write("pods.yaml", IGNORING % "host-pid (debugger)")
    result = ecirun("check", file)
    assert result.code == 0
    assert result.stdout == "pods.yaml:1:1: Pod bad: admitted by eci-2024-02-26 (1 ignored)\n"
    assert "note: spec.hostPID: ignored (debugger): Forbidden: ECI does not offer hostPID\n" in result.stderr
    assert ecirun("check", "--no-ignore", file).code == 1


def test_several_rules_are_ignored_with_commas_between(ecirun: Run, here: Path) -> None:
    text = (IGNORING % "host-pid (a, b), host-ipc").replace("hostPID: true", "hostPID: true\n  hostIPC: true")
    assert ecirun("check", write("pods.yaml", text)).stdout.endswith("admitted by eci-2024-02-26 (2 ignored)\n")


def test_a_template_may_ask_for_its_pods(ecirun: Run, here: Path) -> None:
    file = write(
        "job.yaml",
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec:\n  template:\n"
        "    metadata: {annotations: {ecirun/ignore: host-pid}}\n"
        "    spec: {hostPID: true, restartPolicy: Never, containers: [{name: c, image: busybox}]}\n",
    )
    assert ecirun("check", file).stdout.endswith("(1 ignored)\n")


def test_what_admission_refuses_can_be_ignored(ecirun: Run, here: Path) -> None:
    file = write("pods.yaml", IGNORING % "pss-host-namespaces (debugger)")
    result = ecirun("check", "--policy", "none", "--admission", "pss:baseline", file)
    assert result.code == 0
    assert result.stdout == "pods.yaml:1:1: Pod bad: admitted by pss:baseline (1 ignored)\n"


def test_what_the_api_refuses_cannot_be_ignored(ecirun: Run, here: Path) -> None:
    text = (IGNORING % "unsupported-value").replace("hostPID: true", "restartPolicy: Often")
    result = ecirun("check", write("pods.yaml", text))
    assert result.code == 1
    assert result.stdout == "pods.yaml:1:1: Pod bad: refused by the Kubernetes API's own rules (1 error)\n"


def test_a_misspelled_rule_ignores_nothing_and_says_so(ecirun: Run, here: Path) -> None:
    result = ecirun("check", write("pods.yaml", IGNORING % "host-pids"))
    assert result.code == 1
    assert (
        'pods.yaml:3:52: warning: metadata.annotations[ecirun/ignore]: there is no rule "host-pids" to ignore\n'
        "    hint: did you mean host-pid?\n"
    ) in result.stderr


def test_the_pod_that_is_run_cannot_ask_to_ignore_anything(ecirun: Run, here: Path) -> None:
    assert ecirun("plan", write("pods.yaml", IGNORING % "host-pid")).code == 125


# Speed and streams


def test_a_stream_is_judged_while_it_is_written() -> None:
    process = subprocess.Popen([*PROGRAM, "check", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        # A reader takes its input in parts, so the pod has to be followed by a good deal.
        process.stdin.write(FINE + "---\n" + "#\n" * 200_000)
        process.stdin.flush()
        assert process.stdout.readline() == "<stdin>:1:1: Pod fine: admitted by eci-2024-02-26\n"
        process.stdin.close()


def test_progress_is_shown_on_a_terminal_only(here: Path) -> None:
    file = write("pods.yaml", *[FINE] * 3000)
    assert "pods judged" not in run_ecirun("check", "-o", "json", file).stderr
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "check", "-o", "json", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=follower
    )
    os.close(follower)
    assert process.stdin is not None
    data = Path(file).read_bytes()
    shown = b""
    with process:
        # As long as it takes until it shows how far it is.
        while b"pods judged" not in shown:
            process.stdin.write(data + b"---\n")
            process.stdin.flush()
            os.set_blocking(leader, False)
            try:
                shown += os.read(leader, 65536)
            except BlockingIOError:
                pass
        process.stdin.close()
    os.close(leader)
    assert shown.startswith(b"\r\x1b[Kecirun: ")


@pytest.mark.parametrize(
    "module",
    ["ecirun.policy.admission", "ecirun.policy.ignore", "ecirun.report.sarif", "hashlib", "subprocess", "dataclasses"],
)
def test_a_fine_pod_pays_for_nothing_that_it_does_not_use(here: Path, module: str) -> None:
    code = (
        "import sys; from ecirun.cli import main; main(['check', '-q', sys.argv[1]]); "
        "print(*(name for name in sys.modules if name.startswith(sys.argv[2])))"
    )
    python = [PROGRAM[0], "-P", "-c", code, write("pods.yaml", FINE), module]
    done = subprocess.run(python, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1:] == [""]
