"""Policies: those that ecirun brings, and files of a user's own with every mistake that one can make in them."""

from __future__ import annotations

import pytest
from running import pod_yaml

from ecirun.errors import PolicyUnreadable
from ecirun.policy.judge import Options, judge
from ecirun.policy.load import DEFAULT, TOP_LEVEL, load_policy, policy_names
from ecirun.spec import read_pods

BASE = 'extends = "eci-2024-02-26"\n'
FULL = 'name = "a"\ntitle = "b"\nsource = "c"\n'


@pytest.fixture
def own_policy(tmp_path, monkeypatch):
    """Writes a policy file in the current folder and loads it."""
    monkeypatch.chdir(tmp_path)

    def load(text: str | bytes):
        (tmp_path / "own.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_policy("./own.toml")

    return load


def rules_broken(policy, **parts: str) -> list[str]:
    (reading,) = read_pods(pod_yaml(**parts).encode(), "pod.yaml")
    assert reading.pod is not None
    return [finding.rule.id for finding in judge(reading.pod, policy, Options())]


def sysctl(name: str) -> dict[str, str]:
    return {"pod": f'securityContext: {{sysctls: [{{name: {name}, value: "1"}}]}}'}


def test_the_policies_that_come_along():
    assert {"eci-2024-02-26", "eci-2024-08-13"} <= set(policy_names())
    assert load_policy().name == DEFAULT == "eci-2024-02-26"


def test_in_august_shm_rmid_forced_may_be_set_again():
    february, august = load_policy("eci-2024-02-26"), load_policy("eci-2024-08-13")
    assert rules_broken(february, **sysctl("kernel.shm_rmid_forced")) == ["sysctl-not-permitted"]
    assert rules_broken(august, **sysctl("kernel.shm_rmid_forced")) == []
    assert rules_broken(august, **sysctl("net.ipv4.tcp_syncookies")) == ["sysctl-not-permitted"]
    assert august.rules["sysctl-not-permitted"].allowed == (
        "kernel.shm*",
        "kernel.msg*",
        "kernel.sem",
        "fs.mqueue.*",
        "net.* except net.ipv4.tcp_syncookies",
        "vm.min_free_kbytes",
    )


def test_every_rule_of_a_policy_says_all_that_there_is_to_say():
    for name in policy_names():
        for rule in load_policy(name).rules.values():
            assert rule.stage == "policy"
            assert all((rule.fields, rule.summary, rule.reason, rule.remedy, rule.source))
            assert rule.certainty in ("documented", "assumed")
            assert not rule.summary.endswith(".")
            assert rule.reason.endswith(".")


def test_a_file_of_ones_own_says_only_what_differs(own_policy):
    policy = own_policy(BASE + '[capabilities]\naddable = ["CHOWN", "SYS_TIME"]\n[rules.host-path]\nreason = "We say so."\n')
    assert (policy.name, policy.title.partition(",")[0]) == ("own", "ECI")
    assert policy.title.endswith(", changed by ./own.toml")
    assert rules_broken(policy, container="securityContext: {capabilities: {add: [SYS_TIME]}}") == []
    assert rules_broken(policy, container="securityContext: {capabilities: {add: [NET_ADMIN]}}") == ["capability-not-permitted"]
    assert rules_broken(policy, **sysctl("net.core.somaxconn")) == []
    assert policy.rules["capability-not-permitted"].allowed == ("CHOWN", "SYS_TIME")
    assert policy.rules["host-path"].reason == "We say so."
    assert policy.rules["host-path"].remedy == load_policy().rules["host-path"].remedy


def test_a_file_may_extend_another_beside_it(own_policy, tmp_path):
    (tmp_path / "base.toml").write_text(BASE + 'name = "base"\n[sysctls]\nallowed = ["kernel.sem"]\nrefused = []\n')
    policy = own_policy('extends = "./base.toml"\nname = "mine"\n[sysctls]\nrefused = ["kernel.sem"]\n')
    assert (policy.name, policy.sysctls_allowed, policy.sysctls_refused) == ("mine", ("kernel.sem",), ("kernel.sem",))
    assert rules_broken(policy, **sysctl("kernel.sem")) == ["sysctl-not-permitted"]


USE_TOP = "use only " + ", ".join(TOP_LEVEL)
START = f'start from ours with extends = "{DEFAULT}"'
LIST = 'write it as in {} = ["a", "b"]'
PATTERN = "write it as in kernel.sem, or as in net.* for what begins so"
NUMBER = "[sysctls] min_free_percent must be a whole number between 0 and 100"
PATH = "write it as in /proc/kcore"
RULE_KEYS = "use only allowed, certainty, fields, reason, remedy, source, summary"


@pytest.mark.parametrize(
    ("text", "why", "hint"),
    [
        ("name = \n", "it is not TOML: Invalid value (at line 1, column 8)",
         "write texts in quotes and lists in brackets; what belongs to a table stands below its [name]"),
        (b"\xff\xfe", "it is not text", "save it as UTF-8"),
        (b"#" * (1 << 21), "it is larger than 1 MiB", "give a policy file"),
        (BASE + "nam = 1\n", 'unknown key "nam"', USE_TOP),
        (BASE + 'name = ""\n', "name must be a string that is not empty", 'add a line such as name = "…"'),
        ('name = "a"\n', "title must be a string that is not empty", 'add a line such as title = "…"'),
        (FULL, "it has no [sysctls] table", START),
        (FULL + "[sysctls]\nallowed = []\n", "[sysctls] has no refused", START),
        (BASE + "sysctls = 1\n", "it has no [sysctls] table", START),
        (BASE + "[sysctls]\nallow = []\n", '[sysctls]: unknown key "allow"', "use only allowed, refused, min_free_percent"),
        (BASE + '[sysctls]\nallowed = "net.*"\n', "[sysctls] allowed must be a list of strings", LIST.format("allowed")),
        (BASE + "[sysctls]\nrefused = [1]\n", "[sysctls] refused must be a list of strings", LIST.format("refused")),
        (BASE + '[sysctls]\nallowed = ["net/*"]\n', '[sysctls] allowed: "net/*" is no sysctl name with dots', PATTERN),
        (BASE + '[sysctls]\nallowed = ["net.*.x"]\n', '[sysctls] allowed: "net.*.x" is no sysctl name with dots', PATTERN),
        (BASE + '[sysctls]\nrefused = ["NET.x"]\n', '[sysctls] refused: "NET.x" is no sysctl name with dots', PATTERN),
        (BASE + "[sysctls]\nmin_free_percent = 101\n", NUMBER, "write it as in min_free_percent = 20"),
        (BASE + "[sysctls]\nmin_free_percent = true\n", NUMBER, "write it as in min_free_percent = 20"),
        (BASE + '[capabilities]\naddable = ["CAP_CHOWN"]\n', '[capabilities] addable: "CAP_CHOWN" is no capability',
         "write it in upper case without CAP_, as in NET_ADMIN"),
        (BASE + '[proc]\nmasked = ["/etc"]\n', '[proc] masked: "/etc" is not below /proc or /sys', PATH),
        (BASE + '[proc]\nread_only = ["/proc/../x"]\n', '[proc] read_only: "/proc/../x" is not below /proc or /sys', PATH),
        (BASE + "rules = 1\n", "rules must be a table of [rules.ID] tables", "write it as in [rules.host-path]"),
        (BASE + "[rules]\nhost-path = 1\n", "[rules.host-path] is not a table", "write [rules.host-path] on a line of its own"),
        (BASE + '[rules.host-path]\nsumary = "a"\n', '[rules.host-path]: unknown key "sumary"', RULE_KEYS),
        (BASE + '[rules.host-path]\nreason = ""\n', "[rules.host-path]: reason must be a string that is not empty",
         'add a line such as reason = "…"'),
        (BASE + '[rules.host-path]\ncertainty = "sure"\n',
         '[rules.host-path]: certainty must be "documented" or "assumed", not "sure"',
         "write documented for what a page says, else assumed"),
        (BASE + '[rules.host-path]\nfields = "a"\n', "[rules.host-path]: fields must be a list of strings",
         LIST.format("fields")),
        (BASE + "[rules.host-path]\nfields = []\n", "[rules.host-path]: fields must name at least one field path",
         'write it as in fields = ["spec.hostNetwork"]'),
        ("extends = 1\n", "extends must be the name of a policy or a file", f'write extends = "{DEFAULT}"'),
        ('extends = "./own.toml"\n', 'it extends itself, by "own.toml"', f'write extends = "{DEFAULT}"'),
    ],
)  # fmt: skip
def test_a_mistake_in_a_policy_file_is_named(own_policy, text, why, hint):
    with pytest.raises(PolicyUnreadable) as refused:
        own_policy(text)
    assert (refused.value.message, refused.value.hint) == (f"Can't read policy ./own.toml: {why}", hint)


def test_a_rule_that_no_check_finds_by_is_refused_with_those_that_there_are(own_policy):
    with pytest.raises(PolicyUnreadable) as refused:
        own_policy(BASE + '[rules.foo]\nsummary = "a"\n')
    assert refused.value.message == "Can't read policy ./own.toml: [rules.foo]: there is no such check"
    assert refused.value.hint == "use only " + ", ".join(sorted(load_policy().rules))


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("nosuch", 'Can\'t find policy "nosuch"', "or give a file: ./nosuch"),
        ("./none.toml", "Can't read policy ./none.toml: No such file or directory", "or correct the path"),
        ("/", "Can't read policy /: Is a directory", "or correct the path"),
    ],
)  # fmt: skip
def test_a_policy_that_is_not_there(name, message, hint):
    with pytest.raises(PolicyUnreadable) as refused:
        load_policy(name)
    hint = f"choose one of {', '.join(policy_names())}, {hint}"
    assert (refused.value.message, refused.value.hint) == (message, hint)
