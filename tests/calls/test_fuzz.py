"""Broken SIP, SDP, RTP and commands: the gateway lives, answers, and keeps no call of them.

`FUZZ_SECONDS` and `FUZZ_SEED` set how long it goes on and with what.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import time
from pathlib import Path

from support import fuzz
from support.gateway import GatewayProcess
from support.phone import Phone

SECONDS = float(os.environ.get("FUZZ_SECONDS", "20"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
BURST = 40
MOST_GROWTH_KB = 60_000  # transactions linger for 32 s (RFC 3261 §17)


def test_broken_input_ends_nothing_and_stays_nowhere(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    tried = 0
    slowest_s = 0.0
    with (
        GatewayProcess(tmp_path, LOG_LEVEL="1", menu_file={"menu": {"timeout": 300}}) as gateway,
        Phone("pinger") as pinger,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker,
    ):
        attacker.bind(("127.0.0.1", 0))
        own_port = attacker.getsockname()[1]
        began_with_kb = 0
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            call = pinger.call(gateway.uri)
            with contextlib.suppress(AssertionError):  # strangers may have all the room
                call.wait_answered(1)
            for _ in range(BURST):
                message = fuzz.sip_message(rng, gateway.port, own_port)
                attacker.sendto(message, gateway.address)
                call.stream.send_packet(rng.randrange(256), fuzz.rtp_payload(rng))
                gateway.write(fuzz.command_line(rng))
                tried += 3
            with socket.create_connection(gateway.address, 5) as connection:
                connection.sendall(fuzz.sip_message(rng, gateway.port, own_port))
                tried += 1
            slowest_s = max(slowest_s, pinger.ping(gateway.address))
            if call.is_answered.is_set():
                call.hang_up()
            call.close()
            gateway.command({"command": "hangup", "number": "f"})
            began_with_kb = began_with_kb or _resident_kb(gateway.pid)
        grown_kb = _resident_kb(gateway.pid) - began_with_kb
        print(f"{tried} inputs, slowest OPTIONS {slowest_s * 1000:.0f} ms, {grown_kb} kB more")

        assert tried > BURST
        assert slowest_s < 0.5
        assert grown_kb < MOST_GROWTH_KB
        at = [n for n, line in enumerate(gateway.lines) if "Traceback" in line]
        errors = [line for n in at for line in gateway.lines[n - 1 : n + 24]]
        assert errors == [], "\n".join(errors)


def _resident_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("the process is gone")
