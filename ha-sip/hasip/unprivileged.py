"""Gives up rights: those of root, where a container was started with them, and all to come.

As an add-on the program keeps them: its options and its folders in /config are root's.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd

from hasip.addon import ADDON_OPTIONS

# Names the user to become; the image sets it.
USER_VARIABLE = "HASIP_USER"
_PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h


def take_no_new_rights() -> None:
    """Have the kernel deny this process and what it runs every right that it has not yet.

    No program with the setuid bit or with capabilities of its own gets them from us any more,
    however a broken file may drive ffmpeg. Not on systems other than Linux.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def leave_root() -> None:
    """Become the user that is named, for good; does nothing where there is no need."""
    name = os.environ.get(USER_VARIABLE)
    if os.geteuid() != 0 or not name or ADDON_OPTIONS.exists():
        return
    user = pwd.getpwnam(name)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.environ["HOME"] = user.pw_dir
