"""SECURITY.md names tests that are there."""

from __future__ import annotations

import re

import pytest
from running import CHECKOUT

NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (CHECKOUT / "SECURITY.md").read_text())))


def test_every_promise_and_every_gap_has_one():
    rows = [line for line in (CHECKOUT / "SECURITY.md").read_text().splitlines() if line.startswith("| ")]
    unproved = [row for row in rows if "::" not in row and not row.startswith(("| ---", "| promise |", "| gap |"))]
    assert len(rows) > 20
    assert unproved == []


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_it_is_there(path, name):
    assert re.search(rf"^def {name}\(", (CHECKOUT / path).read_text(), re.MULTILINE)
