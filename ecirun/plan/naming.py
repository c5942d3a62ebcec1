"""The pod's names: host name, domain, /etc/hosts and /etc/resolv.conf.

Rules: Kubernetes pkg/kubelet/kubelet_pods.go (GeneratePodHostNameAndDomain, truncatePodHostnameIfNeeded,
managedHostsFileContent, hostsEntriesFromHostAliases), pkg/kubelet/network/dns/dns.go, containerd
internal/cri/server/sandbox_run_linux.go (parseDNSOptions).
"""

from __future__ import annotations

from ecirun.errors import LaunchFailed
from ecirun.plan.model import CLUSTER_DOMAIN, NAME_SERVER, Network
from ecirun.spec.pod import Pod

MOST_NAME_SERVERS = 3
MOST_SEARCHES = 32
MOST_SEARCH_CHARACTERS = 2048
LONGEST_HOST_NAME = 64


def short_name(pod: Pod) -> str:
    """spec.hostname or the pod's name, cut to 63."""
    return (pod.hostname or pod.name)[:63].rstrip("-.")


def domain_of(pod: Pod) -> str:
    """What a subdomain makes of the pod's name; empty without one."""
    return f"{pod.subdomain}.{pod.namespace}.svc.{CLUSTER_DOMAIN}" if pod.subdomain else ""


def host_name(pod: Pod) -> str:
    """What the kernel tells. Raises LaunchFailed when the whole name does not fit."""
    if pod.hostname_override:
        return pod.hostname_override
    short, domain = short_name(pod), domain_of(pod)
    if not (pod.set_hostname_as_fqdn and domain):
        return short
    whole = f"{short}.{domain}"
    if len(whole) > LONGEST_HOST_NAME:
        raise LaunchFailed(
            f"Can't set the host name: failed to construct FQDN from pod hostname and cluster domain, FQDN {whole} is too long "
            f"({LONGEST_HOST_NAME} characters is the max, {len(whole)} characters requested)",
            step="host-name",
            hint="shorten hostname or subdomain, or leave out setHostnameAsFQDN",
        )
    return whole


def hosts(pod: Pod, network: Network) -> str:
    """/etc/hosts. Its last line names the pod by its address; without a network there is none."""
    lines = [
        "# Kubernetes-managed hosts file.",
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "fe00::0\tip6-localnet",
        "fe00::0\tip6-mcastprefix",
        "fe00::1\tip6-allnodes",
        "fe00::2\tip6-allrouters",
    ]
    name, domain = pod.hostname_override or short_name(pod), domain_of(pod)
    if network.mode != "none":
        lines.append("\t".join((network.address, *((f"{name}.{domain}",) if domain else ()), name)))
    if pod.host_aliases:
        lines += ["", "# Entries added by HostAliases."]
        lines += ["\t".join((alias.ip, *alias.hostnames)) for alias in pod.host_aliases]
    return "\n".join(lines) + "\n"


def resolv_conf(pod: Pod, host: str) -> tuple[str, list[str]]:
    """/etc/resolv.conf, and warnings; `host` is the host's own."""
    servers, searches, options = _policy(pod, host)
    config = pod.dns_config
    if config:
        servers = [*servers, *(server for server in config.nameservers if server not in servers)]
        searches = [*searches, *(search for search in config.searches if search not in searches)]
        options = _merged(options, [name if value is None else f"{name}:{value}" for name, value in config.options])
    warnings = []
    if len(servers) > MOST_NAME_SERVERS:
        servers = servers[:MOST_NAME_SERVERS]
        warnings.append(f"Nameserver limits were exceeded, some nameservers have been omitted: {' '.join(servers)}")
    fitting = searches[:MOST_SEARCHES]
    while len(" ".join(fitting)) > MOST_SEARCH_CHARACTERS:
        fitting.pop()
    if fitting != searches:
        warnings.append(f"Search Line limits were exceeded, some search paths have been omitted: {' '.join(fitting)}")
    lines = [f"search {' '.join(fitting)}"] if fitting else []
    lines += [f"nameserver {server}" for server in servers]
    lines += [f"options {' '.join(options)}"] if options else []
    return "".join(line + "\n" for line in lines), warnings


def _policy(pod: Pod, host: str) -> tuple[list[str], list[str], list[str]]:
    """Servers, searches and options by the pod's dnsPolicy."""
    if pod.dns_policy == "None":
        return [], [], []
    servers, searches, options = _parsed(host)
    if pod.dns_policy == "Default":
        return servers, searches, options
    cluster = [f"{pod.namespace}.svc.{CLUSTER_DOMAIN}", f"svc.{CLUSTER_DOMAIN}", CLUSTER_DOMAIN]
    return [NAME_SERVER], [*cluster, *(search for search in searches if search not in cluster)], ["ndots:5"]


def _parsed(text: str) -> tuple[list[str], list[str], list[str]]:
    """What a resolv.conf says (resolv.conf(5))."""
    servers: list[str] = []
    searches: list[str] = []
    options: list[str] = []
    for line in text.splitlines():
        words = line.split("#")[0].split(";")[0].split()
        if len(words) < 2:
            continue
        if words[0] == "nameserver":
            servers.append(words[1])
        elif words[0] == "search":
            searches = [word.rstrip(".") or "." for word in words[1:]]
        elif words[0] == "options":
            options = _merged(options, words[1:])
    return servers, searches, options


def _merged(options: list[str], more: list[str]) -> list[str]:
    """Both, a later option of one name in the place of the earlier."""
    by_name = {option.partition(":")[0]: option for option in options}
    by_name.update({option.partition(":")[0]: option for option in more})
    return list(by_name.values())
