"""ICE (RFC 8445) through a NAT, with another gateway and with baresip: what is agreed on is used.

RTP is watched on the wire, since a log only says what was meant.
"""

from __future__ import annotations

import contextlib
import re
import threading
from typing import TYPE_CHECKING

import pytest

from support import audio
from support.baresip import Baresip
from support.coturn import PASSWORD, USER, Coturn
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.nat_network import INSIDE, OUTSIDE, OUTSIDE_TOO, PUBLIC, HouseBehindNat
from support.netns import Network
from support.rtp_watch import RtpWatch
from support.source_build import BUILDS, python_of
from support.together import Together
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.rtp_watch import Way

waiting = Together()
both_builds = pytest.mark.parametrize("build", BUILDS)

MENU = {"menu": {"choices": {"1": {"action": {"domain": "light", "service": "turn_on"}}}}}
TONE_HZ, TONE_S = 1500, 2.0
LEAST_S = 1.4  # that must be heard of it: a busy machine stretches and drops
LEAST = 20  # packets; what ICE itself sends is no RTP
STUN = f"--stun-server {OUTSIDE}"
RELAY = f"--turn-server {OUTSIDE} --turn-user {USER} --turn-password {PASSWORD}"


@contextlib.contextmanager
def known_aborts(build: str) -> Iterator[Callable[[], None]]:
    """Pass over what docs/reliability.md tells: the wheel may abort where a call with ICE ends.

    Only once the test has said, by what is returned here, that all is shown and it hangs up now.
    """
    is_shown = threading.Event()
    try:
        yield is_shown.set
    except AssertionError as error:
        is_known = build == "wheel" and "the gateway died with -" in str(error)
        if not (is_shown.is_set() and is_known):
            raise


class Caller:
    """A gateway behind the NAT, a STUN and TURN server outside, and an eye on the RTP there."""

    def __init__(
        self, nat: HouseBehindNat, folder: Path, build: str, *, general: str = "", options: str = ""
    ) -> None:
        self.nat = nat
        with nat.outside.entered():
            self.server = Coturn(folder / "coturn", OUTSIDE)
        self.watch = RtpWatch(nat.outside)
        (folder / "caller").mkdir()
        with nat.inside.entered():
            self.house = StandInHomeAssistant()
            self.gateway = GatewayProcess(
                folder / "caller",
                house=self.house,
                host=INSIDE,
                python=python_of(build),
                GLOBAL_OPTIONS=f"--bind-address {INSIDE} {general}",
                SIP1_OPTIONS=options,
                LOG_LEVEL="4",
            )

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Be there, for the length of a block."""
        with self.nat.outside.entered():
            self.server.start()
        try:
            with self.watch, self.house, self.gateway:
                yield
        finally:
            self.server.stop()

    def command(self, verb: str, number: str, **fields: str) -> None:
        self.gateway.command({"command": verb, "number": number, **fields})

    def play_tone(self, number: str) -> None:
        """Play the tone to its end, and watch from now on: not what went before ICE had chosen."""
        self.watch.packets.clear()
        path = self.gateway.folder / "tone.wav"
        audio.write_wav(path, audio.sine(TONE_HZ, TONE_S, -14.0))
        self.command("play_audio_file", number, audio_file=str(path))
        self.house.wait_event("playback_done")

    def uses(self, ours: Way, theirs: Way) -> None:
        """See that RTP goes to the other side and from it by these ways only."""

        def ways() -> set[Way]:
            return self.watch.ways(LEAST)

        wait_until(lambda: len(ways()) >= 2, lambda: f"RTP both ways: {self.watch.packets}")
        print(f"sound goes by {ours} and {theirs}; seen: {dict(self.watch.packets)}")
        assert ways() == {ours, theirs}


def nominated(gateway: GatewayProcess) -> Way:
    """Return the way that a gateway says it sends sound by, as it is seen outside."""
    said = gateway.wait_log("Comp 1: sending from ")
    ours, theirs = re.findall(r" \w+ candidate ([\d.]+):(\d+)", said)
    return ours[0], int(ours[1]), theirs[0], int(theirs[1])


@both_builds
@pytest.mark.parametrize("help_by", ["stun", "turn"])
@waiting
def test_two_gateways_agree_on_a_way_through_the_nat(
    tmp_path: Path, help_by: str, build: str
) -> None:
    """With TURN, the way may be by the relay that the offer names, or one that needs none."""
    recording = tmp_path / "heard.wav"
    general, options = (STUN, "") if help_by == "stun" else ("", RELAY)
    with Network() as network:
        nat = HouseBehindNat(network)
        caller = Caller(nat, tmp_path, build, general=general, options=options)
        with nat.outside.entered():
            house = StandInHomeAssistant()
            callee = GatewayProcess(
                tmp_path,
                house=house,
                menu_file=MENU,
                host=OUTSIDE_TOO,
                python=python_of(build),
                LOG_LEVEL="4",
            )
        with known_aborts(build) as all_is_shown, caller.running(), house, callee:
            caller.command("dial", callee.uri)
            for gateway in (caller.gateway, callee):
                gateway.wait_log("ICE negotiation success")
            number = house.wait_event("call_established")["internal_id"]
            callee.command(
                {
                    "command": "start_recording",
                    "number": number,
                    "recording_file": str(recording),
                }
            )
            house.wait_event("recording_started")
            caller.play_tone(callee.uri)
            caller.uses(nominated(caller.gateway), nominated(callee))
            offered = OUTSIDE if help_by == "turn" else PUBLIC
            assert f"c=IN IP4 {offered}" in caller.gateway.lines
            caller.command("send_dtmf", callee.uri, digits="1", method="rfc2833")
            house.wait_service("light/turn_on")
            callee.command({"command": "stop_recording", "number": number})
            house.wait_event("recording_stopped")
            assert audio.seconds_of(audio.read_wav(recording), TONE_HZ) > LEAST_S

            all_is_shown()
            caller.command("hangup", callee.uri)
            for side in (caller.house, house):
                side.wait_event("call_disconnected")


@both_builds
@waiting
def test_ice_with_baresip(tmp_path: Path, build: str) -> None:
    """A foreign telephone that does ICE; our offer names a relay, which is not needed."""
    with Network() as network:
        nat = HouseBehindNat(network)
        caller = Caller(nat, tmp_path, build, general=STUN, options=RELAY)
        with nat.outside.entered():
            phone = Baresip(tmp_path / "baresip", "PCMA/8000", host=OUTSIDE_TOO, media_nat="ice")
            phone.start()
        try:
            with known_aborts(build) as all_is_shown, caller.running():
                caller.command("dial", phone.uri)
                caller.house.wait_event("call_established")
                caller.gateway.wait_log("ICE negotiation success")
                caller.play_tone(phone.uri)
                ours = nominated(caller.gateway)
                caller.uses(ours, (*ours[2:], *ours[:2]))
                caller.command("send_dtmf", phone.uri, digits="42", method="rfc2833")
                phone.wait_said("received event: '2' (end=1)")
                with nat.outside.entered():
                    phone.command("sndcode", "5")
                assert caller.house.wait_event("dtmf_digit")["digit"] == "5"
                all_is_shown()  # but what baresip heard, which is asked of its file below
                caller.command("hangup", phone.uri)
                phone.wait_said("session closed")
        finally:
            phone.stop()
        assert audio.seconds_of(phone.heard, TONE_HZ) > LEAST_S
