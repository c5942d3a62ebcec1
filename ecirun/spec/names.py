"""What names must look like (apimachinery pkg/util/validation/validation.go); each function returns the complaint or ""."""

from __future__ import annotations

import re

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = f"({_QUALIFIED})?"
_ENV = "[-._a-zA-Z][-._a-zA-Z0-9]*"
_SYSCTL = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"

_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
    f"alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
)
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end "
    f"with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)
_QUALIFIED_TEXT = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    f"character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_QUALIFIED}')"
)
_LABEL_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    f"'{_LABEL_VALUE}')"
)
_ENV_TEXT = (
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start "
    f"with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is '{_ENV}')"
)


def dns_label(name: str) -> str:
    """A DNS label: containers, volumes, namespaces, host names."""
    if not re.fullmatch(_LABEL, name):
        return _LABEL_TEXT
    return "must be no more than 63 characters" if len(name) > 63 else ""


def dns_subdomain(name: str) -> str:
    """A DNS subdomain: pods."""
    if not re.fullmatch(_SUBDOMAIN, name):
        return _SUBDOMAIN_TEXT
    return "must be no more than 253 characters" if len(name) > 253 else ""


def qualified_name(name: str) -> str:
    """A label's or annotation's key: an optional DNS subdomain and a slash, then a name."""
    prefix, slash, last = name.rpartition("/")
    if slash and not prefix:
        return "prefix part must be non-empty"
    if slash and (complaint := dns_subdomain(prefix)):
        return f"prefix part {complaint}"
    if not last:
        return "name part must be non-empty"
    if len(last) > 63:
        return "name part must be no more than 63 characters"
    return "" if re.fullmatch(_QUALIFIED, last) else _QUALIFIED_TEXT


def label_value(value: str) -> str:
    """A label's value."""
    if len(value) > 63:
        return "must be no more than 63 characters"
    return "" if re.fullmatch(_LABEL_VALUE, value) else _LABEL_VALUE_TEXT


def env_name(name: str) -> str:
    """The name of an environment variable."""
    if not re.fullmatch(_ENV, name):
        return _ENV_TEXT
    return f"must not be '{name}'" if name in (".", "..") else ("must not start with '..'" if name.startswith("..") else "")


def port_name(name: str) -> str:
    """The name of a port (an IANA service name)."""
    if len(name) > 15:
        return "must be no more than 15 characters"
    if not re.fullmatch("[-a-z0-9]+", name):
        return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    if not re.search("[a-z]", name):
        return "must contain at least one letter (a-z)"
    if "--" in name:
        return "must not contain consecutive hyphens"
    return "must not begin or end with a hyphen" if name.startswith("-") or name.endswith("-") else ""


def sysctl_name(name: str) -> str:
    """A sysctl's name, with dots or slashes (Kubernetes pkg/apis/core/validation/validation.go, IsValidSysctlName)."""
    if len(name) <= 253 and re.fullmatch(_SYSCTL, name):
        return ""
    return f"must have at most 253 characters and match regex ^{_SYSCTL}$"
