"""The public names: which there are, what is said of them, what their types say, and what an import costs."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pickle
import subprocess
import sys
from collections.abc import Iterator

import pytest
from running import CHECKOUT

import ecirun
from ecirun import errors

HEAVY = set(
    "argparse asyncio base64 ctypes dataclasses decimal difflib fractions hashlib http importlib.metadata inspect json logging "
    "multiprocessing pathlib psutil pyroute2 re secrets shutil signal socket ssl subprocess tarfile tempfile threading tomllib "
    "urllib yaml".split()
)
RUNS_PODS = ("ecirun.run(", "ecirun.attach(")


def members() -> Iterator[tuple[str, object]]:
    """Every public name, and the public methods of the classes among them."""
    for name in ecirun.__all__:
        thing = getattr(ecirun, name)
        yield name, thing
        if inspect.isclass(thing) and not issubclass(thing, BaseException):
            for method, function in vars(thing).items():
                if not method.startswith("_") and inspect.isfunction(function):
                    yield f"{name}.{method}", function


MEMBERS = dict(members())
# One example is enough for errors that differ in nothing but what they say.
PLAIN_ERRORS = {name for name, thing in MEMBERS.items() if vars(errors).get(name) is thing} - {"EcirunError", "PodRefused"}
FOR_ECIRUN_ITSELF = {"ExecStream.forget", "Finding.as_json"} | {
    f"PodPlan.{method}" for method in ("as_json", "recorded", "without_secrets")
}
NEED_NO_EXAMPLE = PLAIN_ERRORS | FOR_ECIRUN_ITSELF


def examples() -> Iterator[object]:
    for name, thing in MEMBERS.items():
        found = doctest.DocTestFinder(recurse=False).find(thing, name, globs={"ecirun": ecirun, **vars(_module(thing))})
        for test in found:
            if test.examples:
                runs = any(call in example.source for example in test.examples for call in RUNS_PODS)
                yield pytest.param(test, id=name, marks=[pytest.mark.sandbox] if runs else [])


def _module(thing: object) -> object:
    return importlib.import_module(getattr(thing, "__module__", "ecirun"))


@pytest.mark.parametrize("example", list(examples()))
def test_the_example_does_what_it_says(example, request):
    output: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    runner.run(example, out=output.append)
    assert "".join(output) == ""


@pytest.fixture(autouse=True)
def no_pod_is_left() -> Iterator[None]:
    yield
    from running import run_ecirun

    from ecirun.runtime import state

    for name in state.names():
        run_ecirun("rm", "-f", name)


@pytest.mark.parametrize("name", MEMBERS)
def test_every_name_is_documented(name):
    text = inspect.getdoc(MEMBERS[name]) or ""
    assert len(text) > 20
    assert ">>>" in text or name in NEED_NO_EXAMPLE, f"{name} has no example"


def test_the_public_names_are_those_that_come_lazily_sorted():
    assert ecirun.__all__ == sorted(ecirun._PLACES)
    assert dir(ecirun) == sorted([*ecirun.__all__, "__version__"])
    for name, place in ecirun._PLACES.items():
        assert getattr(ecirun, name) is getattr(importlib.import_module(place), name)


def test_type_checkers_see_the_same_names():
    source = (CHECKOUT / "ecirun" / "__init__.py").read_text()
    for name, place in ecirun._PLACES.items():
        assert f"    from {place} import {name} as {name}\n" in source


def test_every_error_that_reaches_a_user_has_a_public_name():
    public = {name for name, thing in vars(errors).items() if inspect.isclass(thing) and issubclass(thing, Exception)}
    # It always travels as the LaunchFailed of what refers to something.
    assert public - {"ReferenceMissing"} <= set(ecirun.__all__)


def test_a_name_that_there_is_not():
    with pytest.raises(AttributeError, match=r"^module 'ecirun' has no attribute 'runn'$"):
        ecirun.runn  # noqa: B018


def imported_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); {code}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_importing_ecirun_costs_next_to_nothing():
    more = imported_by("import ecirun") - imported_by("pass")
    in_c = {"_types"} if sys.version_info >= (3, 14) else set()  # a part of `types`
    assert more == {"__future__", "ecirun", "types"} | in_c


def test_the_errors_need_nothing_else():
    modules = imported_by("import ecirun; ecirun.PodRefused")
    assert {name for name in modules if name.startswith("ecirun.")} == {"ecirun.errors"}


@pytest.mark.sandbox
def test_running_a_pod_imports_nothing_heavy(tmp_path):
    code = (
        "import ecirun\nwith ecirun.run(ecirun.pod()) as pod:\n    pod.exec(['true']).check()\nimport sys\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = HEAVY - {"base64", "ctypes", "json", "re", "signal", "threading", "tomllib", "yaml"}
    bare = subprocess.run([sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & heavy - set(bare.stdout.split()) == set()


def example_errors() -> Iterator[errors.EcirunError]:
    result = ecirun.Result(("ls",), 1, "out", "err", 0.5)
    yield ecirun.ExecFailed(result)
    yield ecirun.ExecTimeout(("ls",), 0.5, b"out", b"err")
    yield errors.PodRefused("no", hint="do", findings=tuple(ecirun.check(ecirun.pod(capabilities=["SYS_ADMIN"]))))
    yield errors.LaunchFailed("no", step="mounts", hint="do")
    yield errors.SpecUnreadable("no", where="pod.yaml:1:2", hint="do")
    for name in sorted(PLAIN_ERRORS):
        yield getattr(errors, name)("no", hint="do")


@pytest.mark.parametrize("error", list(example_errors()), ids=lambda error: type(error).__name__)
def test_errors_survive_the_way_from_one_process_to_another(error):
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


def test_an_error_shows_its_hint():
    assert str(ecirun.EcirunError("Can't", hint="do it")) == "Can't\n    hint: do it"
    assert str(ecirun.EcirunError("Can't")) == "Can't"
