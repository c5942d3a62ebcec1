"""Exit codes, what is said when nothing ran, and --status-file."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.sandbox

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@pytest.mark.parametrize("code", [0, 1, 2, 125, 126, 127, 137, 255])
def test_the_workloads_exit_code_is_passed_on(in_pod, code):
    assert in_pod(f"exit {code}") == (code, "", "")


@pytest.mark.parametrize(("name", "code"), [("TERM", 143), ("KILL", 137), ("SEGV", 139), ("ABRT", 134)])
def test_a_signal_that_ends_the_workload_is_128_and_its_number(in_pod, name, code):
    # PID 1 ignores signals from inside, so another process is killed and the shell passes its end on.
    assert in_pod(f"sh -c 'kill -{name} $$'; exit $?").code == code


@pytest.mark.parametrize(
    ("command", "code", "stderr"),
    [
        (["nosuch"], 127, f'Can\'t run "nosuch": not found in PATH={PATH}\n    hint: check the command and the image'),
        (["/no/such"], 127, 'Can\'t run "/no/such": No such file or directory\n    hint: check the command and the image'),
        (["/bin/busybox/x"], 127, 'Can\'t run "/bin/busybox/x": Not a directory\n    hint: check the command and the image'),
        (
            ["/etc/passwd"],
            126,
            'Can\'t run "/etc/passwd": Permission denied\n    hint: make it executable in the image (mode is 0644)',
        ),
        (["/etc"], 126, 'Can\'t run "/etc": Is a directory\n    hint: name a program'),
        (
            ["/proc/self/exe"],
            126,
            'Can\'t run "/proc/self/exe": it leads through /proc to a program outside the container\n'
            "    hint: name a program of the image",
        ),
    ],
)
def test_a_command_that_cannot_be_executed(ecirun, pod_file, command, code, stderr):
    result = ecirun("run", pod_file(), "--", *command)
    assert result == (code, "", f"ecirun: error: {stderr}\n")


def test_the_status_file_tells_how_the_workload_ended(ecirun, pod_file, tmp_path):
    status = tmp_path / "status.json"
    assert ecirun("run", "--status-file", str(status), pod_file(), "--", "sh", "-c", "exit 7").code == 7
    assert json.loads(status.read_text()) == {
        "schema_version": 1,
        "phase": "exited",
        "pod": "test",
        "exit_code": 7,
        "signal": None,
        "timed_out": False,
    }


def test_the_status_file_of_a_failed_launch_has_no_exit_code(ecirun, pod_file, tmp_path):
    status = tmp_path / "status.json"
    assert ecirun("run", "--status-file", str(status), pod_file(), "--", "nosuch").code == 127
    assert json.loads(status.read_text()) == {
        "schema_version": 1,
        "phase": "launch",
        "error": "CommandNotFound",
        "message": f'Can\'t run "nosuch": not found in PATH={PATH}',
    }


def test_a_status_file_that_cannot_be_written_is_found_before_anything_runs(ecirun, pod_file, tmp_path):
    status = tmp_path / "missing" / "status.json"
    result = ecirun("run", "--status-file", str(status), pod_file(), "--", "echo", "ran")
    assert result == (
        125,
        "",
        f"ecirun: error: Can't write status file {status}: its folder does not exist\n"
        "    hint: name a file in a folder of yours\n",
    )


def test_the_timeout_kills_the_workload(ecirun, pod_file, tmp_path):
    status = tmp_path / "status.json"
    result = ecirun("run", "--timeout", "0.3", "--status-file", str(status), pod_file(), "--", "sleep", "1000")
    assert result == (137, "", "ecirun: timed out after 0.3 s: killed the workload\n")
    assert json.loads(status.read_text())["timed_out"] is True


def test_an_image_that_is_not_in_the_store_says_how_to_get_one(ecirun, tmp_path):
    file = tmp_path / "pod.yaml"
    file.write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: c, image: nginx}]}\n")
    result = ecirun("run", "--store", str(tmp_path / "store"), str(file), env={"PATH": str(tmp_path)})
    assert result == (
        125,
        "",
        f'ecirun: error: Can\'t find image "nginx" in the store {tmp_path}/store, nor pull it: skopeo is not here\n'
        "    hint: install it (sudo apt-get install skopeo), or load it from a file with `ecirun image load`\n",
    )


def test_the_image_of_the_spec_runs_its_own_command(ecirun, pod_file):
    assert ecirun(
        "run",
        "-q",
        pod_file(pod="restartPolicy: Never", container="args: [echo, $(GREETING) all]\nenv: [{name: GREETING, value: hello}]"),
    ) == (
        0,
        "hello all\n",
        "",
    )


def test_a_dry_run_shows_the_steps_and_runs_nothing(ecirun):
    result = ecirun("run", "--dry-run", "example:sysctl", "--", "echo", "ran")
    lines = result.stdout.splitlines()
    assert result.code == 0
    assert [line.split(". ")[0].strip() for line in lines] == [str(number) for number in range(1, len(lines) + 1)]
    assert lines[-1].endswith("execute echo ran")
    assert "ran" not in lines


def test_verbose_says_each_step_as_it_happens(ecirun):
    dry = ecirun("run", "--dry-run", "example:sysctl", "--", "true").stdout
    verbose = ecirun("run", "-v", "example:sysctl", "--", "true").stderr
    assert [line.partition(": ")[2] for line in verbose.splitlines()] == [line.partition(". ")[2] for line in dry.splitlines()]
