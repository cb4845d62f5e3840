"""How long pjsip waits for the answer to a request: it says 32 s for all, and pjsua2 can't set it.

Where a name stands for several servers, that is too long to find out that one of them is dead: the
next REGISTER can only be sent when the one before is over.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from hasip.sip.c_library import c_library

if TYPE_CHECKING:
    from collections.abc import Iterator

# RFC 3261 §17.1.2.2: timer F is 64 times T1.
_USUAL_S = 32.0


@contextlib.contextmanager
def waiting_at_most(limit_s: float) -> Iterator[None]:
    """Have the requests that leave in the block end with 408 after a time without an answer.

    What pjsip's own thread happens to begin meanwhile has no more time either, for once.
    """
    _set(limit_s)
    try:
        yield
    finally:
        _set(_USUAL_S)


def _set(limit_s: float) -> None:
    library = c_library()
    with contextlib.suppress(AttributeError):  # a build that exports nothing: 32 s, then
        library.pjsip_tsx_set_timers(0, 0, 0, int(limit_s * 1000))
