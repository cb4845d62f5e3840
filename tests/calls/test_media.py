"""What phones do with their media: hold, changes in mid-call, packets of other kinds, silence.

All of it runs on the source build, which we ship; on the wheel what pjsip itself does.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from typing import TYPE_CHECKING

import pytest

from support import audio
from support.gateway import GatewayProcess
from support.open_line import LEVEL_DBFS, OpenLine, open_line
from support.phone import Phone, PhoneCall
from support.sipp import Sipp
from support.sipp_script import Script, sdp
from support.source_build import BUILDS, on_builds, python_of
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RATE_HZ = audio.RATE_HZ
COMFORT_NOISE = 13
HERE = "127.0.0.1"
# Ways to hold the line: the address and the direction of the SDP, and the method that brings it.
HOLDS = {
    "sendonly": (HERE, "sendonly", "INVITE"),
    "inactive": (HERE, "inactive", "INVITE"),
    "zero": ("0.0.0.0", "sendrecv", "INVITE"),
    "update": (HERE, "sendonly", "UPDATE"),
}
both_builds = on_builds(*BUILDS)


@pytest.fixture(scope="module")
def options(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "")


@pytest.fixture(scope="module")
def shared_line(
    tmp_path_factory: pytest.TempPathFactory, options: str, build: str
) -> Iterator[OpenLine]:
    folder, python = tmp_path_factory.mktemp("line"), python_of(build)
    with open_line(folder, menu_file={}, python=python, SIP1_OPTIONS=options) as line:
        yield line


class LongCalls:
    """Calls with session timers (RFC 4028) of the shortest length, on a line of their own."""

    def __init__(
        self,
        line: OpenLine,
        asked: dict[str, Sipp],
        refreshed: PhoneCall,
        forgotten: PhoneCall,
    ) -> None:
        self.line = line
        self.asked = asked  # were called; by method, how the gateway is to refresh them
        self.refreshed = refreshed  # the gateway is to refresh it
        self.forgotten = forgotten  # the phone is to refresh it, and does not


@pytest.fixture(scope="module", autouse=True)
def long_calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, LongCalls]]:
    """Begin on each build before all tests of this file; the last one looks what came of it."""

    def headers(refresher: str) -> list[tuple[str, str]]:
        return [("supported", "timer"), ("session-expires", f"90;refresher={refresher}")]

    with contextlib.ExitStack() as stack:
        calls = {}
        for build in BUILDS:
            folder = tmp_path_factory.mktemp("long")
            settings = {"menu_file": {}, "SIP1_OPTIONS": "--rtp-timeout 0"}  # SIPp is silent
            line = stack.enter_context(open_line(folder, python=python_of(build), **settings))
            one = stack.enter_context(Phone("refreshed", extra_headers=headers("uas")))
            other = stack.enter_context(Phone("forgotten", extra_headers=headers("uac")))
            asked = {}
            for method in ("UPDATE", "INVITE"):
                script = refreshed_by_us(method)
                asked[method] = stack.enter_context(Sipp(script, folder, patience_s=600))
                line.command("dial", asked[method].uri)
            calls[build] = LongCalls(line, asked, line.call(one), line.call(other))
        yield calls


def refreshed_by_us(method: str) -> Script:
    """Return what SIPp says that takes a call for 90 s, of which the caller is to ask for more.

    To ask for more by UPDATE, it must be allowed. The second answer names no time: that is all.
    """
    contact = "Contact: <sip:sipp@[local_ip]:[local_port]>"
    timer = ("Require: timer", "Session-Expires: 90;refresher=uac")
    allow = ("Allow: INVITE, ACK, BYE, UPDATE",) if method == "UPDATE" else ()
    script = Script().hear("INVITE").reply("200 OK", contact, *allow, *timer, body=sdp())
    script.hear("ACK").hear(method, again=True)
    if method == "UPDATE":
        script.reply("200 OK")
    else:
        script.reply("200 OK", contact, body=sdp()).hear("ACK")
    return script.hear("BYE").reply("200 OK")


def with_options(text: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("options", [text], indirect=True, scope="module")


def hears(line: OpenLine, call: PhoneCall) -> None:
    """See that the gateway hears the digits of a phone."""
    call.type_digits("5")
    line.house.wait_event("dtmf_digit")


def seconds_of(call: PhoneCall, frequency_hz: int, since: int = 0) -> float:
    """Return for how long a tone was heard."""
    heard = call.stream.samples
    windows = (heard[at : at + 160] for at in range(since, len(heard) - 159, 160))
    return sum(audio.tone_dbfs(window, frequency_hz) > LEVEL_DBFS - 6 for window in windows) * 0.02


# --- hold, and changes in mid-call ----------------------------------------------------------


@both_builds
def test_a_prompt_waits_while_the_peer_holds_the_line(line: OpenLine) -> None:
    """Four of them, each in its own way."""
    prompt_s, house = 1.6, line.house

    def all_have(event: str) -> None:
        house.wait(lambda: house.event_names.count(event) == len(HOLDS), f"{event} of all calls")

    with contextlib.ExitStack() as stack:
        phones = [stack.enter_context(Phone(how)) for how in HOLDS]
        calls = [phone.call(line.gateway.uri).wait_answered() for phone in phones]
        all_have("call_established")
        for phone in phones:
            line.command("play_audio_file", phone.name, audio_file=line.tone(prompt_s))
        starts = [call.wait_sound() for call in calls]
        for call, start, (host, direction, method) in zip(
            calls, starts, HOLDS.values(), strict=True
        ):
            call.wait_samples(start + RATE_HZ // 4)
            call.media_host = host
            assert call.reinvite(direction, method) == 200
        time.sleep(prompt_s - 0.1)  # so long the line is held; longer than what is left of it
        assert "playback_done" not in house.event_names
        for call, (_, _, method) in zip(calls, HOLDS.values(), strict=True):
            call.media_host = HERE
            assert call.reinvite(method=method) == 200
        all_have("playback_done")
        for call, start in zip(calls, starts, strict=True):
            call.wait_quiet(since=start)
            assert seconds_of(call, 1500, start) == pytest.approx(prompt_s, abs=0.2)


@both_builds
@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_offers_in_mid_call_disturb_neither_prompt_nor_recording(
    line: OpenLine, method: str
) -> None:
    recording = line.folder / "call.wav"
    with Phone("p") as phone:
        call = line.call(phone)
        line.command("start_recording", recording_file=str(recording))
        line.house.wait_event("recording_started")
        call.stream.say(audio.sine(600, 5.0, LEVEL_DBFS))
        line.command("play_audio_file", audio_file=line.tone(1.5))
        start = call.wait_sound()
        for _ in range(3):
            assert call.reinvite(method=method) == 200
            call.wait_samples(len(call.stream.samples) + RATE_HZ // 4)
        line.house.wait_event("playback_done")
        call.wait_quiet(since=start)
        line.command("stop_recording")
        line.house.wait_event("recording_stopped")
        hears(line, call)

        assert seconds_of(call, 1500, start) == pytest.approx(1.5, abs=0.2)
        samples = audio.read_wav(recording)
        windows = [samples[at : at + 800] for at in range(0, len(samples) - 800, 800)]
        both = sum(
            min(audio.tone_dbfs(w, 600), audio.tone_dbfs(w, 1500)) > LEVEL_DBFS - 6 for w in windows
        )
        assert both * 0.1 == pytest.approx(1.5, abs=0.4)


# --- offers and answers ---------------------------------------------------------------------


@both_builds
def test_audio_before_the_answer_is_not_taken_for_the_answer(line: OpenLine) -> None:
    with Phone("p", early_media=True, answer_after_s=None) as phone:
        line.command(
            "dial", phone.uri, menu={"audio_file": line.tone(1.0), "post_action": "hangup"}
        )
        call = phone.wait_call()
        call.stream.say(audio.sine(440, 2.0, LEVEL_DBFS))  # how it rings
        call.wait_samples(RATE_HZ)
        assert "call_established" not in line.house.event_names
        assert audio.level_dbfs(call.stream.samples) < -60
        before = len(call.stream.samples)
        call.answer()
        call.wait_ended()

        assert seconds_of(call, 1500, before) == pytest.approx(1.0, abs=0.15)
        assert line.ended()["outcome"] == "completed"


@both_builds
def test_an_invite_without_an_offer_gets_ours(line: OpenLine) -> None:
    with Phone("p", offers_late=True) as phone:
        call = line.call(phone)
        line.command("play_audio_file", audio_file=line.tone(0.5))
        call.wait_sound()
        hears(line, call)


@both_builds
def test_a_call_without_a_common_codec_is_logged_with_the_codecs_of_both(line: OpenLine) -> None:
    with Phone("p", codecs=("77 AMR/8000", "18 G729/8000")) as phone:
        call = phone.call(line.gateway.uri)
        call.wait_status(488)
        line.gateway.wait_log("with 488: it offers AMR, G729 by RTP/AVP; we have")
        phone.reject_with = 488
        line.command("dial", phone.uri)

        assert line.ended()["outcome"] == "not_acceptable"
        said = line.gateway.wait_log("refused with 488: we offered")
        assert "PCMA, PCMU" in said
        assert "by RTP/AVP; it does not say what it has" in said


# --- packets --------------------------------------------------------------------------------


@both_builds
def test_audio_goes_to_where_the_peers_comes_from(line: OpenLine) -> None:
    """Symmetric RTP (RFC 4961): what the SDP says may be an address behind a router."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead_end,
        Phone("p", answer_after_s=None) as phone,
    ):
        dead_end.bind(("127.0.0.1", 0))
        line.command("dial", phone.uri)
        call = phone.wait_call()
        call.stream.announced_port = dead_end.getsockname()[1]
        call.answer()
        line.house.wait_event("call_established")
        line.command("play_audio_file", audio_file=line.tone(1.0))
        call.wait_sound()


@both_builds
@pytest.mark.parametrize("packet_ms", [40, 60])
def test_packets_of_other_lengths_are_heard_whole(line: OpenLine, packet_ms: int) -> None:
    recording = line.folder / "call.wav"
    with Phone("p", answer_after_s=None) as phone:
        line.command("dial", phone.uri)
        call = phone.wait_call()
        call.stream.packet_ms = packet_ms
        call.answer()
        line.house.wait_event("call_established")
        line.command("start_recording", recording_file=str(recording))
        line.house.wait_event("recording_started")
        call.stream.say(audio.sine(600, 2.0, LEVEL_DBFS))
        line.command("play_audio_file", audio_file=line.tone(1.0))
        start = call.wait_sound()
        line.house.wait_event("playback_done")
        call.wait_samples(start + 2 * RATE_HZ)
        hears(line, call)
        line.command("stop_recording")
        line.house.wait_event("recording_stopped")

        assert seconds_of(call, 1500, start) == pytest.approx(1.0, abs=0.15)
        samples = audio.read_wav(recording)
        heard = [samples[at : at + 160] for at in range(0, len(samples) - 160, 160)]
        seconds = 0.02 * sum(audio.tone_dbfs(w, 600) > LEVEL_DBFS - 6 for w in heard)
        assert seconds == pytest.approx(2.0, abs=0.3)


@both_builds
@pytest.mark.parametrize("event_type", [96, 127])
def test_digits_come_and_go_in_any_payload_type(line: OpenLine, event_type: int) -> None:
    with Phone("p", event_type=event_type) as phone:
        call = line.call(phone)
        hears(line, call)
        line.command("send_dtmf", digits="42", method="rfc2833")
        wait_until(lambda: call.stream.heard_digits == "42", "the digits")


@both_builds
def test_two_gateways_speak_their_best_codec_and_type_at_its_clock_rate(
    line: OpenLine, tmp_path: Path, build: str
) -> None:
    """With Opus, telephone-events count in 1/48,000 s, else in 1/8,000 s (RFC 7587 §7)."""
    menu = {"choices": {"42": {"post_action": "hangup"}}}
    with GatewayProcess(tmp_path, menu_file={"menu": menu}, python=python_of(build)) as other:
        codecs = other.wait_log("codecs: ").partition("codecs: ")[2]
        name, _, rate = codecs.partition(",")[0].partition("/")
        line.command("dial", other.uri)
        line.house.wait_event("call_established")
        line.command("send_dtmf", other.uri, digits="42", method="rfc2833")

        assert line.ended()["hangup_by"] == "remote"
        used = other.wait_log("#0 audio ")
        assert f"audio {name} @{int(rate) // 1000}kHz" in used
        clock = 48_000 if name == "opus" else 8_000
        assert any(f"telephone-event/{clock}" in said for said in other.lines)


@both_builds
def test_comfort_noise_does_no_harm(line: OpenLine) -> None:
    with Phone("p") as phone:
        call = line.call(phone)
        call.stream.sends_audio = False
        for _ in range(20):
            call.stream.send_packet(COMFORT_NOISE, b"\x40")
            time.sleep(0.02)
        call.stream.sends_audio = True
        hears(line, call)
        line.command("play_audio_file", audio_file=line.tone(0.5))
        call.wait_sound()


# --- silence --------------------------------------------------------------------------------

short = with_options("--rtp-timeout 1")


@both_builds
@short
def test_a_call_without_rtp_is_ended_and_says_why(line: OpenLine) -> None:
    with Phone("p") as phone:
        call = line.call(phone)
        time.sleep(1.3)
        assert not call.is_ended.is_set()
        call.stream.sends_audio = False
        silent_since = time.monotonic()
        call.wait_ended()
        took_s = time.monotonic() - silent_since
        ended = line.ended()

        assert 0.5 < took_s < 5
        assert (ended["outcome"], ended["hangup_by"]) == ("no_audio", "local")
        assert (ended["sip_code"], ended["sip_reason"]) == (200, "no RTP for 1 s")
        line.gateway.wait_log("nothing was heard of the other side any more")


@short
@pytest.mark.parametrize("kind", ["digits", "comfort noise"])
def test_packets_of_any_kind_are_a_sign_of_life(line: OpenLine, kind: str) -> None:
    with Phone("p") as phone:
        call = line.call(phone)
        call.stream.sends_audio = False
        for _ in range(8):
            if kind == "digits":
                call.type_digits("1")
            else:
                call.stream.send_packet(COMFORT_NOISE, b"\x40")
            time.sleep(0.3)
        assert not call.is_ended.is_set()


@short
@pytest.mark.parametrize("direction", ["sendonly", "recvonly"])
def test_on_hold_and_of_a_peer_that_only_listens_nothing_is_expected(
    line: OpenLine, direction: str
) -> None:
    with Phone("p") as phone:
        call = line.call(phone)
        assert call.reinvite(direction) == 200
        call.stream.sends_audio = False
        time.sleep(2)
        assert not call.is_ended.is_set()
        assert call.reinvite() == 200
        call.wait_ended()
        assert line.ended()["outcome"] == "no_audio"


@short
def test_a_prompt_is_heard_to_its_end_before_a_silent_call_is_ended(line: OpenLine) -> None:
    with Phone("p") as phone:
        call = line.call(phone)
        call.stream.sends_audio = False
        line.command("play_audio_file", audio_file=line.tone(2.5))
        start = call.wait_sound()
        call.wait_ended()

        assert seconds_of(call, 1500, start) == pytest.approx(2.5, abs=0.2)
        line.ended()
        assert line.house.event_names[-2:] == ["playback_done", "call_disconnected"]


@both_builds
@short
@pytest.mark.parametrize("says", ["a=silenceSupp:on - - - -", "a=silenceSupp:off - - - -"])
def test_of_a_phone_that_leaves_silence_out_reports_are_enough(line: OpenLine, says: str) -> None:
    with Phone("p") as phone:
        phone.more_sdp = (says,)
        call = line.call(phone)
        host, port = call.stream._peer or ("", 0)
        call.stream.sends_audio = False
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtcp:
            goes_on_until = time.monotonic() + 2.4
            while not call.is_ended.is_set() and (
                ":off" in says or time.monotonic() < goes_on_until
            ):
                rtcp.sendto(receiver_report(), (host, port + 1))
                time.sleep(0.3)
        assert call.is_ended.is_set() is (":off" in says)


def receiver_report() -> bytes:
    """Return an RTCP receiver report with one block (RFC 3550 §6.4.2)."""
    return struct.pack("!BBHIIIIIII", 0x81, 201, 7, 1, 2, 0, 0, 0, 0, 0)


@with_options("--rtp-timeout 0")
def test_the_watch_for_silence_can_be_off(line: OpenLine) -> None:
    with Phone("p") as phone:
        call = line.call(phone)
        call.stream.sends_audio = False
        time.sleep(1.5)
        assert not call.is_ended.is_set()


# --- session timers -------------------------------------------------------------------------


@pytest.mark.parametrize("build", BUILDS)
def test_sessions_are_refreshed_and_one_that_the_peer_forgets_is_ended(
    long_calls: dict[str, LongCalls], build: str
) -> None:
    """An expiry of 90 s is refreshed after 45 s; without that, the call ends after 60 s."""
    calls = long_calls[build]
    calls.forgotten.wait_ended(70)
    ended = calls.line.ended()
    trace = calls.refreshed.phone.trace

    assert ended["parsed_remote_uri"] == "forgotten"
    assert (ended["outcome"], ended["sip_code"]) == ("lost", 408)
    assert 58 < ended["duration"] < 65
    assert any("<- INVITE" in line or "<- UPDATE" in line for line in trace)
    assert not calls.refreshed.is_ended.is_set()
    for method, sipp in calls.asked.items():
        refresh = sipp.messages.rpartition(f"{method} sip:")[2].partition("----")[0]
        assert "Session-Expires: 90;refresher=uac" in refresh
        calls.line.command("hangup", sipp.uri)
        sipp.finish()
