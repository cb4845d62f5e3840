"""The kinds of calls, each a story from its beginning to its end, and the events it is to have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soak.events import Expected
from support.phone import Phone
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from soak.world import World
    from support.phone import PhoneCall

PATIENCE_S = 20.0
RECORDED_SAMPLES = 1600  # heard meanwhile; the file is a little behind
BUSY_HERE = 486
SPOKEN = {"message": "Hello", "cache_audio": True}
MENU = {
    "menu": {
        "id": "house",
        **SPOKEN,
        "choices": {
            "1": {
                "action": {"domain": "light", "service": "turn_on", "entity_id": "light.hall"},
                "post_action": "hangup",
            }
        },
    }
}
_IN = ("incoming_call", "call_established", "entered_menu")
_OUT = ("outgoing_call_initiated", "call_established", "entered_menu")
_END = ("call_disconnected",)


class Trip:
    """One call: its own phone, whose name is its number, and the world it happens in."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.name = f"t{number}"

    def command(self, verb: str, **fields: Any) -> None:
        """Send a command that is about this call."""
        self.world.gateway.command({"command": verb, "number": self.name, **fields})

    def call_in(self, phone: Phone) -> PhoneCall:
        """Call the house, and hear its greeting."""
        call = phone.call(self.world.gateway.uri).wait_answered(PATIENCE_S)
        call.wait_sound(PATIENCE_S)
        return call

    def ring(self, phone: Phone) -> PhoneCall:
        """Call the account that answers nobody by itself."""
        call = phone.call(self.world.listening_uri)
        call.wait_status(180, PATIENCE_S)
        self.world.wait_event(self.name, "incoming_call", PATIENCE_S)
        return call

    def phone(self, **how: Any) -> Phone:
        """Return the phone."""
        return Phone(self.name, **how)


def _greeted(trip: Trip) -> None:
    with trip.phone() as phone:
        trip.call_in(phone).hang_up()


def _typed(trip: Trip) -> None:
    with trip.phone() as phone:
        call = trip.call_in(phone)
        call.type_digits("1")
        call.wait_ended(PATIENCE_S)


def _typed_by_info(trip: Trip) -> None:
    with trip.phone() as phone:
        call = trip.call_in(phone)
        call.type_by_info("1")
        call.wait_ended(PATIENCE_S)


def _cancelled(trip: Trip) -> None:
    with trip.phone() as phone:
        call = trip.ring(phone)
        call.hang_up()
        call.wait_ended(PATIENCE_S)


def _refused(trip: Trip) -> None:
    with trip.phone() as phone:
        call = trip.ring(phone)
        trip.command("hangup")
        call.wait_ended(PATIENCE_S)


def _answered(trip: Trip) -> None:
    with trip.phone() as phone:
        call = trip.ring(phone)
        trip.command("answer", menu={"id": "answered", **SPOKEN, "post_action": "hangup"})
        call.wait_ended(PATIENCE_S)


def _dialled(trip: Trip) -> None:
    with trip.phone() as phone:
        menu = {"id": "spoken", **SPOKEN, "post_action": "hangup"}
        trip.world.gateway.command({"command": "dial", "number": phone.uri, "menu": menu})
        phone.wait_call(PATIENCE_S).wait_ended(PATIENCE_S)


def _busy(trip: Trip) -> None:
    with trip.phone(reject_with=BUSY_HERE) as phone:
        trip.world.gateway.command({"command": "dial", "number": phone.uri})
        phone.wait_call(PATIENCE_S)
        trip.world.wait_event(trip.name, "call_disconnected", PATIENCE_S)


def _recorded(trip: Trip) -> None:
    file = trip.world.recordings / f"{trip.name}.wav"
    with trip.phone() as phone:
        call = trip.call_in(phone)
        trip.command("start_recording", recording_file=str(file))
        trip.world.wait_event(trip.name, "recording_started", PATIENCE_S)
        call.wait_samples(len(call.stream.samples) + RECORDED_SAMPLES)
        call.hang_up()
    trip.world.wait_event(trip.name, "recording_stopped", PATIENCE_S)
    _wav_header = 44
    assert Path(file).stat().st_size > _wav_header, f"{file} is empty"
    file.unlink()


def _transferred(trip: Trip) -> None:
    with trip.phone() as phone:
        call = trip.call_in(phone)
        trip.command("transfer", transfer_to="sip:elsewhere@127.0.0.1:9")
        wait_until(lambda: call.refers, "REFER", PATIENCE_S)
        call.notify("SIP/2.0 180 Ringing", final=False)
        call.notify("SIP/2.0 200 OK", final=True)
        call.wait_ended(PATIENCE_S)


def _sent_digits(trip: Trip) -> None:
    with trip.phone() as phone:
        call = trip.call_in(phone)
        trip.command("send_dtmf", digits="42", method="rfc2833", post_action="hangup")
        call.wait_ended(PATIENCE_S)
        heard = call.stream.heard_digits
    assert heard == "42", f"heard {heard!r}, not 42"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of call."""

    name: str
    weight: int
    run: Callable[[Trip], None]
    expected: Expected


def _kind(
    name: str, weight: int, run: Callable[[Trip], None], *events: str, begin: tuple[str, ...] = _IN
) -> Kind:
    return Kind(name, weight, run, Expected((*begin, *events, *_END)))


KINDS = (
    _kind("hears a prompt", 3, _greeted),
    _kind("types a digit", 3, _typed, "dtmf_digit"),
    _kind("types by INFO", 1, _typed_by_info, "dtmf_digit"),
    _kind("gives up", 1, _cancelled, begin=_IN[:1]),
    _kind("is refused", 1, _refused, begin=_IN[:1]),
    _kind("is answered by a command", 1, _answered),
    _kind("is dialled and hears a prompt", 3, _dialled, begin=_OUT),
    _kind("is dialled and busy", 1, _busy, begin=_OUT[:1]),
    _kind("is recorded", 2, _recorded, "recording_started", "recording_stopped"),
    _kind("is transferred", 2, _transferred, "transfer_result"),
    _kind("is sent digits", 1, _sent_digits),
)
