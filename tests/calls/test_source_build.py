"""What only pjsua2 built from source has room for, and how the limits of any build are met."""

from __future__ import annotations

import sys
from itertools import dropwhile
from typing import TYPE_CHECKING

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
