"""Encrypted audio with a foreign telephone, as the wire between the two has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import audio
from support.baresip import RTP_PORTS, TONE_HZ, Baresip
from support.capture import UDP
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.netns import Network
from support.source_build import python_of
from support.together import Together
from support.wire import Wire, pcmu

if TYPE_CHECKING:
    from pathlib import Path

OURS_HZ = 1_000
waiting = Together()


@pytest.mark.parametrize(
    ("ours", "theirs", "build"),
    [
        ("mandatory", "srtp-mand", "wheel"),
        ("mandatory", "srtp", "wheel"),
        ("optional", None, "wheel"),
        ("mandatory", "srtp-mand", "source"),
    ],
)
@waiting
def test_both_sides_hear_each_other_and_nobody_else_does_if_it_is_encrypted(
    tmp_path: Path, ours: str, theirs: str | None, build: str
) -> None:
    python = python_of(build)
    tone, recording = tmp_path / "tone.wav", tmp_path / "recording.wav"
    audio.write_wav(tone, audio.sine(OURS_HZ, 2))
    with (
        Network() as network,
        (machine := network.machine("phones")).entered(),
        Wire(machine, "lo") as wire,
        StandInHomeAssistant() as house,
        Baresip(tmp_path / "baresip", "PCMU/8000", theirs) as phone,
        GatewayProcess(
            tmp_path, house=house, python=python, SIP1_OPTIONS=f"--srtp {ours}"
        ) as gateway,
    ):
        menu = {"audio_file": str(tone)}
        gateway.command({"command": "dial", "number": phone.uri, "menu": menu})
        house.wait_event("call_established")
        record = {"number": phone.uri, "recording_file": str(recording)}
        gateway.command({"command": "start_recording", **record})
        house.wait_event("playback_done")
        gateway.command({"command": "hangup", "number": phone.uri})
        house.wait_event("recording_stopped")
        house.wait_event("call_disconnected")
        phone.wait_said("session closed")
        said = phone.log.read_text(encoding="utf-8", errors="replace")

    assert audio.tone_dbfs(audio.read_wav(recording), TONE_HZ) > -30
    assert audio.tone_dbfs(phone.heard, OURS_HZ) > -30
    assert ("SRTP is Enabled" in said) == (theirs is not None)
    # What a listener on the wire hears, in each direction.
    audible = {
        TONE_HZ: [p for p in wire.packets if p.protocol == UDP and p.ports[0] in RTP_PORTS],
        OURS_HZ: [p for p in wire.packets if p.protocol == UDP and p.ports[1] in RTP_PORTS],
    }
    for tone_hz, packets in audible.items():
        samples = pcmu(packets)
        assert len(samples) > 2 * audio.RATE_HZ
        if theirs is None:
            assert audio.tone_dbfs(samples, tone_hz) > -30
        else:
            assert audio.tone_dbfs(samples, tone_hz) < -40  # as in noise
