"""Runs containers of the image, as Docker and the Supervisor would."""

from __future__ import annotations

import itertools
import os
import re
import resource
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

_numbers = itertools.count(1)


class ContainerTool:
    """podman, set up so that it also works inside another container."""

    def __init__(self, folder: Path, image: str) -> None:
        self.image = image
        self.names: list[str] = []
        # Limits that podman itself may not raise any more would end it.
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        processes = Path("/proc/sys/kernel/pid_max").read_text().strip()
        config = folder / "containers.conf"
        config.write_text(
            f'[containers]\ndefault_ulimits = ["nofile={files}:{files}",'
            f'"nproc={processes}:{processes}"]\n'
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        )
        os.environ["CONTAINERS_CONF"] = str(config)

    def command(self, options: Sequence[str], arguments: Sequence[str] = ()) -> list[str]:
        """Return the command that runs a container in the foreground, on the host's network."""
        name = f"ha-sip-test-{os.getpid()}-{next(_numbers)}"
        self.names.append(name)
        # Health checks are asked by hand: podman wants systemd for them.
        fixed = ("--no-healthcheck", "--rm", "--interactive", "--network", "host", "--name", name)
        return ["podman", "run", *fixed, *options, self.image, *arguments]

    def run(self, *arguments: str, entrypoint: str = "ha-sip", timeout_s: float = 120) -> str:
        """Run a program of the image to its end; returns what it wrote."""
        command = self.command(["--entrypoint", entrypoint], arguments)
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def inside(self, *command: str) -> str:
        """Run a command in the container that was started last; returns what it wrote."""
        done = subprocess.run(
            ["podman", "exec", self.names[-1], *command],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout + done.stderr

    def daemon(self) -> int:
        """Return the process of the gateway itself, numbered as in the container."""

        def found() -> list[str]:
            return self.inside("cat", "/proc/1/task/1/children").split()

        wait_until(found, "the gateway in its container")
        return int(found()[0])

    def user_of(self, pid: int) -> int:
        """Return the user ID that a process in the container has."""
        status = self.inside("cat", f"/proc/{pid}/status")
        uid = re.search(r"^Uid:\s+(\d+)", status, re.MULTILINE)
        assert uid, status
        return int(uid[1])

    def size_mb(self) -> float:
        """Return the size of the image, uncompressed, in MB."""
        done = subprocess.run(
            ["podman", "image", "inspect", "--format", "{{.Size}}", self.image],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return int(done.stdout) / 1e6
