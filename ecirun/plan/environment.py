"""The variables that a container's spec sets: envFrom, then env, each able to use what stands before it.

Rules: Kubernetes pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables), third_party/forked/golang/expansion (`$(VAR)`).
Service variables are missing: there are no services here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ecirun.errors import ReferenceMissing
from ecirun.plan.references import Surroundings
from ecirun.record import Record
from ecirun.spec.pod import Choice, Container, EnvVar


class Environment(Record):
    """The variables in order, those whose values are secrets, and warnings."""

    values: Mapping[str, str]
    secret: tuple[str, ...]
    warnings: tuple[str, ...]


def expand(text: str, values: Mapping[str, str]) -> str:
    """`$(NAME)` replaced where NAME is known, `$$` becomes `$`, everything else stays as it is; one pass."""
    if "$" not in text:
        return text
    out: list[str] = []
    at = 0
    while at < len(text):
        if text[at] != "$" or at + 1 == len(text):
            out.append(text[at])
            at += 1
        elif text[at + 1] == "$":
            out.append("$")
            at += 2
        elif text[at + 1] == "(" and (end := text.find(")", at + 2)) >= 0:
            name = text[at + 2 : end]
            out.append(values.get(name, text[at : end + 1]))
            at = end + 1
        else:
            out.append(text[at])
            at += 1
    return "".join(out)


def environment_of(container: Container, around: Surroundings) -> Environment:
    """What the spec sets. Raises ReferenceMissing for what must be there and is not."""
    values: dict[str, str] = {}
    secret: set[str] = set()
    warnings: list[str] = []
    what = f'container "{container.name}"'
    for source in container.env_from:
        kind = "ConfigMap" if source.source.kind == "configMapRef" else "Secret"
        options = source.source.options
        data: Mapping[str, bytes] = {}
        try:
            data = around.data(kind, options.get("name", ""), optional=bool(options.get("optional"))) or {}
        except ReferenceMissing as error:
            around.assume(what, error)
        skipped = []
        for key in sorted(data):
            name = source.prefix + key
            if not name or not name.isprintable() or "=" in name:
                skipped.append(key)
                continue
            values[name] = text_of(data[key])
            secret.discard(name)
            if kind == "Secret":
                secret.add(name)
        if skipped:
            warnings.append(
                f"{kind} {options.get('name', '')}: {', '.join(skipped)} cannot be names of environment variables: not set"
            )
    for variable in container.env:
        value = None
        try:
            value = _value(variable, container, around, values)
        except ReferenceMissing as error:
            around.assume(what, error)
        if value is None:
            continue
        values[variable.name] = value
        secret.discard(variable.name)
        if _is_secret(variable.value_from) or (variable.value_from is None and mentions(variable.value, secret)):
            secret.add(variable.name)
    return Environment(values, tuple(name for name in values if name in secret), tuple(warnings))


def static_environment(container: Container) -> dict[str, str]:
    """The variables with plain values, which is what commands of probes and hooks are expanded with."""
    values: dict[str, str] = {}
    for variable in container.env:
        values[variable.name] = "" if variable.value_from is not None else expand(variable.value, values)
    return values


def _value(variable: EnvVar, container: Container, around: Surroundings, values: Mapping[str, str]) -> str | None:
    """The variable's value; None for one that stays unset."""
    source = variable.value_from
    if source is None:
        return expand(variable.value, values)
    if source.kind == "fieldRef":
        return around.field(source.options.get("fieldPath", ""))
    if source.kind == "resourceFieldRef":
        return around.resource(container, source.options)
    if source.kind == "configMapKeyRef":
        data = around.value("ConfigMap", source.options)
    elif source.kind == "secretKeyRef":
        data = around.value("Secret", source.options)
    else:
        raise ReferenceMissing(f"{source.kind} is not supported", hint="use a ConfigMap or a Secret")
    return None if data is None else text_of(data)


def text_of(data: bytes) -> str:
    """Bytes as a string that the plan can hold and give back unchanged."""
    return data.decode(errors="surrogateescape")


def _is_secret(source: Choice | None) -> bool:
    return source is not None and source.kind == "secretKeyRef"


def mentions(text: str, names: Collection[str]) -> bool:
    """Whether the text refers to one of the variables."""
    return any(f"$({name})" in text for name in names)
