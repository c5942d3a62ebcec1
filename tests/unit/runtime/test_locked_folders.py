"""Folders that are locked while they are used, and removed when they are empty."""

from __future__ import annotations

from ecirun.runtime.state import locked, remove_locked


def test_an_empty_folder_is_removed_under_its_lock(tmp_path):
    folder = tmp_path / "folder"
    with locked(str(folder)):
        remove_locked(str(folder))
    assert not folder.exists()


def test_one_that_somebody_has_begun_to_use_meanwhile_is_that_ones_to_remove(tmp_path):
    folder = tmp_path / "folder"
    with locked(str(folder)):
        (folder / "theirs").touch()
        remove_locked(str(folder))
    assert [entry.name for entry in folder.iterdir()] == ["theirs"]
