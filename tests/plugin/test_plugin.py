"""The pytest plugin, as a project that uses it sees it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from running import run_ecirun

import ecirun
from ecirun.runtime import state

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.sandbox

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: mine}
spec:
  containers:
  - name: web
    image: busybox
    command: [sh, -c, "trap exit TERM; echo started; while :; do sleep 0.1; done"]
  - name: side
    image: busybox
    command: [sleep, infinity]
    env:
    - name: COLOUR
      valueFrom: {configMapKeyRef: {name: settings, key: colour, optional: true}}
"""


@pytest.fixture(autouse=True)
def host_stays_as_it_is():
    """Each run of pytest is looked at when it is over: no pod is left, kept ones are removed."""
    assert state.names() == []
    yield
    left = state.names()
    for name in left:
        run_ecirun("rm", "-f", name)
    assert left == []


@pytest.fixture
def project(pytester):
    """Runs the tests in a file, in a process of their own: `project("def test…", "-x", **other_files)`."""

    def run(tests: str, *arguments: str, **files: str) -> pytest.RunResult:
        for name, text in files.items():
            pytester.makefile(".yaml", **{name: text})
        pytester.makepyfile("import os\nimport pytest\nimport ecirun\n\n" + tests)
        return pytester.runpytest_subprocess("-p", "ecirun.pytest_plugin", "-p", "no:cacheprovider", *arguments)

    return run


def test_the_factory_starts_pods_that_end_with_the_test(project):
    result = project(
        """
names = []

def test_two(ecirun_pod):
    for _ in range(2):
        pod = ecirun_pod("pod.yaml")
        names.append(pod.name)
        assert pod.exec(["hostname"]).stdout == "mine\\n"
    assert sorted(names) == sorted(os.listdir("/run/ecirun")[:0] + [n for n in os.listdir("/run/ecirun") if n[0] != "."])

def test_they_have_ended(ecirun_pod):
    assert len(set(names)) == 2
    assert not [name for name in names if os.path.exists(f"/run/ecirun/{name}")]
""",
        pod=POD,
    )
    result.assert_outcomes(passed=2)


def test_the_marker_names_the_pod_of_the_fixture_and_its_options(project):
    result = project(
        """
@pytest.mark.eci("pod.yaml")
def test_plain(eci):
    assert eci.exec(["hostname"]).stdout == "mine\\n"

@pytest.mark.eci("pod.yaml", container="side", command=["sh", "-c", "exit 3"])
def test_options(eci):
    assert eci.wait() == 3

@pytest.mark.eci(ecirun.pod(capabilities=["NET_ADMIN"]))
def test_dict(eci):
    eci.exec(["ip", "link", "set", "lo", "down"]).check()

@pytest.mark.eci("example:network")
class TestClass:
    def test_of_a_class(self, eci):
        assert not eci.exec(["ip", "link", "set", "lo", "down"])

    @pytest.mark.eci("example:network-admin")
    def test_nearer_one(self, eci):
        assert eci.exec(["ip", "link", "set", "lo", "down"])
""",
        pod=POD,
    )
    result.assert_outcomes(passed=5)


@pytest.mark.parametrize("marker", ["", "@pytest.mark.eci()", "@pytest.mark.eci('a.yaml', 'b.yaml')"])
def test_the_fixture_without_a_pod_says_what_it_needs(project, marker):
    result = project(f"{marker}\ndef test_none(eci):\n    pass\n")
    result.assert_outcomes(errors=1)
    message = '*test_none uses the fixture `eci`, so it needs the marker @pytest.mark.eci("pod.yaml")'
    result.stdout.fnmatch_lines([message])


def test_parametrising_over_pods_capabilities_and_sysctls(project):
    result = project(
        """
@pytest.mark.parametrize("eci", ["example:network", "example:network-admin"], indirect=True)
def test_indirect(eci):
    assert eci.exec(["true"])

@pytest.mark.eci(command=["sleep", "infinity"], sysctls="strict")
@pytest.mark.parametrize("eci", ["example:network"], indirect=True)
def test_indirect_with_options(eci):
    assert eci.exec(["true"])

@pytest.mark.parametrize("spec", ["example:network", "pod.yaml"])
def test_specs(ecirun_pod, spec):
    assert ecirun_pod(spec).exec(["true"])

@pytest.mark.parametrize(("marked"), [
    pytest.param(False, marks=pytest.mark.eci("example:network")),
    pytest.param(True, marks=pytest.mark.eci("example:network-admin")),
])
def test_marks(eci, marked):
    assert bool(eci.exec(["ip", "link", "set", "lo", "down"])) is marked

@pytest.mark.parametrize("capability", ["NET_RAW", "CHOWN"])
@pytest.mark.parametrize("value", ["128", "1024"])
def test_words(ecirun_pod, capability, value):
    pod = ecirun_pod(ecirun.pod(drop=[capability], sysctls={"net.core.somaxconn": value}))
    assert pod.exec(["cat", "/proc/sys/net/core/somaxconn"]).stdout == value + "\\n"
""",
        pod=POD,
    )
    result.assert_outcomes(passed=11)


def test_a_file_is_looked_for_beside_the_test_and_then_below_the_current_folder(project, pytester):
    (pytester.path / "inner").mkdir()
    (pytester.path / "inner" / "pod.yaml").write_text(POD.replace("mine", "inner"))
    (pytester.path / "inner" / "test_inner.py").write_text(
        "from pathlib import Path\n"
        "def test_inner(ecirun_pod):\n"
        "    assert ecirun_pod('pod.yaml').exec(['hostname']).stdout == 'inner\\n'\n"
        "    assert ecirun_pod(Path('../pod.yaml')).exec(['hostname']).stdout == 'mine\\n'\n"
        "    assert ecirun_pod('other.yaml').exec(['hostname']).stdout == 'other\\n'\n"
    )
    result = project("def test_outer(ecirun_pod):\n    pass\n", pod=POD, other=POD.replace("mine", "other"))
    result.assert_outcomes(passed=2)


def test_config_maps_are_looked_for_in_the_same_way(project):
    settings = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: red}\n"
    result = project(
        """
def test_colour(ecirun_pod):
    pod = ecirun_pod("pod.yaml", beside=["settings.yaml"])
    assert pod.exec(["sh", "-c", "echo $COLOUR"], container="side").stdout == "red\\n"
""",
        pod=POD,
        settings=settings,
    )
    result.assert_outcomes(passed=1)


def test_a_project_s_own_options_are_for_all_its_pods(project):
    result = project(
        """
@pytest.fixture(scope="session")
def ecirun_options():
    return {"name": "ours"}

@pytest.mark.eci("example:network")
def test_all(eci):
    assert eci.name == "ours"

@pytest.mark.eci("example:network", name="theirs")
def test_but_this(eci):
    assert eci.name == "theirs"
""",
    )
    result.assert_outcomes(passed=2)


def test_pods_end_when_their_test_fails_or_another_one_does_not_start(project):
    result = project(
        """
names = []

def test_fails(ecirun_pod):
    names.append(ecirun_pod("pod.yaml").name)
    assert False

def test_second_does_not_start(ecirun_pod):
    names.append(ecirun_pod("pod.yaml").name)
    ecirun_pod(ecirun.pod(command=["nope"]))

def test_refused(ecirun_pod):
    names.append(ecirun_pod("pod.yaml").name)
    with pytest.raises(ecirun.PodRefused):
        ecirun_pod("example:refused")

def test_all_have_ended():
    assert len(names) == 3
    assert not [name for name in names if os.path.exists(f"/run/ecirun/{name}")]
""",
        pod=POD,
    )
    result.assert_outcomes(failed=2, passed=2)


def test_a_pod_that_a_test_has_ended_itself(project):
    result = project(
        """
def test_closed(ecirun_pod):
    with ecirun_pod("pod.yaml") as pod:
        assert pod.exec(["true"])
    pod.close()

def test_stopped(ecirun_pod):
    assert ecirun_pod("pod.yaml").stop(grace=0) == 137
""",
        pod=POD,
    )
    result.assert_outcomes(passed=2)


def test_the_report_of_a_failure_has_plan_logs_and_last_exec(project):
    result = project(
        """
def test_fails(ecirun_pod):
    pod = ecirun_pod("pod.yaml")
    while not pod.logs():
        pass
    pod.exec(["sh", "-c", "echo said; echo complained >&2; exit 3"])
    assert False, "on purpose"
""",
        pod=POD,
    )
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [
            r"-+ pod mine-[0-9a-f]{10}: plan -+",
            r"Pod default/mine-[0-9a-f]{10}, judged by eci-2024-02-26, network loopback",
            r"container web: uid 0, gid 0, groups 0 10, root read-only, new privileges allowed",
            r"    bounding  00000000a80425fb CHOWN .*",
            r"-+ pod mine-[0-9a-f]{10}: log of container web -+",
            r"started",
            r"-+ pod mine-[0-9a-f]{10}: last exec -+",
            r"\['sh', '-c', 'echo said; echo complained >&2; exit 3'\] ended with 3 after [0-9.]+ s",
            r"stdout: 'said\\n'",
            r"stderr: 'complained\\n'",
        ],
        consecutive=False,
    )
    # It has no log, so there is no section for it.
    assert "log of container side" not in result.stdout.str()


def test_two_letters_v_show_the_whole_plan(project):
    result = project("def test_fails(ecirun_pod):\n    ecirun_pod('pod.yaml')\n    assert False\n", "-vv", pod=POD)
    result.stdout.re_match_lines([r"container web", r"  inheritable +0+ +none"])


def test_the_report_shows_the_test_s_line_and_not_what_is_behind_it(project):
    result = project(
        """
def test_fails(ecirun_pod):
    ecirun_pod("pod.yaml").exec(["sh", "-c", "echo no >&2; exit 3"]).check()

def test_times_out(ecirun_pod):
    ecirun_pod("pod.yaml").exec(["sleep", "infinity"], timeout=0.1)

def test_is_not_there(ecirun_pod):
    ecirun_pod("pod.yaml").exec(["nope"])

def test_is_refused(ecirun_pod):
    ecirun_pod("example:refused")
""",
        pod=POD,
    )
    result.assert_outcomes(failed=4)
    text = result.stdout.str()
    assert "E       ecirun.api.result.ExecFailed: `sh -c 'echo no >&2; exit 3'` ended with 3\n" in text
    assert "E         stderr:\n" in text
    assert "E       ecirun.api.result.ExecTimeout: `sleep infinity` was not done after 0.1 s and was killed\n" in text
    assert 'E       ecirun.errors.CommandNotFound: Can\'t run "nope": not found in PATH=' in text
    assert 'E       ecirun.errors.PodRefused: Can\'t run pod "refused": it is refused by eci-2024-02-26\n' in text
    assert not re.search(r"^.*/ecirun/(api|runtime|pytest_plugin)\S*:\d+:", text, re.MULTILINE), text


def test_a_pass_reports_nothing_of_its_pods(project):
    result = project("def test_fine(ecirun_pod):\n    assert ecirun_pod('pod.yaml').exec(['true'])\n", "-rA", pod=POD)
    assert ": plan" not in result.stdout.str()


def test_long_logs_are_cut_at_the_front(project):
    result = project(
        """
def test_fails(ecirun_pod):
    pod = ecirun_pod("example:network", command=["seq", "5000"])
    pod.wait()
    assert False
"""
    )
    lines = result.stdout.str().splitlines()
    assert "… 19893 characters …" in lines
    assert "5000" in lines
    assert "17" not in lines


def test_warnings_are_in_the_report(project):
    result = project(
        """
def test_fails(ecirun_pod):
    ecirun_pod(ecirun.pod(sysctls={"vm.min_free_kbytes": "4096"}))
    assert False
"""
    )
    result.stdout.re_match_lines(
        [r"-+ pod pod-[0-9a-f]{10}: warnings -+", "sysctl vm.min_free_kbytes is only shown to the workload: .*"]
    )


def test_kept_pods_run_on_and_the_commands_work(project):
    result = project(
        """
def test_passes(ecirun_pod):
    ecirun_pod("pod.yaml")

def test_fails(ecirun_pod):
    assert ecirun_pod("pod.yaml").exec(["false"])

def test_not_kept(ecirun_pod):
    ecirun_pod("pod.yaml").close()
""",
        "--ecirun-keep",
        pod=POD,
    )
    result.assert_outcomes(passed=2, failed=1)
    kept = state.names()
    assert len(kept) == 2
    lines = result.stdout.str().partition(" ecirun: kept pods ")[2].splitlines()[1:7]
    assert [lines[0], lines[3]] == [
        f"test_kept_pods_run_on_and_the_commands_work.py::test_{how}" for how in ("passes", "fails")
    ]
    for line in lines:
        if match := re.fullmatch(r"    (enter it: |remove it:) ecirun (.*)", line):
            words = match[2].replace("-it ", "").replace(" sh", " hostname").split()
            assert run_ecirun(*words).code == 0
    assert state.names() == []


def test_workers_of_xdist_have_pods_of_their_own_and_report_the_kept_ones(project):
    tests = """
@pytest.mark.parametrize("number", range(4))
def test_many(ecirun_pod, number):
    pod = ecirun_pod(ecirun.pod(sysctls={"net.core.somaxconn": str(1000 + number)}))
    assert pod.exec(["cat", "/proc/sys/net/core/somaxconn"]).stdout == f"{1000 + number}\\n"
"""
    result = project(tests, "-n", "2", "--ecirun-keep")
    result.assert_outcomes(passed=4)
    named = re.findall(r"remove it: ecirun rm -f (\S+)", result.stdout.str())
    assert sorted(named) == state.names()
    assert len(named) == 4
    assert run_ecirun("rm", "-f", *named).code == 0


SKIPS = "ecirun: Can't run a pod as uid 1000: it needs root"
BECOMES_ANOTHER = """
@pytest.fixture(scope="session", autouse=True)
def another_user():
    # What is imported as root need not be readable by others.
    import ecirun.api.host
    import ecirun.runtime.privileges
    os.seteuid(1000)
    yield
    os.seteuid(0)

"""
TESTS = (
    "def test_one(ecirun_pod):\n    assert False\n\n@pytest.mark.eci('example:network')\ndef test_two(eci):\n    assert False\n"
)


def test_who_cannot_run_pods_skips_with_one_clear_reason(project, monkeypatch):
    monkeypatch.delenv("ECIRUN_MUST_RUN", raising=False)
    result = project(BECOMES_ANOTHER + TESTS, "-rs")
    result.assert_outcomes(skipped=2)
    lines = [line for line in result.stdout.str().splitlines() if line.startswith("SKIPPED")]
    assert [line.partition(": ")[2] for line in lines] == [SKIPS, SKIPS]


@pytest.mark.parametrize("how", ["option", "environment"])
def test_where_pods_must_run_it_is_an_error_that_they_cannot(project, monkeypatch, how):
    monkeypatch.delenv("ECIRUN_MUST_RUN", raising=False)
    if how == "environment":
        monkeypatch.setenv("ECIRUN_MUST_RUN", "1")
    result = project(BECOMES_ANOTHER + TESTS, *(["--ecirun-must-run"] if how == "option" else []))
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["ecirun must run here: Can't run a pod as uid 1000: it needs root"])


def test_a_test_that_only_names_the_marker_is_not_skipped(project, monkeypatch):
    monkeypatch.delenv("ECIRUN_MUST_RUN", raising=False)
    result = project(BECOMES_ANOTHER + "@pytest.mark.eci('example:network')\ndef test_no_fixture():\n    pass\n")
    result.assert_outcomes(passed=1)


def test_the_example_to_copy_passes(pytester):
    example = Path(ecirun.__file__).parent / "examples" / "test_net_admin.py"
    pytester.makepyfile(example.read_text())
    result = pytester.runpytest_subprocess("-p", "ecirun.pytest_plugin", "-p", "no:cacheprovider", "--strict-markers")
    outcomes = result.parseoutcomes()
    assert set(outcomes) == {"passed"}
    assert outcomes["passed"] >= 6


def test_the_pods_of_a_test_run_are_taken_away_when_it_is_interrupted(project):
    result = project(
        """
def test_interrupted(ecirun_pod):
    ecirun_pod("pod.yaml")
    raise KeyboardInterrupt
""",
        pod=POD,
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert state.names() == []


def test_a_module_may_share_a_pod_without_the_plugin(project):
    result = project(
        """
@pytest.fixture(scope="module")
def shared():
    with ecirun.run("example:network") as pod:
        yield pod

@pytest.mark.parametrize("number", range(3))
def test_shared(shared, number):
    assert shared.exec(["true"])
"""
    )
    result.assert_outcomes(passed=3)


def test_the_current_folder_is_of_no_importance(pytester, monkeypatch):
    pytester.makefile(".yaml", pod=POD)
    test = pytester.makepyfile(
        "import pytest\n\n@pytest.mark.eci('pod.yaml')\ndef test_one(eci):\n    assert eci.exec(['true'])\n"
    )
    (pytester.path / "elsewhere").mkdir()
    monkeypatch.chdir(pytester.path / "elsewhere")
    result = pytester.runpytest_subprocess("-p", "ecirun.pytest_plugin", "-p", "no:cacheprovider", str(test))
    result.assert_outcomes(passed=1)
