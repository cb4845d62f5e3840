"""Every example of the user's document, run as it is written.

The phone stands where the document's provider would, as the proxy of the account.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from support import audio, seed
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone
from support.together import Together

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.phone import PhoneCall

BURGLAR = "There's a burglar in da house."
waiting = Together(ahead=True)


class Place:
    """A gateway with an account at fritz.box, and the phones behind it."""

    def __init__(self, gateway: GatewayProcess, house: StandInHomeAssistant, phone: Phone) -> None:
        self.gateway = gateway
        self.house = house
        self.phone = phone

    def send(self, name: str) -> dict[str, Any]:
        """Send the command of an example, as Home Assistant writes it."""
        command = seed.command(name)
        self.gateway.command(command)
        return command

    def called(self) -> PhoneCall:
        """Wait for a call of the gateway's, until it is established."""
        count = self.house.event_names.count("call_established")
        call = self.phone.wait_call().wait_answered()
        self.house.wait(
            lambda: self.house.event_names.count("call_established") > count, "established"
        )
        return call

    def spoken(self, text: str) -> None:
        """Wait until something has been said to its end."""
        self.house.wait(
            lambda: any(event.get("message") == text for event in self.house.events), text
        )

    def paths_of(self, event: str) -> list[str]:
        """Return the webhooks that an event was sent to."""
        return [
            item.path for item in self.house.requests if (item.body or {}).get("event") == event
        ]


@contextlib.contextmanager
def a_place(tmp_path: Path) -> Iterator[Place]:
    """Run one with everything that most examples need."""
    (tmp_path / "cache").mkdir()
    with (
        StandInHomeAssistant() as house,
        Phone("pbx") as phone,
        GatewayProcess(
            tmp_path,
            house=house,
            CACHE_DIR=str(tmp_path / "cache"),
            SIP1_ID_URI="sip:homeassistant@fritz.box",
            SIP1_OPTIONS=f"--ice off --proxy sip:127.0.0.1:{phone.port};lr",
        ) as gateway,
    ):
        yield Place(gateway, house, phone)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with a_place(tmp_path) as place:
        yield place


def test_dial_and_hang_up(place: Place) -> None:
    place.send("dial")
    call = place.called()
    place.send("dial")  # "will be ignored": there is an active call to the same number
    place.gateway.wait_log("a call with sip:**620@fritz.box is active already")
    place.spoken(BURGLAR)
    assert place.send("hangup")["number"] == "sip:**620@fritz.box"
    call.wait_ended()
    place.house.wait(lambda: len(place.paths_of("call_disconnected")) == 2, "both webhooks")

    for event in ("call_established", "playback_done", "call_disconnected"):
        assert place.paths_of(event) == ["webhook/another_webhook_id", "webhook/all_events"]
    assert call.ended_by_peer


def test_digits_are_sent(place: Place) -> None:
    place.gateway.command(seed.example("stdin_dial"))
    call = place.called()
    place.spoken("Hello from ha-sip.")
    at = len(call.stream.samples)

    place.send("send_dtmf")
    place.gateway.wait_log("digits were sent")
    # The last of them is still on its way.
    place.house.wait(lambda: audio.dtmf_digits(call.stream.samples[at:]) == "123#", "the digits")


def test_a_call_is_transferred(place: Place) -> None:
    place.gateway.command(seed.example("stdin_dial"))
    call = place.called()

    place.send("transfer")
    place.house.wait(lambda: call.refers, "REFER")
    assert call.refers[0]["refer-to"].strip("<>") == "sip:**623@fritz.box"
    call.notify("SIP/2.0 200 OK", final=True)

    assert place.house.wait_event("transfer_result")["success"] is True
    call.wait_ended()


def test_two_calls_are_bridged(place: Place) -> None:
    place.gateway.command(seed.example("stdin_dial"))
    first = place.called()
    place.gateway.command({"command": "dial", "number": seed.command("bridge_audio")["bridge_to"]})
    second = place.called()

    place.send("bridge_audio")
    first.stream.say(audio.sine(700, 5, -12))

    place.house.wait(
        lambda: audio.tone_dbfs(second.stream.samples[-1600:], 700) > -15, "the other's tone"
    )


def test_a_message_is_played_and_cached(place: Place, tmp_path: Path) -> None:
    place.gateway.command(seed.example("stdin_dial"))
    call = place.called()
    place.spoken("Hello from ha-sip.")

    # Said slowly enough that the digit below comes before its end.
    audio.write_wav(place.house.speak("hello!"), audio.sine(500, 3.0))
    place.send("play_message")
    call.wait_sound(since=len(call.stream.samples))
    call.type_digits("5")  # wait_for_audio_to_finish: not accepted
    place.spoken("hello!")

    place.gateway.wait_log("digit dropped")
    assert "dtmf_digit" not in place.house.event_names
    assert len(list((tmp_path / "cache").glob("*.wav"))) == 1
    asked = [item.body for item in place.house.requests if item.path == "tts_get_url"]
    assert asked[-1]["language"] == "en"


def test_an_audio_file_is_played_and_the_playback_stopped(place: Place) -> None:
    place.gateway.command(seed.example("stdin_dial"))
    call = place.called()
    place.spoken("Hello from ha-sip.")
    place.send("stop_playback")
    place.gateway.wait_log("nothing is being played")
    at = len(call.stream.samples)

    place.send("play_audio_file")  # a file that this machine has not: the error sound
    call.wait_sound(since=at)
    place.send("stop_playback")
    call.wait_quiet()

    place.gateway.wait_log("The error sound is played instead: /config/audio/welcome.mp3: ")


def test_a_call_that_rings_is_answered_from_home_assistant(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, SIP1_ANSWER_MODE="listen") as gateway,
        Phone("5551234456") as phone,
    ):
        place = Place(gateway, house, phone)
        call = phone.call(gateway.uri)
        event = house.wait_event("incoming_call")
        wanted = seed.example("event_incoming_call_listen")
        assert wanted.keys() <= event.keys()
        assert event["parsed_caller"] == wanted["parsed_caller"]

        place.send("answer")
        call.wait_answered()
        call.wait_ended()
        house.wait(lambda: len(place.paths_of("call_disconnected")) == 2, "the end")

        assert house.wait_event("playback_done")["message"] == "Bye"
        assert place.paths_of("call_established")[0] == "webhook/another_webhook_id"


def incoming(folder: Path, name: str) -> dict[str, str]:
    """Write an example where `incoming_call_file` finds it."""
    path = folder / "sip-1-incoming.yaml"
    path.write_text(seed.text_of(name), encoding="utf-8")
    return {"SIP1_INCOMING_CALL_FILE": str(path)}


@waiting
def test_the_file_for_incoming_calls(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(
            tmp_path, house=house, **incoming(tmp_path, "incoming_call_file")
        ) as gateway,
        Phone("5551234456") as phone,
        Phone("5557") as short,
        Phone("4711") as stranger,
    ):
        place = Place(gateway, house, phone)
        call = phone.call(gateway.uri).wait_answered()
        place.spoken("Please enter your access code")
        call.type_digits("0000")
        place.spoken("Wrong code, please try again")
        call.type_digits("5432")
        call.wait_ended()

        place.spoken("Your entrance has been logged.")
        entered = [e["menu_id"] for e in house.events if e["event"] == "entered_menu"]
        assert list(dict.fromkeys(entered)) == ["wrong_code", "maintenance"]
        assert place.paths_of("dtmf_digit")[0] == "webhook/another_webhook_id"
        warnings = [line for line in gateway.own_lines if "warning" in line.lower()]
        # An account without registrar takes calls from everybody, and says so.
        assert [line for line in warnings if "--accept-from" not in line] == []
        refused = stranger.call(gateway.uri)
        refused.wait_status(180)
        short.call(gateway.uri).wait_answered()
        assert not refused.is_answered.is_set()


@waiting
def test_the_menu_definition(tmp_path: Path) -> None:
    with (
        StandInHomeAssistant() as house,
        GatewayProcess(tmp_path, house=house, **incoming(tmp_path, "menu_definition")) as gateway,
        Phone("p") as phone,
    ):
        place = Place(gateway, house, phone)
        late = phone.call(gateway.uri).wait_answered()
        service = {"entity_id": "switch.open_front_door"}
        assert house.wait_service("switch/turn_on") == service
        began_at = time.monotonic()
        call = phone.call(gateway.uri).wait_answered()
        place.spoken("Please enter your access code")
        call.type_digits("9999")
        place.spoken("Wrong code, please try again")
        call.type_digits("7777")  # its file is not there: the error sound, then jump owner
        place.spoken("Welcome beautiful.")
        call.wait_ended()

        late.wait_ended(30)  # who types nothing for 10 s
        assert time.monotonic() - began_at > 9
        place.spoken("Bye.")
        assert house.wait_event("timeout")["menu_id"] == "main"
        entered = [e["menu_id"] for e in house.events if e["event"] == "entered_menu"]
        assert {"main", "wrong_code", "owner", "timeout"} == set(entered)


def test_services_by_digits_on_an_outgoing_call(place: Place) -> None:
    place.send("example_services_by_dtmf")
    for digit, path, body, text in [
        ("1", "switch/turn_on", {"entity_id": "switch.open_front_door"}, "Door has been opened"),
        (
            "2",
            "light/turn_on",
            {"entity_id": "light.outside"},
            "Light outside has been switched on",
        ),
        (
            "3",
            "script/turn_on",
            {
                "entity_id": "script.play_music_please",
                "variables": {"song": "Never gonna give you up"},
            },
            "Play music",
        ),
    ]:
        call = place.called()
        call.type_digits(digit)
        assert place.house.wait_service(path) == body
        place.spoken(text)
        call.hang_up()
        place.house.wait(
            lambda: place.house.event_names.count("call_disconnected") == int(digit),  # noqa: B023
            "the end",
        )
        if digit != "3":
            place.send("example_services_by_dtmf")


@waiting
def test_a_message_only_rings_15_s(tmp_path: Path) -> None:
    """In the document its `menu` stands beside `input`, so that the call has none."""
    with (
        StandInHomeAssistant() as house,
        Phone("pbx", answer_after_s=None) as phone,
        GatewayProcess(
            tmp_path,
            house=house,
            SIP1_ID_URI="sip:homeassistant@fritz.box",
            SIP1_OPTIONS=f"--proxy sip:127.0.0.1:{phone.port};lr",
        ) as gateway,
    ):
        place = Place(gateway, house, phone)
        place.send("example_message_only")
        call = phone.wait_call()
        began_at = time.monotonic()
        call.wait_ended(30)

        assert 14.5 < time.monotonic() - began_at < 20
        event = house.wait_event("ring_timeout")
        assert event["remote_uri"] == "sip:**620@fritz.box"
        assert house.wait_event("call_disconnected")["sip_code"] == 487


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("1234", "Welcome beautiful."),
        ("11115432", "Your entrance has been logged."),
        ("9", "Bye."),
    ],
)
@waiting
def test_a_pin_on_an_outgoing_call(tmp_path: Path, typed: str, said: str) -> None:
    with a_place(tmp_path) as place:
        place.send("example_pin")
        call = place.called()
        call.type_digits(typed)

        call.wait_ended(30)

        place.spoken(said)


def test_the_payload_of_the_mqtt_example_is_a_command(place: Place) -> None:
    payload = seed.example("mqtt_publish")["data"]["payload"]
    place.gateway.write(payload.encode() + b"\n")

    place.called()
    place.spoken(json.loads(payload)["menu"]["message"])
