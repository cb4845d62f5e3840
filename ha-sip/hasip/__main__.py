"""Where the program begins.

What must happen before anything large is loaded happens here; all else in `command_line.py`.
"""

from __future__ import annotations

import faulthandler
import sys

from hasip.watch import probe


def main() -> int:
    """Run the program; returns its exit code."""
    arguments = sys.argv[1:]
    if arguments == [probe.OPTION]:
        return probe.main()
    # Imported here: the question for health has no use for it.
    from hasip.unprivileged import leave_root, take_no_new_rights  # noqa: PLC0415
    from hasip.watch import keeper  # noqa: PLC0415

    take_no_new_rights()
    if arguments == [keeper.OPTION]:
        leave_root()
        code = keeper.keep_running()
        if code is not None:
            return code
    if sys.stderr is not None:
        faulthandler.enable()  # a crash of pjsip shows where every thread was
    # Nor has the parent for this.
    from hasip import command_line  # noqa: PLC0415

    return command_line.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
