"""Writes down which packages the Home Assistants of the tests are made of.

    PYTHONPATH=tests .venv/bin/python scripts/lock_home_assistant.py

Run it after a change in `support/real_home_assistant/release.py`. It lets uv find versions that fit
together, for Home Assistant and for the integrations that the tests have set up, and pins them.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from support.real_home_assistant.install import run_uv
from support.real_home_assistant.python import find_python
from support.real_home_assistant.release import RELEASES, Release

# Beside those that are always set up; some are only imported by others.
INTEGRATIONS = (
    "api auth camera config conversation hassio http isal mqtt notify recorder stream "
    "template tts webhook websocket_api wyoming zeroconf"
)
# What a release leaves open and later versions broke.
ALSO = {"2024.3.3": ["josepy<2"]}

# Runs in Home Assistant's Python: prints what the integrations, and those they depend on, require.
FIND_REQUIREMENTS = """
import json, pathlib, sys
from homeassistant import bootstrap, components
folder = pathlib.Path(components.__path__[0])
todo, seen, found = {*sys.argv[1].split(), *bootstrap.DEFAULT_INTEGRATIONS}, set(), set()
while todo:
    name = todo.pop()
    manifest = folder / name / "manifest.json"
    if name in seen or not manifest.exists():
        continue
    seen.add(name)
    content = json.loads(manifest.read_text())
    found.update(content.get("requirements", ()))
    todo.update(content.get("dependencies", ()))
print(folder.parent / "package_constraints.txt", *sorted(found), sep="\\n")
"""


def main() -> None:
    """Write the requirements of every release."""
    for release in RELEASES:
        with TemporaryDirectory() as folder:
            lock(release, Path(folder))


def lock(release: Release, folder: Path) -> None:
    """Install a release as its own requirements say, and write down what that led to."""
    base = find_python(release)
    python = folder / "bin" / "python"
    run_uv("venv", "--clear", "--python", str(base), str(folder), base=base)
    install = ("pip", "install", "--python", str(python))
    run_uv(*install, f"homeassistant=={release.version}", base=base)
    command = [str(python), "-c", FIND_REQUIREMENTS, INTEGRATIONS]
    found = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    constraints, *requirements = found.stdout.split()
    requirements += ALSO.get(release.version, [])
    run_uv(*install, "-c", constraints, *requirements, base=base)
    pinned = run_uv("pip", "freeze", "--python", str(python), base=base)
    head = f"# Home Assistant {release.version}; scripts/lock_home_assistant.py wrote it.\n"
    release.requirements.write_text(head + pinned, encoding="utf-8")
    print(f"{release.requirements}: {len(pinned.splitlines())} packages")  # noqa: T201


if __name__ == "__main__":
    main()
