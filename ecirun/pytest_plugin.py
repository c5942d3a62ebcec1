"""Fixtures for other people's tests: a pod for each test, ended with it.

    @pytest.mark.eci("pod.yaml", container="busybox")
    def test_the_network_cannot_be_changed(eci):
        assert "Operation not permitted" in eci.exec(["ip", "link", "set", "lo", "down"]).stderr

pytest imports this module in every run of every project where ecirun is installed, so ecirun itself is imported when a
fixture is used and not before.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from ecirun.api.pods import Pod, Source
    from ecirun.api.running import RunningPod

    StartPod = Callable[..., RunningPod]

MARKER = (
    "eci(spec, **options): the pod that the fixture `eci` runs: a file beside the test, example:NAME or a dict, and options of "
    "ecirun.run"
)
MUST_RUN = "ECIRUN_MUST_RUN"
MOST_OUTPUT = 4000  # characters of each container's log in a report


def pytest_addoption(parser: pytest.Parser) -> None:
    """The plugin's options."""
    group = parser.getgroup("ecirun", "pods as Alibaba Cloud ECI would run them")
    group.addoption(
        "--ecirun-keep", action="store_true", help="leave pods running after their tests, and say how to enter them"
    )
    group.addoption(
        "--ecirun-must-run",
        action="store_true",
        default=os.environ.get(MUST_RUN) == "1",
        help=f"fail instead of skipping where pods cannot run (also {MUST_RUN}=1)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The plugin's marker, and the list of kept pods."""
    config.addinivalue_line("markers", MARKER)
    config.stash[_kept] = []


_pods = pytest.StashKey["list[RunningPod]"]()
_kept = pytest.StashKey["list[str]"]()


@pytest.fixture
def ecirun_pod(request: pytest.FixtureRequest) -> Iterator[StartPod]:
    """Starts pods that end with the test: `ecirun_pod(spec, **options)`, with what `ecirun.run` takes, gives the running pod.

    `spec` is a file (beside the test's own, or below the current folder), `example:NAME`, a dict, or a loaded pod.
    """
    _refuse_or_skip(request)
    started: list[RunningPod] = []
    request.node.stash[_pods] = started
    keep = request.config.getoption("--ecirun-keep")

    def start(spec: Pod | Source, **options: Any) -> RunningPod:
        import ecirun

        try:
            pod = ecirun.run(_found(spec, request), detach=keep, **options)
        except ecirun.HostUnsupported as error:
            _fail_or_skip(request, error.message)
        started.append(pod)
        return pod

    yield start
    for pod in reversed(started):
        if keep:
            request.config.stash[_kept].append(pod.name)
        pod.close()


@pytest.fixture
def eci(request: pytest.FixtureRequest, ecirun_pod: StartPod) -> RunningPod:
    """The pod of the test's marker `@pytest.mark.eci(spec, **options)`, running."""
    marker = request.node.get_closest_marker("eci")
    if marker is None or not marker.args:
        pytest.fail(
            f'{request.node.name} uses the fixture `eci`, so it needs the marker @pytest.mark.eci("pod.yaml")', pytrace=False
        )
    return ecirun_pod(marker.args[0], **marker.kwargs)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Show in the report of a failure what its pods were and what they said."""
    outcome: Any = yield
    report: pytest.TestReport = outcome.get_result()
    if report.failed and call.when != "teardown":
        for pod in item.stash.get(_pods, []):
            report.sections += _sections(pod)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """How to enter the pods that were kept."""
    kept = config.stash.get(_kept, [])
    if kept:
        terminalreporter.section("ecirun: kept pods")
        for name in kept:
            terminalreporter.line(f"{name}: enter it with `ecirun exec -it {name} -- sh`, remove it with `ecirun rm -f {name}`")


def _refuse_or_skip(request: pytest.FixtureRequest) -> None:
    """Without the means to run pods the test is skipped, or fails where it must run."""
    from ecirun.api.host import why_not

    if reason := why_not():
        _fail_or_skip(request, reason)


def _fail_or_skip(request: pytest.FixtureRequest, reason: str) -> NoReturn:
    if request.config.getoption("--ecirun-must-run"):
        pytest.fail(f"ecirun must run here and cannot: {reason}", pytrace=False)
    pytest.skip(f"ecirun cannot run pods here: {reason}")


def _found(spec: Pod | Source, request: pytest.FixtureRequest) -> Pod | Source:
    """A file's name as seen from the test's own folder, if it is there."""
    if isinstance(spec, (str, os.PathLike)) and not str(spec).startswith("example:"):
        beside = request.path.parent / spec
        return beside if beside.exists() else spec
    return spec


def _sections(pod: RunningPod) -> list[tuple[str, str]]:
    from ecirun.report.plan_text import plan_text

    sections = [(f"pod {pod.name}: plan", plan_text(pod.plan))]
    for container in pod.plan.all_containers:
        text = _log(pod, container.name)
        if text:
            sections.append((f"pod {pod.name}: log of container {container.name}", text))
    if pod.last_exec is not None:
        last = pod.last_exec
        told = f"{list(last.argv)} ended with {last.exit_code} after {last.elapsed:.3f} s"
        streams = f"stdout: {last.stdout!r}\nstderr: {last.stderr!r}"
        sections.append((f"pod {pod.name}: last exec", f"{told}\n{streams}"))
    return sections


def _log(pod: RunningPod, container: str) -> str:
    try:
        text = pod.logs(container)
    except OSError as error:
        return f"(cannot be read: {error})"
    return text if len(text) <= MOST_OUTPUT else f"… {len(text) - MOST_OUTPUT} characters …\n{text[-MOST_OUTPUT:]}"
