"""What is loaded at a start: each large module costs every user memory and time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE_DIR = Path(__file__).parents[2] / "ha-sip"
# Of those who have use for them, and there on a worker where that is possible.
LARGE = {
    "_hashlib",  # with OpenSSL
    "pydantic",
    "requests",
    "urllib3",
    "paho",
    "dns",
    "dotenv",
    "yaml",
    "ssl",
    "pydub",
    "websockets",
    "asyncio",
}
# What the parent of --restart must not hold beside its child, nor --healthcheck load each time.
OF_THE_GATEWAY = {"pjsua2", "logging", "argparse", "json", "hasip.loop"}


def loaded_by(statement: str) -> set[str]:
    """Return the modules that are there after a statement, in a Python of its own."""
    program = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(PACKAGE_DIR)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("module", sorted(LARGE))
def test_a_start_without_use_for_it_does_not_load(module: str) -> None:
    before_sip = "hasip.command_line, hasip.gateway, hasip.homeassistant.voices"
    assert module not in loaded_by(f"import {before_sip}")


def test_the_parent_and_the_question_for_health_load_nothing_of_the_gateway() -> None:
    asked = loaded_by("import hasip.__main__")
    parent = loaded_by("import hasip.__main__, hasip.watch.keeper, hasip.unprivileged")

    assert not OF_THE_GATEWAY & parent
    assert not {"ctypes", "tempfile", "pathlib"} & asked


def test_requests_comes_without_what_guesses_encodings() -> None:
    loaded = loaded_by("import hasip.homeassistant.transport")

    assert "requests.models" in loaded
    assert "charset_normalizer.api" not in loaded


def test_a_look_at_a_stun_server_by_udp_loads_nothing_of_tls() -> None:
    looks = """contextlib
from hasip.errors import SipError
from hasip.sip import nat_servers
with contextlib.suppress(SipError): nat_servers.ask_stun("127.0.0.1:0")
looked = True"""

    assert "ssl" not in loaded_by(f"import {looks}")
