"""Specs that somebody has broken on purpose: always the same ones, read in one process with little memory and time."""

from __future__ import annotations

import json
import random
import subprocess
import sys

from running import CHECKOUT

# Runs where a leak or a loop ends the process and not the tests: 256 MiB of memory, 60 s of cpu.
READER = """
import json, resource, sys
sys.path.insert(0, sys.argv[1])
from ecirun.errors import SpecUnreadable
from ecirun.policy.judge import Options, judge
from ecirun.policy.load import load_policy
from ecirun.spec import read_pods
policy = load_policy()
resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
for text in json.load(sys.stdin):
    try:
        readings = read_pods(text.encode("latin-1"), "x.yaml")
    except SpecUnreadable:
        print("unreadable")
        continue
    findings = [finding for reading in readings for finding in reading.findings]
    for reading in readings:
        if reading.pod is not None:
            findings += judge(reading.pod, policy, Options())
    print("refused" if findings else "admitted")
"""


def read_all(texts: list[str]) -> list[str]:
    """What becomes of each."""
    done = subprocess.run(
        [sys.executable, "-c", READER, str(CHECKOUT)], input=json.dumps(texts), capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def seeds() -> list[bytes]:
    """Every example and fixture that there is."""
    found = [*CHECKOUT.glob("ecirun/examples/*.yaml"), *CHECKOUT.glob("tests/fixtures/*/*/*.yaml")]
    return [path.read_bytes() for path in sorted(found)]


def mutilated(text: bytes, dice: random.Random) -> bytes:
    """A few of its bytes changed, left out, doubled, or lines moved about."""
    data = bytearray(text)
    for _ in range(dice.randrange(1, 6)):
        at = dice.randrange(len(data))
        kind = dice.randrange(5)
        if kind == 0:
            data[at] = dice.choice(b"\x00\t\n :-{}[]&*!|>'\"#%@`,?~\\\x80\xff0aZ")
        elif kind == 1:
            del data[at : at + dice.randrange(1, 20)]
        elif kind == 2:
            data[at:at] = data[at : at + dice.randrange(1, 200)]
        elif kind == 3:
            lines = bytes(data).split(b"\n")
            dice.shuffle(lines)
            data = bytearray(b"\n".join(lines))
        else:
            data[at:at] = dice.choice(
                [b"&a ", b"*a ", b"<<: *a\n", b"!!binary ", b"\n---\n", b"\n...\n", b"- " * 50, b"{" * 50]
            )
        if not data:
            break
    return bytes(data)


def test_mutilated_specs_are_read_or_refused():
    dice = random.Random(11)
    originals = seeds()
    assert len(originals) > 5
    texts = [mutilated(dice.choice(originals), dice).decode("latin-1") for _ in range(1000)]
    answers = read_all(texts)
    assert len(answers) == len(texts)
    assert min(answers.count(answer) for answer in ("unreadable", "refused")) > 50, answers


def laughs() -> str:
    """Ten anchors, each ten times the one before."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 10)]
    return "\n".join(lines)


def test_what_grows_without_end_is_refused_in_little_memory():
    texts = [
        laughs(),
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n  annotations: {" + "a: {" * 5000,
        "[" * 100_000,
        "- " * 100_000,
        "? " * 20_000,
        '{"apiVersion": ' + "[" * 50_000,
        "a: &a\n  b: *a\n",
        "a: " + "1" * 1_000_000,
        "a: !!float " + "9" * 1_000_000,
        "a: " + "1:" * 100_000 + "1",
        "a: " + "_" * 500_000,
    ]
    answers = read_all(texts)
    assert len(answers) == len(texts)
    assert set(answers) <= {"unreadable", "refused"}
