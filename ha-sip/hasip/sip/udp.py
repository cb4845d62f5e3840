"""Keeps large requests on UDP.

RFC 3261 §18.1.1 has a request of over 1,300 bytes go by TCP, and an INVITE with ICE and a password
is one. But many providers take no TCP, and the call fails; other phone systems stay on UDP. pjsip
has a switch for it, in a structure that pjsua2 does not show.
"""

from __future__ import annotations

import ctypes
import logging

from hasip.sip.c_library import c_library

_log = logging.getLogger(__name__)

# How `pjsip_sip_cfg_var.endpt` begins in pjproject 2.15 to 2.17; `disable_tcp_switch` is the fifth.
_BEGINNING = [0, 0, 0, 0, 0, 0, 1, 1]
_TCP_SWITCH = 4


def stay_on_udp() -> None:
    """Set the switch, if the structure is as we know it."""
    try:
        library = c_library()
        switches = (ctypes.c_int * len(_BEGINNING)).in_dll(library, "pjsip_sip_cfg_var")
    except (AttributeError, OSError, ValueError):
        switches = None
    if switches is None or list(switches) != _BEGINNING:
        _log.info("Requests of over 1,300 bytes go by TCP with this pjsua2")
        return
    switches[_TCP_SWITCH] = 1
