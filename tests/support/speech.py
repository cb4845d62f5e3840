"""What the engine of the tests says, without anything between it and the listener."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from support import audio

if TYPE_CHECKING:
    from pathlib import Path


def spoken(folder: Path, text: str, voice: str = "en") -> list[int]:
    """Return the samples of a text spoken by espeak-ng."""
    path = folder / "spoken.wav"
    subprocess.run(["espeak-ng", "-v", voice, "-w", str(path), text], check=True, timeout=20)
    return audio.read_wav(path)
