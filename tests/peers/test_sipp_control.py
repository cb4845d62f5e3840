"""SIPp sends calls elsewhere, describes its media in odd ways, and asks for things in mid-call."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from support import audio
from support.baresip import Baresip
from support.open_line import OpenLine, open_line
from support.phone.rtp import AudioStream
from support.ports import free_port
from support.sipp import Sipp
from support.sipp_script import Script, sdp
from support.source_build import python_of
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPENS = {"action": {"domain": "lock", "service": "unlock"}, "post_action": "hangup"}
MENU = {"message": "Press one", "choices": {"1": OPENS, "21": OPENS}}


@pytest.fixture(scope="module", params=["wheel", "source"])
def shared_line(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenLine]:
    """Return a gateway whose second account follows transfers."""
    with open_line(
        tmp_path_factory.mktemp("line"),
        menu_file={"menu": MENU},
        python=python_of(request.param),
        SIP2_ENABLED="true",
        SIP2_ID_URI=f"sip:second@127.0.0.1:{free_port()}",
        SIP2_OPTIONS="--follow-transfer on",
    ) as line:
        line.build = request.param
        yield line


@pytest.fixture
def stream() -> Iterator[AudioStream]:
    stream = AudioStream()
    yield stream
    stream.close()


def dialled(line: OpenLine, script: Script, account: int = 1) -> Sipp:
    sipp = Sipp(script, line.folder)
    line.command("dial", sipp.uri, menu=MENU, sip_account=account)
    return sipp


def redirected(script: Script, uri: str) -> Script:
    script.hear("INVITE").reply("302 Moved Temporarily", f"Contact: <{uri}>")
    return script.hear("ACK")


# --- redirects ------------------------------------------------------------------------------


def test_five_redirects_are_followed(line: OpenLine) -> None:
    script = Script()
    for hop in range(5):
        redirected(script, f"sip:hop{hop}@[local_ip]:[local_port]")
    script.hear("INVITE").answer(sdp()).hear("BYE").reply("200 OK")
    with dialled(line, script) as sipp:
        line.house.wait_event("call_established")
        line.command("hangup", sipp.uri)
        sipp.finish()

        assert "INVITE sip:hop4@" in sipp.messages
        assert line.ended()["outcome"] == "completed"


def test_the_sixth_redirect_and_one_that_leads_back_end_the_call(line: OpenLine) -> None:
    script = Script()
    for hop in range(6):
        redirected(script, f"sip:hop{hop}@[local_ip]:[local_port]")
    with dialled(line, script) as sipp:
        sipp.finish()

        assert (ended := line.ended())["outcome"] == "redirected", ended
        assert "sip:hop5@" not in sipp.messages.partition("INVITE sip:hop4@")[2].partition("302")[0]
    line.begin()
    back = redirected(Script(), "sip:a@[local_ip]:[local_port]")
    with dialled(line, redirected(back, "sip:sipp@[local_ip]:[local_port]")) as sipp:
        sipp.finish()

        assert line.ended()["sip_code"] == 302
        assert "which was called already" in line.gateway.wait_log("which was called already")


# --- REFER ----------------------------------------------------------------------------------


def test_a_refer_is_declined_and_the_call_goes_on(line: OpenLine) -> None:
    script = Script().hear("INVITE").answer(sdp())
    script.ask("REFER", "Refer-To: <sip:+4990012345@[local_ip]:9>").hear(603)
    with dialled(line, script.hear("BYE").reply("200 OK")) as sipp:
        line.gateway.wait_log("declined")
        line.command("hangup", sipp.uri)
        sipp.finish()

        assert line.ended()["outcome"] == "completed"


def test_a_refer_to_baresip_is_followed_and_sipp_is_told(line: OpenLine) -> None:
    with Baresip(line.folder / "baresip", "PCMA/8000") as baresip:
        script = Script().hear("INVITE").answer(sdp())
        script.ask("REFER", f"Refer-To: <{baresip.uri}>").hear(202)
        with dialled(line, script.until("BYE", answering="NOTIFY"), account=2) as sipp:
            told = line.house.wait_event("call_transferred")
            sipp.finish()

            assert told["remote_uri"] == baresip.uri
            assert "SIP/2.0 200 OK\n" in sipp.messages.replace("\r", "").partition("NOTIFY")[2]
        baresip.command("sndcode", "1")
        line.house.wait_service("lock/unlock")
        assert line.ended()["remote_uri"] == baresip.uri


# --- media ----------------------------------------------------------------------------------


def hears_and_types(line: OpenLine, sipp: Sipp, stream: AudioStream, clock_hz: int = 8000) -> None:
    """Hear the prompt, and type what opens; the gateway hangs up then."""
    line.house.wait_event("call_established")
    sipp.start_media(stream, clock_hz)
    wait_until(lambda: audio.level_dbfs(stream.samples[-800:]) > -40, "the prompt")
    stream.type_digits("1")
    sipp.finish()
    line.house.wait_service("lock/unlock")
    line.ended()


def test_a_late_offer_is_answered_in_the_ack(line: OpenLine, stream: AudioStream) -> None:
    script = Script(calls=True).invite("").hear(180, optional=True).hear(200)
    script.ack(sdp(stream.port)).hear("BYE").reply("200 OK")
    with Sipp(script, line.folder, target=line.gateway.address) as sipp:
        hears_and_types(line, sipp, stream)


def test_early_media_is_not_taken_for_an_answer(line: OpenLine, stream: AudioStream) -> None:
    script = Script().hear("INVITE").reply("183 Session Progress", body=sdp(stream.port))
    script.pause(500).answer(sdp(stream.port)).hear("BYE").reply("200 OK")
    with dialled(line, script) as sipp:
        sipp.start_media(stream)
        line.gateway.wait_log("SIP/2.0 183")
        assert "call_established" not in line.house.event_names
        assert audio.level_dbfs([0, *stream.samples]) < -60  # and nobody hears the prompt
        hears_and_types(line, sipp, stream)


@pytest.mark.parametrize("packet_ms", [20, 30, 40, 60])
def test_packets_of_the_length_that_is_asked_for(
    line: OpenLine, stream: AudioStream, packet_ms: int
) -> None:
    """By a=ptime; what comes is of that length, too."""
    stream.packet_ms = packet_ms
    script = Script(calls=True).invite(sdp(stream.port, "8 101", f"a=ptime:{packet_ms}"))
    script.hear(180, optional=True).hear(200).ack().hear("BYE").reply("200 OK")
    with Sipp(script, line.folder, target=line.gateway.address) as sipp:
        hears_and_types(line, sipp, stream)

    assert stream.lengths_ms == {packet_ms}


def test_of_two_kinds_of_events_the_one_at_the_rate_of_the_codec_is_used(
    line: OpenLine, stream: AudioStream
) -> None:
    both = ("a=rtpmap:102 telephone-event/16000", "a=rtpmap:101 telephone-event/8000")
    script = Script(calls=True).invite(sdp(stream.port, "8 102 101", *both))
    script.hear(180, optional=True).hear(200).ack().hear("BYE").reply("200 OK")
    with Sipp(script, line.folder, target=line.gateway.address) as sipp:
        hears_and_types(line, sipp, stream)


@pytest.mark.parametrize("build", ["wheel", "source"])
def test_events_of_a_wide_codec_come_and_go(
    tmp_path: Path, stream: AudioStream, build: str
) -> None:
    """They count in 1/16,000 s, as the sound does."""
    wide = ("a=rtpmap:97 speex/16000", "a=rtpmap:101 telephone-event/16000")
    script = Script(calls=True).invite(sdp(stream.port, "97 101", *wide))
    script.hear(180, optional=True).hear(200).ack().hear("BYE").reply("200 OK")
    general = "--bind-address 127.0.0.1 --codecs speex"
    quiet = {"menu": {**MENU, "message": ""}}
    with (
        open_line(
            tmp_path, menu_file=quiet, python=python_of(build), GLOBAL_OPTIONS=general
        ) as line,
        Sipp(script, tmp_path, target=line.gateway.address) as sipp,
    ):
        line.house.wait_event("call_established")
        sipp.start_media(stream, 16_000)
        line.command("send_dtmf", "sipp", digits="42", method="rfc2833")
        wait_until(lambda: stream.heard_digits == "42", "the digits")
        stream.type_digits("1")
        sipp.finish()
        line.house.wait_service("lock/unlock")


def test_comfort_noise_is_not_agreed_to_and_does_no_harm(
    line: OpenLine, stream: AudioStream
) -> None:
    """Half a second of nothing but payload type 13, which our answer leaves out; then a digit."""
    script = Script(calls=True).invite(
        sdp(stream.port, "8 13 101", "a=rtpmap:13 CN/8000", "a=rtpmap:101 telephone-event/8000")
    )
    script.hear(180, optional=True).hear(200).ack().hear("BYE").reply("200 OK")
    with Sipp(script, line.folder, target=line.gateway.address) as sipp:
        line.house.wait_event("call_established")
        sipp.start_media(stream)
        stream.sends_audio = False
        for _ in range(5):
            stream.send_packet(13, b"\x40\x10\x08")
            time.sleep(0.1)
        stream.sends_audio = True
        hears_and_types(line, sipp, stream)

        answered = sipp.messages.replace("\r", "").partition("\nSIP/2.0 200 OK\n")[2]
        assert re.findall(r"^m=audio \d+ RTP/AVP (.*)", answered, re.MULTILINE) == ["8 101"]


# --- requests within a call -----------------------------------------------------------------


def test_update_and_info_are_answered(line: OpenLine, stream: AudioStream) -> None:
    """An UPDATE without and with an offer, then digits by INFO in both ways of writing them.

    The wheel's pjsip answers 500 to the second way; the digit counts all the same.
    """
    script = Script().hear("INVITE").answer(sdp(stream.port))
    script.ask("UPDATE").hear(200).ask("UPDATE", body=sdp(stream.port)).hear(200)
    digit = ("Content-Type: application/dtmf-relay", "Content-Type: application/dtmf")
    script.ask("INFO", digit[0], body="Signal=2\r\nDuration=160\r\n").hear(200)
    script.ask("INFO", digit[1], body="1").hear(200 if line.build == "source" else 500)
    with dialled(line, script.hear("BYE").reply("200 OK")) as sipp:
        sipp.start_media(stream)
        sipp.finish()

        assert stream.samples
        line.house.wait_service("lock/unlock")
        line.house.wait(
            lambda: (
                [e["digit"] for e in line.house.events if e["event"] == "dtmf_digit"] == ["2", "1"]
            ),
            "both digits, once",
        )
