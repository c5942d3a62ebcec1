"""What the API requires of dnsConfig and hostAliases (Kubernetes pkg/apis/core/validation/validation.go)."""

from __future__ import annotations

import re
from typing import Any

from ecirun.spec import names
from ecirun.spec.findings import Findings
from ecirun.spec.validate_field import Values

# What the C library takes.
MAX_NAMESERVERS, MAX_SEARCHES, MAX_SEARCH_CHARACTERS = 3, 32, 2048


def validate_dns_config(findings: Findings, spec: Values, path: str) -> None:
    """Check spec.dnsConfig against itself and against spec.dnsPolicy; `path` is dnsConfig's."""
    config, none = spec.get("dnsConfig"), spec.get("dnsPolicy") == "None"
    if none and config is None:
        findings.required(path, "must provide `dnsConfig` when `dnsPolicy` is None", hint="add dnsConfig with nameservers")
        return
    servers, searches = (config or {}).get("nameservers", ()), (config or {}).get("searches", ())
    if none and not servers:
        detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        findings.required(f"{path}.nameservers", detail, hint="add the address of a DNS server")
        return
    if len(servers) > MAX_NAMESERVERS:
        detail = f"must not have more than {MAX_NAMESERVERS} nameservers"
        findings.invalid(f"{path}.nameservers", servers, detail, hint="keep the nearest ones")
    for index, server in enumerate(servers):
        _validate_ip(findings, server, f"{path}.nameservers[{index}]")
    if len(searches) > MAX_SEARCHES:
        detail = f"must not have more than {MAX_SEARCHES} search paths"
        findings.invalid(f"{path}.searches", searches, detail, hint="remove some")
    if len(" ".join(searches)) > MAX_SEARCH_CHARACTERS:
        detail = f"must not have more than {MAX_SEARCH_CHARACTERS} characters (including spaces) in the search list"
        findings.invalid(f"{path}.searches", searches, detail, hint="remove some")
    for index, domain in enumerate(searches):
        if domain != ".":
            plain = domain.removesuffix(".")
            complaints = names.dns_subdomain_with_underscore(plain)
            findings.invalid(f"{path}.searches[{index}]", plain, *complaints, hint="write a domain, such as example.com")
    for index, option in enumerate((config or {}).get("options", ())):
        if not option.get("name"):
            findings.required(f"{path}.options[{index}]", "must not be empty", hint="name the option, such as ndots")


def validate_host_aliases(findings: Findings, aliases: list[dict[str, Any]], path: str) -> None:
    """Check the lines for /etc/hosts."""
    for index, alias in enumerate(aliases):
        _validate_ip(findings, alias.get("ip", ""), f"{path}[{index}].ip")
        for at, name in enumerate(alias.get("hostnames", ())):
            complaints = names.dns_subdomain(name)
            hint = "use lower case letters, digits, - and ."
            findings.invalid(f"{path}[{index}].hostnames[{at}]", name, *complaints, hint=hint)


def _validate_ip(findings: Findings, address: str, path: str) -> None:
    from ipaddress import ip_address

    # The API still takes leading zeros in these fields, as it always did.
    plain = re.sub(r"(?<![0-9a-fA-F:])0+(?=[0-9]+(\.|$))", "", address)
    try:
        if "%" in plain:
            raise ValueError("it has a zone")
        ip_address(plain)
    except ValueError:
        detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        findings.invalid(path, address, detail, hint="write a numeric address")
