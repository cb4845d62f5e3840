"""Networks of their own for tests: namespaces (ip-netns(8)) with cables and NAT between them.

Needs root, and the packages iproute2 and nftables. What is started inside `Namespace.entered` is on
that machine's network for good: a socket, a thread and a process belong to the namespace that they
were made in.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Self

from support.require import MissingError, give_up

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLONE_NEWNET = 0x40000000
_numbers = itertools.count(1)
_libc = ctypes.CDLL(None, use_errno=True)


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
    return done.stdout


class Namespace:
    """One machine, as far as the network goes."""

    def __init__(self, label: str) -> None:
        self.name = f"hasip-{os.getpid()}-{next(_numbers)}-{label}"
        _ip("netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def delete(self) -> None:
        """Take it away, with its interfaces."""
        _ip("netns", "delete", self.name)
        shutil.rmtree(self._etc, ignore_errors=True)

    @property
    def _etc(self) -> Path:
        return Path("/etc/netns") / self.name

    def ip(self, *arguments: str) -> str:
        """Run the command `ip` here."""
        return _ip("-n", self.name, *arguments)

    def route(self, destination: str, gateway: str) -> None:
        """Reach `destination` (`default`, or a network) by a machine."""
        self.ip("route", "add", destination, "via", gateway)

    def bridge(self, name: str, address: str) -> None:
        """Add an interface that leads nowhere, as container software does; `10.1.2.3/24`."""
        self.ip("link", "add", name, "type", "bridge")
        self.ip("address", "add", address, "dev", name)
        self.ip("link", "set", name, "up")

    def rules(self, *lines: str) -> None:
        """Load nftables rules."""
        text = "\n".join([*lines, ""])
        subprocess.run([*self.prefix, "nft", "-f", "-"], input=text, text=True, check=True)

    def hide_behind(self, interface: str) -> None:
        """Be a NAT router: what leaves by `interface` has its address (RFC 4787).

        What nobody inside has asked for is dropped, as routers do; else its connection would be
        in the way of the one that is made from inside.
        """
        subprocess.run([*self.prefix, "sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True)
        self.rules(
            "add table ip nat",
            "add chain ip nat post { type nat hook postrouting priority 100; }",
            f'add rule ip nat post oifname "{interface}" masquerade',
            "add chain ip nat guard { type filter hook input priority 0; }",
            f'add rule ip nat guard iifname "{interface}" ct state new drop',
        )

    def tcp_peers(self, port: int) -> list[int]:
        """Return the ports of those who are connected to one of ours."""
        command = [*self.prefix, "ss", "-Htn", "state", "established", "sport", "=", f":{port}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [int(line.split()[3].rpartition(":")[2]) for line in done.stdout.splitlines()]

    def ask(self, *name_servers: str) -> None:
        """Write the resolv.conf, of little patience, that `prefix` shows to what is run by it."""
        self._etc.mkdir(parents=True, exist_ok=True)
        lines = [f"nameserver {server}\n" for server in name_servers]
        text = "".join([*lines, "options timeout:3 attempts:1\n"])
        (self._etc / "resolv.conf").write_text(text, encoding="utf-8")

    @property
    def prefix(self) -> tuple[str, ...]:
        """Return what runs a command here, with the name servers of `ask`."""
        return ("ip", "netns", "exec", self.name)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Put this thread, and all that it starts, into the namespace."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            _enter(there)
            try:
                yield
            finally:
                _enter(home)
        finally:
            os.close(home)
            os.close(there)


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Network:
    """Machines and cables, for the length of a test."""

    def __init__(self) -> None:
        if os.geteuid() != 0:
            why = MissingError("only root can make networks: run these tests as root")
            give_up("no networks of their own", why)
        self._machines: list[Namespace] = []

    def __enter__(self) -> Self:
        """Be there."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take everything away."""
        for machine in self._machines:
            machine.delete()

    def machine(self, label: str) -> Namespace:
        """Add a machine."""
        self._machines.append(Namespace(label))
        return self._machines[-1]

    def cable(self, one: tuple[Namespace, str, str], other: tuple[Namespace, str, str]) -> None:
        """Join two machines; each with its interface's name and address (`10.1.2.3/24`)."""
        (here, name, _), (there, peer, _) = one, other
        here.ip(*("link", "add", name, "type", "veth", "peer", "name", peer, "netns", there.name))
        for machine, interface, address in (one, other):
            # Without `nodad` an IPv6 address is of no use for a second.
            extra = ("nodad",) if ":" in address else ()
            machine.ip("address", "add", address, "dev", interface, *extra)
            machine.ip("link", "set", interface, "up")
