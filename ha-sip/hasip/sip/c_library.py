"""pjsip's C functions and variables: the extension of every build exports them.

pjsua2 does not show all that pjsip can do. Asked for what a build lacks, the library raises
`AttributeError` (a function) or `ValueError` (a variable).
"""

from __future__ import annotations

import ctypes
import functools

import pjsua2 as pj


@functools.cache
def c_library() -> ctypes.CDLL:
    """Return the library; raises `OSError`, `AttributeError`.

    Its function objects are everybody's: nobody may set another type of a result than is right.
    """
    return ctypes.CDLL(getattr(pj, "_pjsua2").__file__)  # noqa: B009 - a private name
