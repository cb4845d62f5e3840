"""What only pjsua2 built from source has room for, and how the limits of any build are met."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from itertools import dropwhile
from typing import TYPE_CHECKING, Any

import pytest

from hasip.sip.build import MAX_ACCOUNTS, tls_warning
from support import audio
from support.crowd import Crowd
from support.gateway import GatewayProcess
from support.source_build import source_python

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CALLS = 64
LISTEN_S = 8.0


def accounts(count: int) -> dict[str, str]:
    """Return the settings of so many accounts, none of which registers."""
    settings = {}
    for number in range(1, count + 1):
        settings[f"SIP{number}_ENABLED"] = "true"
        settings[f"SIP{number}_ID_URI"] = f"sip:house{number}@127.0.0.1"
    return settings


def test_the_source_build_says_what_it_is(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, python=source_python()) as gateway:
        line = gateway.wait_log("pjsip 2.17")

    assert "256 calls at once, 32 accounts, TLS by OpenSSL 3." in line
    codecs = line.partition("codecs: ")[2]
    assert codecs.startswith("opus/48000, G722/16000, PCMA/8000, PCMU/8000")


def test_the_wheel_says_what_it_is_too(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway:
        line = gateway.wait_log("pjsip 2.15")

    assert "4 calls at once, 8 accounts, no IPv6, TLS by OpenSSL 1.0.2" in line
    assert line.partition("codecs: ")[2].startswith("G722/16000, PCMA/8000, PCMU/8000")


# Asks the library itself, in a process of its own, and says what it says.
ASK = """
import ctypes, json, os
import pjsua2 as pj
endpoint = pj.Endpoint()
endpoint.libCreate()
config = pj.EpConfig()
config.logConfig.level = config.logConfig.consoleLevel = 0
config.uaConfig.maxCalls = 10_000
endpoint.libInit(config)
endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, pj.TransportConfig())
endpoint.libStart()
library = ctypes.CDLL(pj._pjsua2.__file__)
misuse = library.pjsua_call_get_info(-5, ctypes.create_string_buffer(1_000_000))
library.pj_ioqueue_name.restype = ctypes.c_char_p
library.OpenSSL_version.restype = ctypes.c_char_p
links = {os.path.basename(line.split()[-1]) for line in open("/proc/self/maps") if ".so" in line}
opened = set()
for entry in os.scandir("/proc/self/fd"):
    if os.path.islink(entry.path):
        opened.add(os.readlink(entry.path))
said = {
    "calls": library.pjsua_call_get_max_count(),
    "ioqueue": library.pj_ioqueue_name().decode(),
    "tls": library.OpenSSL_version(0).decode(),
    "links": sorted(links),
    "opened": sorted(opened),
    "codecs": [codec.codecId for codec in endpoint.codecEnum2()],
    "misuse": misuse,
}
print("said:" + json.dumps(said), flush=True)
os._exit(0)
"""
PJ_EINVAL = 70004


def ask(python: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and what was said of the pjsua2 of an interpreter."""
    done = subprocess.run(
        [python, "-c", ASK], capture_output=True, text=True, timeout=60, check=False
    )
    print(done.stdout, done.stderr)
    said = [line.removeprefix("said:") for line in done.stdout.splitlines() if "said:" in line]
    return done.returncode, json.loads(said[0]) if said else {}


def test_the_library_as_it_runs_has_what_it_was_built_with() -> None:
    code, said = ask(source_python())

    assert code == 0
    assert said["calls"] == 256
    assert said["ioqueue"].startswith("epoll")
    assert "anon_inode:[eventpoll]" in said["opened"]
    assert said["tls"].startswith("OpenSSL 3.")
    names = {link.partition(".so")[0].rstrip("-.0123456789") for link in said["links"]}
    assert {"libssl", "libsrtp", "libspeex", "libspeexdsp", "libopus"} <= names
    assert {"opus/48000/2", "speex/16000/1", "G722/16000/1"} <= set(said["codecs"])


def test_a_misuse_is_refused_and_ends_no_process_since_there_are_no_assertions() -> None:
    code, said = ask(source_python())
    assert (code, said["misuse"]) == (0, PJ_EINVAL)
    if sys.executable != source_python():
        code, _ = ask(sys.executable)  # the wheel has them, so this can tell
        assert code == -signal.SIGABRT


def test_an_account_more_than_there_is_room_for_is_refused_and_the_others_run(
    tmp_path: Path,
) -> None:
    """With one account more pjsip aborts the process."""
    settings = accounts(MAX_ACCOUNTS + 1)
    with GatewayProcess(tmp_path, **settings) as gateway:
        gateway.wait_log(f"Account {MAX_ACCOUNTS + 1} is off")
        line = gateway.wait_log(f"this pjsua2 has room for {MAX_ACCOUNTS} accounts")
        gateway.command({"command": "state"})

        gateway.wait_log(f"{MAX_ACCOUNTS}: sip:house{MAX_ACCOUNTS}@127.0.0.1, without registrar")
        gateway.wait_log(f"{MAX_ACCOUNTS + 1}: sip:house{MAX_ACCOUNTS + 1}@127.0.0.1, off")
        if sys.executable != source_python():
            assert "./build.sh create-venv --from-source" in line


def test_32_accounts_run_on_the_source_build(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, python=source_python(), **accounts(33)) as gateway:
        gateway.wait_log("Account 33 is off (state failed): this pjsua2 has room for 32 accounts")
        gateway.command({"command": "state"})

        gateway.wait_log("32: sip:house32@127.0.0.1, without registrar")


@pytest.mark.parametrize(
    ("library", "is_old"),
    [
        ("OpenSSL 1.0.2k-fips", True),
        ("OpenSSL 3.0.19", False),
        ("LibreSSL 4", False),
        (None, False),
    ],
)
def test_a_tls_library_without_fixes_is_told(library: str | None, is_old: bool) -> None:  # noqa: FBT001
    assert (tls_warning(library) is not None) == is_old


@pytest.mark.alone
def test_64_calls_at_once_each_hear_their_own_prompt_without_a_lost_packet(tmp_path: Path) -> None:
    heard_dir = tmp_path / "heard"
    heard_dir.mkdir()
    tones = {f"p{number}": 300 + 40 * number for number in range(CALLS)}
    for name, tone_hz in tones.items():
        # At the bridge's rate, so that no conversion comes before it.
        samples = audio.sine(tone_hz / 2, 2.0) * int(LISTEN_S + 6)
        audio.write_wav(tmp_path / f"{name}.wav", samples, 2 * audio.RATE_HZ)
    with (
        Crowd(heard_dir, CALLS, LISTEN_S) as crowd,
        GatewayProcess(tmp_path, python=source_python(), LOG_LEVEL="2") as gateway,
    ):
        for name in tones:
            menu = {"audio_file": str(tmp_path / f"{name}.wav")}
            gateway.command({"command": "dial", "number": crowd.uri(name), "menu": menu})
        heard = crowd.wait_heard(60)

    assert {phone["name"] for phone in heard} == tones.keys()
    assert max(phone["at_once"] for phone in heard) == CALLS
    for phone in heard:
        assert (phone["lost"], phone["discarded"]) == (0, 0), phone
        assert phone["packets"] >= (LISTEN_S - 0.5) * 50, phone
        samples = audio.read_wav(heard_dir / f"{phone['name']}.wav")
        heard_s, share = tone_in(samples, tones[phone["name"]])
        assert heard_s >= 1, phone
        assert share > 0.9, phone


def tone_in(samples: Sequence[int], tone_hz: float) -> tuple[float, float]:
    """Return the seconds from the first sound on, and in how much of that a tone is all there is.

    By steps of 100 ms.
    """
    step = audio.RATE_HZ // 10
    windows = [samples[at : at + step] for at in range(0, len(samples) - step, step)]
    loud = list(dropwhile(lambda window: audio.level_dbfs(window) < -30, windows))
    alone = [audio.level_dbfs(part) < audio.tone_dbfs(part, tone_hz) + 0.5 for part in loud[1:]]
    return len(alone) / 10, sum(alone) / max(1, len(alone))
