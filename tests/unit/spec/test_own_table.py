"""The tables that ecirun brings are read again only when they have changed."""

from __future__ import annotations

import marshal
import os
import sys
import tomllib
from pathlib import Path

import pytest

from ecirun.spec.own_table import own_table


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "table.toml"
    path.write_text('name = "first"\n')
    return path


def kept(table: Path) -> Path:
    return table.parent / "__pycache__" / f"table.toml.{sys.implementation.cache_tag}"


def test_it_is_kept_beside_the_file(table):
    assert own_table(str(table)) == {"name": "first"}
    stamp, known = marshal.loads(kept(table).read_bytes())
    assert (stamp, known) == ((table.stat().st_mtime_ns, table.stat().st_size), {"name": "first"})
    assert [path.name for path in kept(table).parent.iterdir()] == [kept(table).name]


def test_what_is_kept_is_taken(table):
    own_table(str(table))
    stamp, _known = marshal.loads(kept(table).read_bytes())
    kept(table).write_bytes(marshal.dumps((stamp, {"name": "kept"})))
    assert own_table(str(table)) == {"name": "kept"}


def test_a_file_that_has_changed_is_read_anew(table):
    own_table(str(table))
    table.write_text('name = "second"\n')
    assert own_table(str(table)) == {"name": "second"}
    assert own_table(str(table)) == {"name": "second"}


@pytest.mark.parametrize(
    "data", [b"", b"nonsense", marshal.dumps(1), marshal.dumps((1, 2, 3)), marshal.dumps(((1, 2), {"name": "x"}))]
)
def test_what_is_no_kept_table_counts_for_nothing(table, data):
    own_table(str(table))
    kept(table).write_bytes(data)
    assert own_table(str(table)) == {"name": "first"}


def test_a_kept_value_that_is_no_table_counts_for_nothing(table):
    own_table(str(table))
    stamp, _known = marshal.loads(kept(table).read_bytes())
    kept(table).write_bytes(marshal.dumps((stamp, "text")))
    assert own_table(str(table)) == {"name": "first"}


def test_without_bytecode_nothing_is_kept(table, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert own_table(str(table)) == {"name": "first"}
    assert not kept(table).parent.exists()


def test_a_folder_that_cannot_be_written_does_no_harm(table):
    kept(table).parent.write_text("a file in its place")
    assert own_table(str(table)) == {"name": "first"}


def test_what_is_not_toml_is_said_and_not_kept(table):
    table.write_text("name = first\n")
    with pytest.raises(tomllib.TOMLDecodeError):
        own_table(str(table))
    assert not kept(table).exists()


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(FileNotFoundError):
        own_table(os.path.join(tmp_path, "none.toml"))
