"""pjsua2 is built from the sources that are pinned or named, and what is kept of it is theirs."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.source_build import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

NOTHING = "exit 0"
# Stands in for the interpreter: "builds" a module that is a copy of what the sources carry.
PYTHON = """case "$*" in
    *SOABI*) echo abi ;;
    *platlib*) echo "$SITE" ;;
    *setup.py*) mkdir -p build && touch build/_pjsua2.so ;;
esac"""


def program(path: Path, script: str) -> None:
    """Write a script that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def tarball_of(folder: Path, name: str, configure: str) -> tuple[Path, str]:
    """Return a tarball of sources that say their name, and its SHA-256."""
    inside = folder / name / "pjproject-2.17"
    swig = inside / "pjsip-apps/src/swig/python"
    for path in (inside / "pjlib/include/pj", inside / "pjmedia/src/pjmedia-audiodev", swig):
        path.mkdir(parents=True)
    program(inside / "configure", configure)
    (swig / "pjsua2.py").write_text(name, encoding="utf-8")
    tarball = folder / f"{name}.tar.gz"
    subprocess.run(["tar", "-czf", tarball, "-C", inside.parent, inside.name], check=True)
    return tarball, hashlib.sha256(tarball.read_bytes()).hexdigest()


class Build:
    """A copy of the script that pins other sources, with compilers that do nothing."""

    def __init__(self, folder: Path, configure: str = NOTHING) -> None:
        self.pinned, pin = tarball_of(folder, "pinned", configure)
        self.other, self.other_sha256 = tarball_of(folder, "other", configure)
        self.scripts, self.site = folder / "scripts", folder / "site"
        self.fetched = folder / "fetched"
        self._folder = folder
        shutil.copytree(PROJECT / "scripts", self.scripts)
        self.replace("build-pjsua2.sh", "release_sha256=", f"release_sha256={pin} #")
        self.site.mkdir()
        (folder / "home").mkdir()
        program(folder / "venv/bin/python", PYTHON)
        for name in ("patch", "make", "strip"):
            program(folder / "bin" / name, NOTHING)
        self.delivers(self.pinned)

    def delivers(self, tarball: Path) -> None:
        """Be what the internet has."""
        copy = f'while [ "$1" != -o ]; do shift; done; cp "{tarball}" "$2"'
        program(self._folder / "bin/curl", f'echo once >>"{self.fetched}"; {copy}')

    def replace(self, name: str, old: str, new: str) -> None:
        """Change a file of the scripts."""
        path = self.scripts / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    @property
    def times_fetched(self) -> int:
        """Count how often the sources were fetched."""
        return len(self.fetched.read_text().splitlines()) if self.fetched.exists() else 0

    def run(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        return subprocess.run(
            [self.scripts / "build-pjsua2.sh", self._folder / "venv"],
            env={
                "PATH": f"{self._folder}/bin:{os.environ['PATH']}",
                "HOME": str(self._folder / "home"),
                "SITE": str(self.site),
                **variables,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def installed(self, **variables: str) -> str:
        """Run the script; return the name of the sources whose build is installed then."""
        done = self.run(**variables)
        assert done.returncode == 0, done.stderr
        return (self.site / "pjsua2.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("is_trusted", [False, True])
def test_sources_are_taken_only_if_they_are_those_that_are_pinned(
    tmp_path: Path,
    is_trusted: bool,  # noqa: FBT001
) -> None:
    """A tarball that is trusted is unpacked, patched and configured; there it ends here."""
    build = Build(tmp_path, "echo this was configured: $*; exit 7")
    digest = build.other_sha256
    done = build.run(
        PJPROJECT_TARBALL=str(build.other), PJPROJECT_SHA256=digest if is_trusted else "0" * 64
    )

    assert done.returncode == (7 if is_trusted else 1)
    assert ("this was configured" in done.stdout) == is_trusted
    assert ("--enable-epoll" in done.stdout) == is_trusted
    refusal = f"The sources have the SHA-256 {digest}, not the one pinned for 2.17"
    assert (refusal in done.stderr) != is_trusted
    assert (f"If you trust them, set PJPROJECT_SHA256={digest}" in done.stderr) != is_trusted


def test_what_is_kept_is_used_only_for_the_sources_that_it_was_built_from(tmp_path: Path) -> None:
    build = Build(tmp_path)
    other, other_sha256 = str(build.other), build.other_sha256

    assert build.installed() == "pinned"
    for variables in (
        {"PJPROJECT_TARBALL": "/nonexistent", "PJPROJECT_SHA256": "00"},
        {"PJPROJECT_TARBALL": "/nonexistent"},
        {"PJPROJECT_TARBALL": other},
        {"PJPROJECT_TARBALL": str(build.pinned), "PJPROJECT_SHA256": other_sha256},
        {"PJPROJECT_SHA256": other_sha256},  # what is fetched is another
    ):
        assert build.run(**variables).returncode == 1, variables
    for _ in range(2):
        assert (
            build.installed(PJPROJECT_TARBALL=other, PJPROJECT_SHA256=other_sha256) == "other"
        )  # the second time it is kept
        build.delivers(build.other)  # not needed: the pinned one is kept as well
        assert build.installed() == "pinned"
        assert build.installed(PJPROJECT_TARBALL=str(build.pinned)) == "pinned"


def test_sources_that_were_trusted_once_are_not_used_without_being_named(tmp_path: Path) -> None:
    build = Build(tmp_path)
    build.delivers(build.other)

    assert build.installed(PJPROJECT_SHA256=build.other_sha256) == "other"
    assert build.run().returncode == 1


def test_another_patch_or_option_is_another_build_and_a_remark_is_none(tmp_path: Path) -> None:
    build = Build(tmp_path)
    counts = []
    for name, old, new in (
        ("build-pjsua2.sh", "set -euo pipefail", "set -euo pipefail"),
        ("build-pjsua2.sh", "set -euo pipefail", "set -euo pipefail # a remark"),
        ("build-pjsua2.sh", "calls=256", "calls=255"),
        ("build-pjsua2.sh", "--disable-video", "--enable-video"),
        ("pjproject-2.17.patch", "\n+", "\n+ "),
    ):
        build.replace(name, old, new)
        build.installed()
        counts.append(build.times_fetched)

    assert counts == [1, 1, 2, 3, 4]


def test_what_is_kept_waits_for_no_other_build_and_what_is_not_does_not_wait_for_ever(
    tmp_path: Path,
) -> None:
    build = Build(tmp_path)
    assert build.installed() == "pinned"
    lock = next((tmp_path / "home").rglob("lock"))
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert build.installed() == "pinned"
        build.replace("build-pjsua2.sh", "calls=256", "calls=255")
        build.replace("build-pjsua2.sh", "flock -w 1800", "flock -w 0.2")
        done = build.run()

    assert done.returncode == 1
    assert "being built already; waiting for that, for up to 30 minutes" in done.stderr
    assert f"See who holds {lock}" in done.stderr
    assert build.installed() == "pinned"
    assert build.times_fetched == 2


def test_a_virtual_environment_is_made_anew_for_another_patch_or_other_sources(
    tmp_path: Path,
) -> None:
    for name in ("build.sh", "pyproject.toml"):
        shutil.copy(PROJECT / name, tmp_path)
    build = Build(tmp_path)

    def stamp(kind: str = "source", **variables: str) -> str:
        return subprocess.run(
            ["bash", "-c", f". ./build.sh help >&2; stamp_of python {kind}"],
            cwd=tmp_path,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            text=True,
            timeout=30,
            check=True,
        ).stdout

    first = stamp()
    assert first == stamp()
    given = {"PJPROJECT_TARBALL": str(build.other)}
    assert len({first, stamp(**given), stamp(PJPROJECT_SHA256=build.other_sha256)}) == 3
    assert stamp("wheel") == stamp("wheel", **given)
    with pytest.raises(subprocess.CalledProcessError):
        stamp(PJPROJECT_TARBALL="/nonexistent")
    build.replace("pjproject-2.17.patch", "\n+", "\n+ ")
    assert stamp() != first
