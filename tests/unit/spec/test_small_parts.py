"""The small things that the rules share: parents of field paths, sysctl names, base64, values in messages."""

from __future__ import annotations

import pytest

from ecirun.spec.base64_text import BadBase64, decoded
from ecirun.spec.field_error import quoted
from ecirun.spec.source import Mark, parent
from ecirun.spec.sysctl_name import canonical, namespace_of, proc_path


@pytest.mark.parametrize(
    ("path", "above"),
    [
        ("", ""),
        ("spec", ""),
        ("spec.containers", "spec"),
        ("spec.containers[0]", "spec.containers"),
        ("spec.containers[0].env[12].name", "spec.containers[0].env[12]"),
        ("metadata.annotations[a.b/c]", "metadata.annotations"),
        ("metadata.labels[a[0].b]", "metadata.labels"),
    ],
)
def test_the_parent_of_a_field_path(path, above):
    assert parent(path) == above


def test_a_mark_without_line_is_the_file():
    assert (str(Mark("pod.yaml")), str(Mark("pod.yaml", 3, 7))) == ("pod.yaml", "pod.yaml:3:7")


@pytest.mark.parametrize(
    ("name", "dotted", "file", "namespace"),
    [
        ("kernel.shmmax", "kernel.shmmax", "kernel/shmmax", "ipc"),
        ("kernel/shmmax", "kernel.shmmax", "kernel/shmmax", "ipc"),
        ("kernel.shmmax_", "kernel.shmmax_", "kernel/shmmax_", ""),
        ("fs.mqueue.msg_max", "fs.mqueue.msg_max", "fs/mqueue/msg_max", "ipc"),
        ("net.ipv4.conf.eno2/100.rp_filter", "net.ipv4.conf.eno2/100.rp_filter", "net/ipv4/conf/eno2.100/rp_filter", "net"),
        ("net/ipv4/conf/eno2.100/rp_filter", "net.ipv4.conf.eno2/100.rp_filter", "net/ipv4/conf/eno2.100/rp_filter", "net"),
        ("net.ipv4/tcp_rmem", "net.ipv4/tcp_rmem", "net/ipv4.tcp_rmem", "net"),
        ("vm.swappiness", "vm.swappiness", "vm/swappiness", ""),
        ("net", "net", "net", ""),
    ],
)
def test_both_spellings_of_a_sysctl_name_one_file(name, dotted, file, namespace):
    assert (canonical(name), proc_path(canonical(name)), namespace_of(name)) == (dotted, file, namespace)


@pytest.mark.parametrize("name", ["", ".", "/", "/net", "net.", "net..ipv4", "net/../kernel/shmmax", "../x", "net.a\0", "//"])
def test_what_names_no_file_below_proc_sys(name):
    with pytest.raises(ValueError, match="names no file below /proc/sys"):
        canonical(name)
    assert namespace_of(name) == ""


@pytest.mark.parametrize(("text", "data"), [("", b""), ("YQ==", b"a"), ("YW\nJj\r\n", b"abc"), ("//79", b"\xff\xfe\xfd")])
def test_base64(text, data):
    assert decoded(text) == data


@pytest.mark.parametrize(
    ("text", "at"),
    [("YQ", 0), ("YQ=", 3), ("a-b_", 1), ("YWJj!", 4), ("YW Jj", 2), ("YQ==YQ==", 4), ("YWJj=", 4), ("YWJj====", 4), ("é", 0)],
)
def test_what_is_no_base64(text, at):
    with pytest.raises(BadBase64, match=f"^illegal base64 data at input byte {at}$"):
        decoded(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", '"a"'),
        ('a"\\\n\0\x1b', '"a\\"\\\\\\n\\x00\\x1b"'),
        ("é\ufeff\U0001f600", '"é\\ufeff\U0001f600"'),
        (3, "3"),
        (True, "true"),
        (None, "null"),
        (1.5, "1.5"),
        (1e3, "1000"),
        (1e21, "1e+21"),
        (1e-7, "1e-7"),
        (0.000001, "0.000001"),
        ({"a": [1, "b"]}, '{"a":[1,"b"]}'),
    ],
)
def test_values_as_field_errors_show_them(value, text):
    assert quoted(value) == text
