"""Whatever the text: the reader ends, and says what is wrong, or returns pods."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from running import pod_yaml

from ecirun.errors import SpecUnreadable
from ecirun.policy.judge import Options, judge
from ecirun.policy.load import load_policy
from ecirun.spec import read_pods
from ecirun.spec.schema import types
from ecirun.spec.yaml_scalar import plain

SMALL = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
POLICY = load_policy()

WORDS = st.sampled_from(
    ["apiVersion: v1", "kind: Pod", "spec:", "  containers:", "- a", "  - name: x", "{", "}", "[", "]", "&a", "*a", "<<: ", "|",
     ">", "? ", ": ", "!!int ", "---", "...", "%YAML 1.1", "\t", "'", '"', "# x", "0x", "~", "\n", " ", "é", "\u2028", "\x85"]
)  # fmt: skip


def read_and_judge(data: bytes) -> None:
    try:
        readings = read_pods(data, "any.yaml")
    except SpecUnreadable:
        return
    for reading in readings:
        assert all(finding.message for finding in reading.findings)
        if reading.pod is not None:
            judge(reading.pod, POLICY, Options())


@SMALL
@given(st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b"\xef\xbb\xbf")
@example(b"\xfe\xff\x00")
def test_any_bytes(data):
    read_and_judge(data)


@SMALL
@given(st.lists(WORDS, max_size=30).map("".join))
def test_any_run_of_yaml_s_own_signs(text):
    read_and_judge(text.encode())


@SMALL
@given(st.text(max_size=40))
@example("0b-")
@example("1" * 5000)
@example("0" * 5000)
@example("-.")
def test_any_plain_scalar(text):
    value = plain(text)
    assert value is None or isinstance(value, (bool, int, float, str))


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("aA1.-/ \n", max_size=6),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "key", "path", "a b"]), inner, max_size=2)
    ),
    max_leaves=5,
)


def object_of(type_name: str, depth: int) -> st.SearchStrategy:
    """Objects of a type of the API whose fields have the right type or any other."""
    if depth > 3 or type_name not in types():
        return ANYTHING
    fields = types()[type_name]
    some = st.lists(st.sampled_from(sorted(fields)), max_size=4, unique=True)
    return some.flatmap(
        lambda names: st.fixed_dictionaries({name: field_of(fields[name], depth + 1) for name in names}),
    )


def field_of(type_name: str, depth: int) -> st.SearchStrategy:
    if type_name.startswith("[]"):
        return st.lists(field_of(type_name[2:], depth), max_size=2) | ANYTHING
    return object_of(type_name, depth) | ANYTHING


@SMALL
@given(object_of("PodSpec", 0))
def test_any_spec_made_of_the_fields_of_the_api(spec):
    head = pod_yaml().partition("spec:")[0]
    read_and_judge(f"{head}spec: {json.dumps(spec)}\n".encode())
