"""Gives up the rights of root, where a container was started with them.

As an add-on the program keeps them: its options and its folders in /config are root's.
"""

from __future__ import annotations

import os
import pwd

from hasip.addon import ADDON_OPTIONS

# Names the user to become; the image sets it.
USER_VARIABLE = "HASIP_USER"


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
