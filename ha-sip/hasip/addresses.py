"""Notices that this machine's addresses or routes change: neither pjsip nor others do.

The kernel tells it (rtnetlink(7)), in one message or in dozens, also for interfaces that are
nothing to us: where containers come and go that is often. So it is only a reason to look.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from typing import TYPE_CHECKING

from hasip.tcp import end_dead_connections

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

_RTMGRP_IPV4_IFADDR = 0x10
_RTMGRP_IPV4_ROUTE = 0x40
_RTMGRP_IPV6_IFADDR = 0x100
_GROUPS = _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV4_ROUTE | _RTMGRP_IPV6_IFADDR
# An interface that comes up says so in several messages.
SETTLED_AFTER_S = 0.5
_LONGEST_MESSAGE = 65_536


def watch_addresses(changed: Callable[[], None]) -> None:
    """Call `changed` on a thread of ours soon after every change, for ever; returns at once.

    Before that, what is connected from an address that is gone is ended.
    """
    try:
        kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        kernel.bind((0, _GROUPS))
    except OSError as error:
        # The next refresh of a registration will notice it, too.
        _log.info("Changes of our addresses are noticed late: %s", error)
        return

    def watch() -> None:
        while True:
            _wait(kernel)
            time.sleep(SETTLED_AFTER_S)
            _drain(kernel)
            ended = end_dead_connections()
            if ended:
                _log.warning(
                    "Connections from an address that is no more ours are ended: %d", ended
                )
            changed()

    threading.Thread(target=watch, name="addresses", daemon=True).start()


def _wait(kernel: socket.socket) -> None:
    try:
        kernel.recv(_LONGEST_MESSAGE)
    except OSError as error:  # more messages than it keeps for us: something changed, then
        _log.debug("rtnetlink: %s", error)


def _drain(kernel: socket.socket) -> None:
    try:
        while True:
            kernel.recv(_LONGEST_MESSAGE, socket.MSG_DONTWAIT)
    except OSError:
        return
