"""What the programs that we run see of our environment: not the passwords and tokens in it.

They read files that others made, so they get what they need and no more. Without a home, espeak-ng
makes no folder for its sound server there.
"""

from __future__ import annotations

import os

_NEEDED = ("PATH", "LD_LIBRARY_PATH", "ESPEAK_DATA_PATH", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR")


def bare_environment() -> dict[str, str]:
    """Return the environment for a program that is run."""
    kept = {name: os.environ[name] for name in _NEEDED if name in os.environ}
    return {**kept, "HOME": os.devnull}
