"""--network loopback, none and bridge."""

from __future__ import annotations

import re
import signal
import socket
import subprocess

import pytest
from running import PROGRAM

pytestmark = pytest.mark.sandbox


def test_loopback_is_up_and_there_is_nothing_else(in_pod):
    result = in_pod(
        "ip -o link | cut -d: -f2; ip -4 -o addr show lo | awk '{print $4}'; nc -l -p 99 -e true & sleep 0.1; nc 127.0.0.1 99"
    )
    assert (result.stdout, result.stderr) == (" lo\n127.0.0.1/8\n", "")


def test_none_leaves_lo_down(in_pod):
    result = in_pod("ip -o link show lo", options=("--network", "none"))
    assert re.match(r"1: lo: <LOOPBACK> mtu 65536 ", result.stdout)


def test_bridge_gives_an_eth0_that_reaches_the_host(pod_file):
    listener = socket.create_server(("0.0.0.0", 0))
    listener.settimeout(30)
    port = listener.getsockname()[1]
    script = (
        "ip -o -4 addr show eth0 | awk '{print $4}'; ip route | head -n 1; "
        f"nc $(ip route | awk '/default/{{print $3}}') {port} </dev/null"
    )
    command = [*PROGRAM, "run", "-q", "--network", "bridge", pod_file(), "--", "sh", "-c", script]
    with listener, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as pod:
        connection, address = listener.accept()
        connection.sendall(b"hello from the host\n")
        connection.close()
        stdout, _ = pod.communicate(timeout=30)
    own, route, heard = stdout.splitlines()
    assert own == f"{address[0]}/24"
    assert route.startswith("default via 10.247.18.1 dev eth0")
    assert heard == "hello from the host"


def test_sysctls_of_eth0_are_real_on_the_bridge_and_shown_elsewhere(ecirun, pod_file):
    file = pod_file(pod='securityContext: {sysctls: [{name: net.ipv4.conf.eth0.rp_filter, value: "2"}]}')
    path = "/proc/sys/net/ipv4/conf/eth0/rp_filter"
    assert ecirun("run", "--network", "bridge", file, "--", "cat", path) == (0, "2\n", "")
    assert ecirun("run", file, "--", "cat", path) == (
        0,
        "2\n",
        "ecirun: warning: sysctl net.ipv4.conf.eth0.rp_filter is only shown to the workload: "
        "there is no eth0 with --network loopback\n",
    )


def test_two_pods_on_the_bridge_talk(pod_file, ecirun):
    server = subprocess.Popen(
        [
            *PROGRAM,
            "run",
            "-q",
            "--name",
            "server",
            "--network",
            "bridge",
            pod_file(),
            "--",
            "sh",
            "-c",
            "ip -o -4 addr show eth0 | awk '{print $4}'; echo hello | nc -l -p 80",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    address = server.stdout.readline().decode().partition("/")[0]
    script = f"for try in 1 2 3 4 5 6 7 8 9; do nc {address} 80 </dev/null && exit; sleep 0.2; done"
    result = ecirun("run", "-q", "--name", "client", "--network", "bridge", pod_file(), "--", "sh", "-c", script)
    server.send_signal(signal.SIGKILL) if server.poll() is None and result.code else None
    assert (result.code, result.stdout) == (0, "hello\n")
    assert server.wait(timeout=10) == 0
    server.stdout.close()
