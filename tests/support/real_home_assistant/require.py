"""Where a Home Assistant can't be had, the tests that need it end with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.real_home_assistant.install import install
from support.require import MissingError, give_up

if TYPE_CHECKING:
    from support.real_home_assistant.release import Release


def require(release: Release) -> Release:
    """Install a release, or end the test that needs it."""
    try:
        install(release)
    except MissingError as error:
        give_up(f"no Home Assistant {release.version} on this machine", error)
    return release
