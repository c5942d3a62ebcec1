"""Asking a container over the network, as the kubelet does: httpGet and tcpSocket.

Rules: Kubernetes pkg/probe/http/http.go (200 to 399 is success, redirects are followed to the same host only, certificates
are not verified), pkg/probe/tcp/tcp.go (a connection is success).
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping

from ecirun.linux import credentials, process
from ecirun.plan.model import Action

LONGEST = 30.0  # seconds, for an action without a timeout of its own: a hook
MOST_BODY = 10 * 1024
MOST_REDIRECTS = 10

Answer = tuple[bool, str]


def prepare() -> None:
    """Load what the asking process will need; once, and only for pods that ask."""
    import http.client
    import socket
    import urllib.parse

    _ = http.client, socket, urllib.parse


def ask(action: Action, host: str, timeout: float, answer: int) -> None:
    """Ask, write the answer as JSON, and exit; never returns. For a new process."""
    try:
        credentials.set_parent_death_signal(signal.SIGKILL)
        process.close_all_but((0, 1, 2, answer))
        signal.setitimer(signal.ITIMER_REAL, timeout)  # by default SIGALRM ends the process, in whatever call it is
        result = _http(action, host, timeout) if action.kind == "httpGet" else _tcp(action, host, timeout)
        os.write(answer, json.dumps(result).encode())
    finally:
        os._exit(0)


def _tcp(action: Action, host: str, timeout: float) -> Answer:
    import socket

    try:
        with socket.create_connection((host, action.port), timeout):
            return True, ""
    except OSError as error:
        return False, f"dial tcp {host}:{action.port}: {_reason(error)}"


def _http(action: Action, host: str, timeout: float) -> Answer:
    from urllib.parse import urljoin, urlsplit

    path = action.path if action.path.startswith("/") else "/" + action.path
    url = f"{action.scheme.lower()}://{host}:{action.port}{path}"
    for _attempt in range(MOST_REDIRECTS + 1):
        try:
            status, location, body = _get(url, dict(action.headers), timeout)
        except OSError as error:
            return False, f'Get "{url}": {_reason(error)}'
        except ValueError as error:
            return False, f'Get "{url}": {error}'
        if not 300 <= status < 400 or not location:
            return (200 <= status < 400), ("" if 200 <= status < 400 else f"HTTP probe failed with statuscode: {status}")
        target = urljoin(url, location)
        if urlsplit(target).hostname != urlsplit(url).hostname:
            return True, f"Probe terminated redirects, Response body: {body}"
        url = target
    return False, f'Get "{url}": stopped after {MOST_REDIRECTS} redirects'


def _get(url: str, headers: Mapping[str, str], timeout: float) -> tuple[int, str, str]:
    """Status, Location and body of one answer."""
    import http.client
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    address = parts.hostname or "", parts.port
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        import ssl

        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(*address, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(*address, timeout=timeout)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        named = {name.lower() for name in headers}
        connection.putrequest("GET", target, skip_host="host" in named, skip_accept_encoding=True)
        for name, value in {"User-Agent": "kube-probe/1.31", "Accept": "*/*", "Connection": "close", **headers}.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.getheader("Location") or "", response.read(MOST_BODY).decode(errors="replace")
    except http.client.HTTPException as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    finally:
        connection.close()


def _reason(error: OSError) -> str:
    return "timed out" if isinstance(error, TimeoutError) else (error.strerror or str(error))
