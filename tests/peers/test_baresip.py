"""Calls with baresip: other codecs, and what it does with the call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import audio
from support.baresip import TONE_HZ, Baresip
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone

if TYPE_CHECKING:
    from pathlib import Path

LEVEL_DBFS = -14.0
# As the gateway names them, and as baresip does.
CODECS = {"opus": "opus/48000/2", "G722": "G722/16000", "PCMA": "PCMA/8000", "PCMU": "PCMU/8000"}


def test_every_codec_of_this_pjsua2_is_spoken_both_ways(tmp_path: Path) -> None:
    tone = tmp_path / "tone.wav"
    audio.write_wav(tone, audio.sine(1500, 1.0, LEVEL_DBFS))
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, SIP1_OPTIONS="--ice off") as gateway,
    ):
        ours = gateway.wait_log("codecs: ").partition("codecs: ")[2]
        spoken = {name: codec for name, codec in CODECS.items() if f"{name}/" in ours}
        assert {"G722", "PCMA", "PCMU"} <= spoken.keys()
        for count, (name, codec) in enumerate(spoken.items(), 1):
            recording = tmp_path / f"{name}.wav"
            with Baresip(tmp_path / name, codec) as baresip:
                gateway.command({"command": "dial", "number": baresip.uri})
                house.wait(lambda: house.event_names.count("call_established") == count, name)  # noqa: B023
                for command, fields in (
                    ("start_recording", {"recording_file": str(recording)}),
                    ("play_audio_file", {"audio_file": str(tone)}),
                ):
                    gateway.command({"command": command, "number": baresip.uri, **fields})
                house.wait(lambda: house.event_names.count("playback_done") == count, name)  # noqa: B023
                digits = {"digits": "42", "method": "rfc2833"}
                gateway.command({"command": "send_dtmf", "number": baresip.uri, **digits})
                baresip.wait_said("received event: '2' (end=1)")
                baresip.command("sndcode", "5")
                house.wait(lambda: house.event_names.count("dtmf_digit") == count, name)  # noqa: B023
                gateway.command({"command": "hangup", "number": baresip.uri})
                house.wait(lambda: house.event_names.count("call_disconnected") == count, name)  # noqa: B023
                baresip.wait_said("session closed")
                baresip.wait_said(f"Set audio encoder: {name}")
            assert seconds_of(baresip.heard, 1500) == pytest.approx(1.0, abs=0.3)
            assert seconds_of(audio.read_wav(recording), TONE_HZ) > 0.5


def seconds_of(samples: list[int], frequency_hz: int) -> float:
    """Return for how long a tone is heard; levels differ, since G.722 is spoken on two scales."""
    windows = [samples[at : at + 800] for at in range(0, len(samples) - 799, 800)]
    return 0.1 * sum(audio.tone_dbfs(window, frequency_hz) > -30 for window in windows)


def test_baresip_holds_the_line_and_hands_it_on(tmp_path: Path) -> None:
    tone = tmp_path / "tone.wav"
    audio.write_wav(tone, audio.sine(1500, 2.0, LEVEL_DBFS))
    menu = {"audio_file": str(tone), "choices": {"1": {"post_action": "hangup"}}}
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, SIP1_OPTIONS="--follow-transfer on") as gateway,
        Baresip(tmp_path / "baresip", CODECS["PCMA"]) as baresip,
        Phone("p") as phone,
    ):
        gateway.command({"command": "dial", "number": baresip.uri, "menu": menu})
        house.wait_event("call_established")
        baresip.command("hold")
        gateway.wait_log("sendonly")
        baresip.command("resume")
        house.wait_event("playback_done")
        baresip.command("transfer", phone.uri)
        call = phone.wait_call().wait_answered()
        call.wait_sound()
        call.type_digits("1")
        call.wait_ended()

        assert house.wait_event("call_transferred")["remote_uri"] == phone.uri
        assert house.wait_event("call_disconnected")["outcome"] == "completed"
