"""Asks for known holes in the installed Python packages, with pip-audit; never waits long.

    check_dependencies.py

A hole that is found is a failure. Without a network, or where the service does not know a package,
that is said, and is none: `./build.sh check` must work on a train.
"""

from __future__ import annotations

import json
import subprocess
import sys

WITHIN_S = 15.0
# Ours; nobody publishes it where holes are known.
_OWN = frozenset({"ha-sip"})


def verdict(report: str) -> tuple[list[str], bool]:
    """Return what to say about a report of pip-audit (JSON), and whether nothing is wrong."""
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return ["not checked: pip-audit gave no report (no network?)"], True
    holes = [
        f"{package['name']} {package['version']} has a known hole: {hole['id']}; "
        f"fixed in {', '.join(hole['fix_versions']) or 'no version yet'}"
        for package in packages
        for hole in package.get("vulns", ())
    ]
    skipped = {p["name"] for p in packages if "skip_reason" in p} - _OWN
    checked = len([package for package in packages if "skip_reason" not in package])
    lines = [*holes, f"{checked} Python packages were checked for known holes"]
    if skipped and not checked:
        lines[-1] = f"not checked: the service knows none of {len(skipped)} Python packages"
    elif skipped:
        lines.append(f"not checked: {', '.join(sorted(skipped))}")
    return lines, not holes


def main() -> int:
    """Check the environment that this runs in."""
    command = [sys.executable, "-m", "pip_audit", "--local", "--format", "json"]
    command += ["--progress-spinner", "off", "--timeout", "4"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=WITHIN_S, check=False)  # noqa: S603
        lines, is_good = verdict(done.stdout.decode("utf-8", "replace"))
    except subprocess.TimeoutExpired:
        lines, is_good = [f"not checked: no answer within {WITHIN_S:.0f} s"], True
    print("known holes:", "; ".join(lines))  # noqa: T201
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
