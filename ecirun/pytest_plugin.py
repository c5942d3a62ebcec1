"""Fixtures for other people's tests: a pod for each test, ended with it.

    @pytest.mark.eci("pod.yaml", container="busybox")
    def test_the_network_cannot_be_changed(eci):
        assert "Operation not permitted" in eci.exec(["ip", "link", "set", "lo", "down"]).stderr

pytest imports this module in every run of every project where ecirun is installed, so ecirun itself is imported when a
fixture is used and not before.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from ecirun.api.pods import Pod, Source
    from ecirun.api.running_pod import RunningPod

    StartPod = Callable[..., RunningPod]

MARKER = (
    "eci(spec, **options): the pod that the fixture `eci` runs: a file beside the test, example:NAME or a dict, and options of "
    "ecirun.run"
)
MUST_RUN = "ECIRUN_MUST_RUN"
MOST_OUTPUT = 4000  # characters of each text in a report


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
_kept = pytest.StashKey["list[tuple[str, str]]"]()


@pytest.fixture(scope="session")
def ecirun_options() -> dict[str, Any]:
    """Options of `ecirun.run` for every pod; a project overrides this fixture, a test or a marker its options one by one."""
    return {}


@pytest.fixture
def ecirun_pod(request: pytest.FixtureRequest, ecirun_options: dict[str, Any]) -> Iterator[StartPod]:
    """Starts pods that end with the test: `ecirun_pod(spec, **options)`, with what `ecirun.run` takes, gives the running pod.

    `spec` is a file (beside the test's own, or below the current folder), `example:NAME`, a dict, or a loaded pod. The files of
    the option `beside` are looked for in the same way.
    """
    _refuse_or_skip(request.config)
    started: list[RunningPod] = []
    request.node.stash[_pods] = started
    with contextlib.ExitStack() as stack:

        def start(spec: Pod | Source, **options: Any) -> RunningPod:
            __tracebackhide__ = True
            import ecirun

            chosen = {**ecirun_options, **options}
            if "beside" in chosen:
                chosen["beside"] = [_found(other, request) for other in chosen["beside"]]
            try:
                pod = ecirun.run(_found(spec, request), **chosen)
            except ecirun.HostUnsupported as error:
                _fail_or_skip(request.config, error.message)
            started.append(pod)
            stack.callback(pod.close)
            if request.config.getoption("--ecirun-keep"):
                stack.callback(_keep, pod, request)
            return pod

        yield start


@pytest.fixture
def eci(request: pytest.FixtureRequest, ecirun_pod: StartPod) -> RunningPod:
    """The pod of the test's marker `@pytest.mark.eci(spec, **options)`, running.

    With `@pytest.mark.parametrize("eci", [spec, …], indirect=True)` the test runs once with each pod; a marker without a spec
    then gives options for all.
    """
    __tracebackhide__ = True
    marker = request.node.get_closest_marker("eci")
    options = marker.kwargs if marker else {}
    if hasattr(request, "param"):
        return ecirun_pod(request.param, **options)
    if marker is None or len(marker.args) != 1:
        pytest.fail(
            f'{request.node.name} uses the fixture `eci`, so it needs the marker @pytest.mark.eci("pod.yaml")', pytrace=False
        )
    return ecirun_pod(marker.args[0], **options)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Show in the report of a failure what its pods were and what they said."""
    outcome: Any = yield
    report: pytest.TestReport = outcome.get_result()
    if report.failed and call.when != "teardown":
        for pod in item.stash.get(_pods, []):
            report.sections += _sections(pod, whole_plan=item.config.get_verbosity() > 1)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a worker of pytest-xdist: tell the controller of the pods that were kept."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["ecirun_kept"] = session.config.stash[_kept]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """In the controller of pytest-xdist: hear of them."""
    node.config.stash[_kept] += [tuple(entry) for entry in getattr(node, "workeroutput", {}).get("ecirun_kept", [])]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """How to enter the pods that were kept."""
    if kept := config.stash.get(_kept, []):
        terminalreporter.section("ecirun: kept pods")
        for test, name in kept:
            terminalreporter.line(test)
            terminalreporter.line(f"    enter it:  ecirun exec -it {name} -- sh")
            terminalreporter.line(f"    remove it: ecirun rm -f {name}")


def _refuse_or_skip(config: pytest.Config) -> None:
    """Without the means to run pods the test is skipped, or fails where it must run."""
    __tracebackhide__ = True
    from ecirun.api.host import why_not

    if reason := why_not():
        _fail_or_skip(config, reason)


def _fail_or_skip(config: pytest.Config, reason: str) -> NoReturn:
    __tracebackhide__ = True
    if config.getoption("--ecirun-must-run"):
        pytest.fail(f"ecirun must run here: {reason}", pytrace=False)
    pytest.skip(f"ecirun: {reason}")


def _found(spec: Pod | Source, request: pytest.FixtureRequest) -> Pod | Source:
    """A file's name as seen from the test's own folder, if it is there."""
    if isinstance(spec, (str, os.PathLike)) and not str(spec).startswith("example:"):
        beside = request.path.parent / spec
        return beside if beside.exists() else spec
    return spec


def _keep(pod: RunningPod, request: pytest.FixtureRequest) -> None:
    from ecirun.errors import EcirunError

    # Its supervisor may have died, or the test has closed it: there is nothing to keep.
    with contextlib.suppress(EcirunError):
        pod.detach()
        request.config.stash[_kept].append((request.node.nodeid, pod.name))


def _sections(pod: RunningPod, *, whole_plan: bool) -> Iterator[tuple[str, str]]:
    from ecirun.report.plan_brief import plan_brief
    from ecirun.report.plan_text import plan_text

    yield f"pod {pod.name}: plan", plan_text(pod.plan).rstrip("\n") if whole_plan else plan_brief(pod.plan)
    if pod.warnings:
        yield f"pod {pod.name}: warnings", "\n".join(pod.warnings)
    for container in pod.plan.all_containers:
        if text := _log(pod, container.name):
            yield f"pod {pod.name}: log of container {container.name}", text
    if (last := pod.last_exec) is not None:
        told = f"{list(last.argv)} ended with {last.exit_code} after {last.elapsed:.3f} s"
        yield f"pod {pod.name}: last exec", f"{told}\nstdout: {_end(repr(last.stdout))}\nstderr: {_end(repr(last.stderr))}"


def _log(pod: RunningPod, container: str) -> str:
    from ecirun.errors import EcirunError

    try:
        return _end(pod.logs(container))
    except (EcirunError, OSError) as error:
        return f"(cannot be read: {error})"


def _end(text: str) -> str:
    return text if len(text) <= MOST_OUTPUT else f"… {len(text) - MOST_OUTPUT} characters …\n{text[-MOST_OUTPUT:]}"
