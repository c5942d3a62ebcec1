"""The README says what the code does."""

from __future__ import annotations

import os

from running import CHECKOUT

from ecirun.policy.load import load_policy
from ecirun.report.catalogue import policy_markdown

BEGIN, END = "Policy table: -->\n\n", "\n<!-- End of the policy table. -->"


def test_the_policy_table_is_what_the_policy_prints():
    readme = CHECKOUT / "README.md"
    before, _begin, rest = readme.read_text().partition(BEGIN)
    table, _end, after = rest.partition(END)
    printed = policy_markdown(load_policy())
    if os.environ.get("ECIRUN_UPDATE") == "1":
        readme.write_text(before + BEGIN + printed + END + after)
        return
    assert table == printed
