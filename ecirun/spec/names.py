"""What names must look like (apimachinery pkg/util/validation and pkg/api/validate/content).

Each function returns the complaints about its argument, in Kubernetes' words; none when it is fine.
"""

from __future__ import annotations

Complaints = list[str]

# The expressions are shown only: compiling them would take longer than reading the pod.
_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_LABEL_UNDERSCORE = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SUBDOMAIN_UNDERSCORE = rf"{_LABEL_UNDERSCORE}(\.{_LABEL_UNDERSCORE})*"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = f"({_QUALIFIED})?"
_KEY = "[-._a-zA-Z0-9]+"
_HEADER = "[-A-Za-z0-9]+"
_SYSCTL = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"

_LOWER = "abcdefghijklmnopqrstuvwxyz0123456789"
_ALPHANUMERIC = _LOWER + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_CHARACTERS = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"


def dns_label(name: str) -> Complaints:
    """A DNS label: containers, volumes, namespaces, host names."""
    complaints = _longer_than(63, name, "characters")
    if _is_word(name, _LOWER, "-"):
        return complaints
    if all(_is_word(part, _LOWER, "-") for part in name.split(".")):
        return [*complaints, "must not contain dots"]
    text = (
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
        "an alphanumeric character"
    )
    return [*complaints, _like(text, _LABEL, "my-name", "123-abc")]


def dns_subdomain(name: str) -> Complaints:
    """A DNS subdomain: pods, Secrets, and most other objects."""
    complaints = _longer_than(253, name, "characters")
    if not all(_is_word(part, _LOWER, "-") for part in name.split(".")):
        text = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
            "and end with an alphanumeric character"
        )
        complaints.append(_like(text, _SUBDOMAIN, "example.com"))
    return complaints


def dns_subdomain_with_underscore(name: str) -> Complaints:
    """A domain in dnsConfig.searches."""
    complaints = _longer_than(253, name, "characters")
    if not all(_is_word(part.removeprefix("_"), _LOWER, "-_") for part in name.split(".")):
        text = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must "
            "start and end with an alphanumeric character"
        )
        complaints.append(_like(text, _SUBDOMAIN_UNDERSCORE, "example.com"))
    return complaints


def generated(name: str) -> str:
    """What is checked of a generateName: Kubernetes appends to it, so it may end in a dash."""
    return name[:-1] + "a" if len(name) > 1 and name.endswith("-") else name


def qualified_name(name: str) -> Complaints:
    """A label's or annotation's key: an optional DNS subdomain and a slash, then a name."""
    prefix, slash, last = name.partition("/")
    if not slash:
        prefix, last = "", name
    elif "/" in last:
        text = f"a valid label key {_like(_CHARACTERS, _QUALIFIED, 'MyName', 'my.name', '123-abc')}"
        return [f"{text} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    complaints = []
    if slash:
        complaints = [f"prefix part {text}" for text in (dns_subdomain(prefix) if prefix else ["must be non-empty"])]
    if not last:
        complaints.append("name part must be non-empty")
    complaints += [f"name part {text}" for text in _longer_than(63, last, "bytes")]
    if not _is_word(last, _ALPHANUMERIC, "-_."):
        complaints.append("name part " + _like(_CHARACTERS, _QUALIFIED, "MyName", "my.name", "123-abc"))
    return complaints


def label_value(value: str) -> Complaints:
    """A label's value."""
    complaints = _longer_than(63, value, "bytes")
    if value and not _is_word(value, _ALPHANUMERIC, "-_."):
        text = f"a valid label must be an empty string or {_CHARACTERS.removeprefix('must ')}"
        complaints.append(_like(text, _LABEL_VALUE, "MyValue", "my_value", "12345"))
    return complaints


def env_name(name: str) -> Complaints:
    """The name of an environment variable."""
    if all(" " <= character <= "~" and character != "=" for character in name):
        return []
    return ["a valid environment variable name must consist only of printable ASCII characters other than '='"]


def config_key(key: str) -> Complaints:
    """A key of a ConfigMap or Secret."""
    complaints = _longer_than(253, key, "characters")
    if not key or key.strip(_ALPHANUMERIC + "-_."):
        text = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
        complaints.append(_like(text, _KEY, "key.name", "KEY_NAME", "key-name"))
    if key in (".", ".."):
        complaints.append(f"must not be '{key}'")
    elif key.startswith(".."):
        complaints.append("must not start with '..'")
    return complaints


def port_name(name: str) -> Complaints:
    """The name of a port (an IANA service name)."""
    complaints = _longer_than(15, name, "characters")
    if not name or name.strip(_LOWER + "-"):
        complaints.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not any("a" <= character <= "z" for character in name):
        complaints.append("must contain at least one letter (a-z)")
    if "--" in name:
        complaints.append("must not contain consecutive hyphens")
    if name.startswith("-") or name.endswith("-"):
        complaints.append("must not begin or end with a hyphen")
    return complaints


def header_name(name: str) -> Complaints:
    """The name of a HTTP header."""
    if name and not name.strip(_ALPHANUMERIC + "-"):
        return []
    return [_like("a valid HTTP header must consist of alphanumeric characters or '-'", _HEADER, "X-Header-Name")]


def sysctl_name(name: str) -> Complaints:
    """A sysctl's name, with dots or slashes (Kubernetes pkg/apis/core/validation/validation.go, IsValidSysctlName)."""
    if len(name) <= 253 and all(_is_word(part, _LOWER, "-_") for part in name.replace("/", ".").split(".")):
        return []
    return [f"must have at most 253 characters and match regex ^{_SYSCTL}$"]


def _is_word(text: str, letters: str, between: str) -> bool:
    """Whether the text is made of the letters, and inside also of the signs `between`."""
    # What strip() leaves begins and ends with other characters, so it leaves nothing where there are none.
    return bool(text) and not text.strip(letters + between) and text[0] in letters and text[-1] in letters


def _longer_than(most: int, text: str, what: str) -> Complaints:
    return [f"must be no more than {most} {what}"] if len(text.encode()) > most else []


def _like(text: str, expression: str, *examples: str) -> str:
    """The text with examples as apimachinery joins them, comma before "or" and all."""
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{text} (e.g. {shown}regex used for validation is '{expression}')"
