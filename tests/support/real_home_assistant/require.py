"""Where a Home Assistant can't be had, its tests are skipped with the reason; on CI they fail."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from support.real_home_assistant.cache import MissingError
from support.real_home_assistant.install import install

if TYPE_CHECKING:
    from typing import NoReturn

    from support.real_home_assistant.release import Release


def require(release: Release) -> Release:
    """Install a release, or end the test that needs it."""
    try:
        install(release)
    except MissingError as error:
        give_up(f"no Home Assistant {release.version} on this machine", error)
    return release


def give_up(what: str, error: MissingError) -> NoReturn:
    """Skip the test and say what is missing; on CI nothing may be missing."""
    if os.environ.get("CI"):
        raise error
    pytest.skip(f"{what}: {error}")
