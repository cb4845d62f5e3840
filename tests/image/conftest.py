"""The image that `./build.sh image-test` has built, and containers of it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from image.container import ContainerTool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def podman(tmp_path: Path) -> Iterator[ContainerTool]:
    """Return what runs containers of the image; what a test leaves behind is ended."""
    image = os.environ.get("IMAGE")
    if not image:
        pytest.fail("run these tests by ./build.sh image-test")
    tool = ContainerTool(tmp_path, image)
    yield tool
    for name in tool.names:
        subprocess.run(["podman", "kill", name], capture_output=True, check=False, timeout=30)
