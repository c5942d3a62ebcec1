"""Asking a container over the network, as the kubelet does: httpGet and tcpSocket.

Rules: Kubernetes pkg/probe/http (200 to 399 is success, redirects are followed to the same host only, certificates are not
verified), pkg/probe/tcp (a connection is success), pkg/kubelet/lifecycle/handlers.go (for a hook any answer is success).
Messages are those of Go's net/http, which the kubelet's events show.
"""

from __future__ import annotations

import json
import os
import signal

from ecirun.linux import credentials, process
from ecirun.plan.model import Action
from ecirun.record import Record

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse

LONGEST = 30.0  # seconds, for an action without a timeout of its own: a hook
MOST_BODY = 10 * 1024
MOST_REDIRECTS = 10
REDIRECTS = (301, 302, 303, 307, 308)
URL_CHARACTERS = "/%:?#[]@!$&'()*+,;=~"

Said = tuple[bool, str]


class Answer(Record):
    """What came back: the status, where it leads to, and the beginning of the body."""

    status: int
    location: str
    body: str


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
        said = _http(action, host, timeout) if action.kind == "httpGet" else _tcp(action, host, timeout)
        os.write(answer, json.dumps(said).encode())
    finally:
        os._exit(0)


def _tcp(action: Action, host: str, timeout: float) -> Said:
    import socket

    try:
        with socket.create_connection((host, action.port), timeout):
            return True, ""
    except OSError as error:
        return False, _dial(host, action.port, error)


def _http(action: Action, host: str, timeout: float) -> Said:
    url = url_of(action, host)
    try:
        return _follow(action, url, timeout)
    except ConnectionError as error:
        return False, f'Get "{url}": {_dial(host, action.port, error)}'
    except OSError as error:
        if action.is_hook and action.scheme == "HTTPS" and _is_plain_http(error):
            return _http(action._replace(scheme="HTTP"), host, timeout)
        return False, f'Get "{url}": {error.strerror or error}'
    except ValueError as error:
        return False, f'Get "{url}": {error}'


def url_of(action: Action, host: str) -> str:
    """Where the action asks."""
    from urllib.parse import quote

    path = quote(action.path if action.path.startswith("/") else "/" + action.path, safe=URL_CHARACTERS)
    return f"{action.scheme.lower()}://{f'[{host}]' if ':' in host else host}:{action.port}{path}"


def _follow(action: Action, first: str, timeout: float) -> Said:
    from urllib.parse import urljoin, urlsplit

    url = first
    for _attempt in range(MOST_REDIRECTS):
        answer = _get(url, headers_of(action), timeout)
        if answer.status not in REDIRECTS or not answer.location:
            return judge(action, answer)
        target = urljoin(url, answer.location)
        if urlsplit(target).hostname != urlsplit(first).hostname and not action.is_hook:
            return judge(action, answer)
        url = target
    return False, f'Get "{url}": stopped after {MOST_REDIRECTS} redirects'


def judge(action: Action, answer: Answer) -> Said:
    """What the last answer means."""
    if action.is_hook or 200 <= answer.status < 300:
        return True, answer.body
    if 300 <= answer.status < 400:
        return True, f"Probe terminated redirects, Response body: {answer.body}"
    return False, f"HTTP probe failed with statuscode: {answer.status}"


def headers_of(action: Action) -> list[tuple[str, str]]:
    """The headers of the request but Host, which is among them only when the action says so; an empty one is not sent."""
    given = {name.title() for name, _value in action.headers}
    agent = "kube-lifecycle/1.31" if action.is_hook else "kube-probe/1.31"
    usual = [("User-Agent", agent), ("Accept", "*/*")]
    kept = [entry for entry in usual if entry[0] not in given]
    sent = [(name, value) for name, value in action.headers if value or name.title() not in ("User-Agent", "Accept", "Host")]
    return [*kept, *sent, ("Connection", "close")]


def _get(url: str, headers: list[tuple[str, str]], timeout: float) -> Answer:
    import http.client
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    connection = _connection(parts.scheme, parts.hostname or "", parts.port, timeout)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        has_host = any(name.title() == "Host" for name, _value in headers)
        connection.putrequest("GET", target, skip_host=has_host, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        response: HTTPResponse = connection.getresponse()
        body = response.read(MOST_BODY).decode(errors="replace")
        return Answer(response.status, response.getheader("Location") or "", body)
    except http.client.HTTPException as error:
        raise ValueError(str(error) or "EOF") from None
    finally:
        connection.close()


def _connection(scheme: str, host: str, port: int | None, timeout: float) -> HTTPConnection:
    import http.client

    if scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=timeout)
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # whatever key the workload made for its test
    return http.client.HTTPSConnection(host, port, timeout=timeout, context=context)


def _is_plain_http(error: OSError) -> bool:
    """Whether TLS was spoken to a server that does not speak it."""
    return getattr(error, "reason", "") in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")


def _dial(host: str, port: int, error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return f"dial tcp {host}:{port}: i/o timeout"
    return f"dial tcp {host}:{port}: connect: {(error.strerror or str(error)).lower()}"
