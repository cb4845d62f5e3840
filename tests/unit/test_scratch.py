"""Folders of runs: the dead ones go, those that somebody has stay, and nothing else is touched."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hasip.scratch import PREFIX, ScratchFolder, remove_dead_folders

if TYPE_CHECKING:
    import pytest


def test_a_start_removes_the_folders_of_dead_runs_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    alive = ScratchFolder()
    dead = tmp_path / f"{PREFIX}dead"
    (dead / "prompts").mkdir(parents=True)
    (dead / "lock").touch()
    (dead / "prompts" / "a.wav").write_bytes(b"x")
    kept = [tmp_path / name for name in (f"{PREFIX}without-lock", "ha-sip-else", "lock")]
    for folder in kept:
        folder.mkdir()
    (tmp_path / "ha-sip-else" / "lock").touch()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "lock").touch()
    (tmp_path / f"{PREFIX}link").symlink_to(elsewhere)
    trap = tmp_path / f"{PREFIX}trap"
    trap.mkdir()
    (trap / "lock").symlink_to(elsewhere / "lock")

    assert remove_dead_folders() == 1
    assert not dead.exists()
    assert Path(alive.path).is_dir()
    assert all(path.exists() for path in (*kept, trap, elsewhere / "lock"))

    assert alive._lock is not None
    os.close(alive._lock)  # as the end of the process does
    assert remove_dead_folders() == 1
    assert not Path(alive.path).exists()


def test_a_folder_goes_with_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = ScratchFolder()
    Path(folder.path, "a.wav").touch()
    folder.remove()
    folder.remove()

    assert not list(tmp_path.iterdir())
