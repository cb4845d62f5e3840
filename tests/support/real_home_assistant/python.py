"""Finds the Python that a Home Assistant wants; unpacks Debian's where the machine has none.

Debian's next release has a newer Python than the machine. Its packages are unpacked into the cache
and its interpreter is made to find its libraries there (`patchelf`): no installation, no chroot, no
rights of root, and other programs of the machine can be started from it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from support.real_home_assistant.cache import CACHE, locked
from support.require import MissingError

if TYPE_CHECKING:
    from support.real_home_assistant.release import Release

TOOLS = {"apt-get": "apt", "dpkg-deb": "dpkg", "patchelf": "patchelf", "g++": "g++"}
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
APT_TIMEOUT_S = 300.0
SUITE_SCRIPT = Path(__file__).parents[3] / "scripts" / "debian-suite.sh"
APT_CONFIGURATION = """
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "{folder}/none";
Dir::Etc::Parts "{folder}/none";
Dir::Etc::Main "{folder}/none/main";
APT::Sandbox::User "";
APT::Install-Recommends "false";
"""


def find_python(release: Release) -> Path:
    """Return an interpreter for a release; raises `MissingError` if there is no way to get one."""
    for candidate in (f"/usr/bin/{release.python}", shutil.which(release.python)):
        if candidate and _is_good(candidate, release):
            return Path(candidate)
    folder = CACHE / release.python
    program = folder / "usr" / "bin" / release.python
    with locked(release.python):
        if not _is_good(str(program), release):
            shutil.rmtree(folder, ignore_errors=True)
            _unpack(release, folder)
            if not _is_good(str(program), release):
                wanted = ".".join(map(str, release.least_python))
                msg = f"{release.python} of Debian {release.suite} does not run, or is not {wanted}"
                raise MissingError(msg)
    return program


def _is_good(program: str, release: Release) -> bool:
    """Tell whether an interpreter runs, has what Home Assistant needs, and is new enough."""
    code = f"import sqlite3, ssl, sys; sys.exit(sys.version_info < {release.least_python})"
    try:
        subprocess.run([program, "-c", code], check=True, timeout=20, capture_output=True)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _unpack(release: Release, folder: Path) -> None:
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if missing:
        msg = f"{release.python} is unpacked from Debian's packages, which needs {missing}"
        raise MissingError(msg)
    work = folder / "apt"
    _prepare_apt(release, work)
    archives = work / "cache" / "archives"
    _apt(work, "update")
    _apt(work, "install", "-y", "--download-only", release.python, "libstdc++6")
    # Alone, without what it depends on: some packages of Home Assistant are compiled for it.
    _apt(work, "download", f"lib{release.python}-dev", cwd=archives)
    for package in sorted(archives.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True, timeout=60)
    [libraries] = (folder / "usr" / "lib").glob("*-linux-gnu*")
    [loader] = (path for path in libraries.glob("ld-linux*.so.*") if path.is_file())
    command = [
        *("patchelf", "--set-interpreter", str(loader)),
        # RPATH, not RUNPATH: it counts for the libraries of extension modules, too.
        *("--force-rpath", "--set-rpath", str(libraries)),
        str(folder / "usr" / "bin" / release.python),
    ]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    shutil.rmtree(work)


def _prepare_apt(release: Release, work: Path) -> None:
    """Give apt a folder of its own, in which nothing is installed and one suite is known."""
    for part in ("state/lists/partial", "cache/archives/partial", "none"):
        (work / part).mkdir(parents=True, exist_ok=True)
    (work / "status").touch()
    source = f"deb [signed-by={KEYRING}] {_mirror()} {release.suite} main\n"
    (work / "sources.list").write_text(source, encoding="utf-8")
    network = _output("apt-config", "dump", "Acquire")  # proxies and certificates
    configuration = APT_CONFIGURATION.format(folder=work) + network
    (work / "apt.conf").write_text(configuration, encoding="utf-8")


def _mirror() -> str:
    """Return the address of the Debian archive that this machine uses."""
    address = _output("bash", "-c", f"source {SUITE_SCRIPT} && debian_mirror").strip()
    if not address:
        msg = "apt knows no archive of Debian; run apt-get update"
        raise MissingError(msg)
    return address


def _apt(work: Path, *arguments: str, cwd: Path | None = None) -> None:
    try:
        subprocess.run(
            ["apt-get", "-q", *arguments],
            cwd=cwd,
            env={**os.environ, "APT_CONFIG": str(work / "apt.conf")},
            check=True,
            capture_output=True,
            text=True,
            timeout=APT_TIMEOUT_S,
        )
    except subprocess.CalledProcessError as error:
        msg = f"apt-get {arguments[0]} failed: {error.stderr.strip()}"
        raise MissingError(msg) from error


def _output(*command: str) -> str:
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=APT_TIMEOUT_S
    )
    return done.stdout
