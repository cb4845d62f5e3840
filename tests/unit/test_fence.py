"""Files that a command names: within the allowed folders, whatever a link says."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hasip.audio.fence import FileFence
from hasip.errors import AudioError


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for folder in ("config", "media", "secrets", "config-of-others"):
        (tmp_path / folder).mkdir()
    (tmp_path / "secrets" / "key").write_text("s")
    (tmp_path / "config" / "way-out").symlink_to(tmp_path / "secrets")
    (tmp_path / "config" / "round").symlink_to(tmp_path / "config" / "round")
    (tmp_path / "linked").symlink_to(tmp_path / "config")
    return tmp_path


def fence_of(house: Path) -> FileFence:
    return FileFence([house / "config", house / "media"])


@pytest.mark.parametrize(
    "name", ["config/a.wav", "config/new/folder/b.wav", "media/x.mp3", "media/../config/c.wav"]
)
def test_what_is_within_the_folders_is_found(house: Path, name: str) -> None:
    assert fence_of(house).path("audio_file", str(house / name)) == (house / name).resolve()


@pytest.mark.parametrize(
    "name",
    [
        *("secrets/key", "config/../secrets/key", "config/way-out/key", "config-of-others/a.wav"),
        *("config/way-out/new.wav", "", "config/round"),
    ],
)
def test_what_is_outside_is_refused_with_the_folders_that_are_allowed(
    house: Path, name: str
) -> None:
    with pytest.raises(AudioError) as refused:
        fence_of(house).path("recording_file", str(house / name))

    assert "recording_file" in str(refused.value)
    if name != "config/round":  # what is no path at all has a reason of its own
        assert f"{house / 'config'}, {house / 'media'}" in str(refused.value)
        assert "outside of the app, add its folder to FILE_FOLDERS" in str(refused.value)


def test_a_link_that_is_an_allowed_folder_itself_is_allowed(house: Path) -> None:
    fence = FileFence([house / "linked"])

    assert fence.path("audio_file", str(house / "linked" / "a.wav")) == house / "config" / "a.wav"


def test_without_folders_everything_is_allowed(house: Path) -> None:
    assert FileFence().path("audio_file", str(house / "secrets" / "key")).read_text() == "s"


@given(st.text())
def test_no_name_leads_out_or_raises_anything_else(name: str) -> None:
    folder = Path("/nowhere/config")
    try:
        found = FileFence([folder]).path("audio_file", f"{folder}/{name}")
    except AudioError:
        return
    assert found.is_relative_to(folder)
