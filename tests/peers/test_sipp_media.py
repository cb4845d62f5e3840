"""SIPp as a peer whose media is refused, comes from elsewhere, or does not come at all."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from support import audio
from support.open_line import OpenLine, open_line
from support.phone.rtp import AudioStream
from support.sipp import Sipp
from support.sipp_script import Script, sdp
from support.source_build import BUILDS, on_builds, python_of
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = on_builds(*BUILDS)

PROMPT = "Somebody is at the garden gate, and the dog has seen him"


@pytest.fixture(scope="module")
def shared_line(tmp_path_factory: pytest.TempPathFactory, build: str) -> Iterator[OpenLine]:
    """Return a gateway that does not wait long for sound."""
    folder = tmp_path_factory.mktemp("line")
    options = "--rtp-timeout 2"
    with open_line(folder, menu_file={}, python=python_of(build), SIP1_OPTIONS=options) as line:
        yield line


@pytest.fixture
def stream() -> Iterator[AudioStream]:
    stream = AudioStream()
    yield stream
    stream.close()


def test_an_offer_without_a_codec_of_ours_is_logged_with_the_codecs_of_both(
    line: OpenLine,
) -> None:
    names = ("a=rtpmap:18 G729/8000", "a=rtpmap:96 AMR/8000")
    script = Script(calls=True).invite(sdp("[media_port]", "18 96", *names)).is_refused(488)
    with Sipp(script, line.folder, target=line.gateway.address) as sipp:
        sipp.finish()
        said = line.gateway.wait_log("with 488: it offers G729, AMR by RTP/AVP; we have")

        assert all(name in said.partition("we have")[2] for name in ("PCMA", "PCMU", "G722"))


def test_a_refusal_of_our_offer_is_logged_with_the_codecs_that_we_offered(line: OpenLine) -> None:
    script = Script().hear("INVITE").reply("488 Not Acceptable Here").hear("ACK")
    with Sipp(script, line.folder) as sipp:
        line.command("dial", sipp.uri)
        sipp.finish()
        said = line.gateway.wait_log("refused with 488: we offered")

        assert "PCMA, PCMU" in said
        assert line.ended()["outcome"] == "not_acceptable"


def test_sound_goes_to_where_it_comes_from(line: OpenLine, stream: AudioStream) -> None:
    """Symmetric RTP (RFC 4961): the port of the SDP leads nowhere, as behind a router."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead_end:
        dead_end.bind(("127.0.0.1", 0))
        script = Script().hear("INVITE").answer(sdp(dead_end.getsockname()[1]))
        with Sipp(script.hear("BYE").reply("200 OK"), line.folder) as sipp:
            line.command("dial", sipp.uri)
            line.house.wait_event("call_established")
            sipp.start_media(stream)
            wait_until(lambda: stream.samples, "sound at all")
            line.command("play_message", sipp.uri, message=PROMPT)
            line.house.wait_event("playback_done")
            line.command("hangup", sipp.uri)
            sipp.finish()

    prompt = audio.read_wav(line.house.speak(PROMPT))
    assert audio.likeness(stream.samples, prompt) > 0.7


def test_a_call_that_never_has_sound_is_ended(line: OpenLine) -> None:
    script = Script().hear("INVITE").answer(sdp()).hear("BYE").reply("200 OK")
    with Sipp(script, line.folder) as sipp:
        line.command("dial", sipp.uri)
        line.house.wait_event("call_established")
        began = time.monotonic()
        ended = line.ended()
        took_s = time.monotonic() - began
        sipp.finish()

        assert (ended["outcome"], ended["hangup_by"]) == ("no_audio", "local")
        assert ended["sip_reason"] == "no RTP for 2 s"
        assert 1.0 < took_s < 10
