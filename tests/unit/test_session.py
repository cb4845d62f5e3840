"""Sessions, the registry and the dispatcher, with a leg and a speaker that are fakes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hasip.calls.desk import CallDesk
from hasip.calls.menu_file import MenuFile
from hasip.calls.registry import CallRegistry
from hasip.calls.screening import AnswerMode
from hasip.calls.session import SessionPorts
from hasip.commands.dispatcher import Dispatcher
from hasip.commands.model import parse_command
from hasip.errors import HaSipError, HomeAssistantError, SipError
from hasip.events.model import Side, SipCallId
from hasip.events.wire import to_json
from hasip.loop import Loop
from hasip.workers import Done, Failed
from support.fake_clock import FakeClock
from support.menus import menu_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hasip.calls.ports import LegListener
    from hasip.calls.prompt import Prompt
    from hasip.commands.model import CallService, DtmfMethod
    from hasip.events.model import Event
    from hasip.workers import Result

_numbers = itertools.count(1)


class FakePlayback:
    def __init__(self) -> None:
        self.is_stopped = False

    def stop(self) -> None:
        self.is_stopped = True


class FakeLeg:
    """Writes down what it is told."""

    def __init__(self, uri: str) -> None:
        self.call_id = SipCallId(f"id-{next(_numbers)}")
        self.remote_uri = uri
        self.local_uri = "sip:house@home"
        self.headers: Mapping[str, str | None] = {}
        self.told: list[str] = []
        self.listener: LegListener | None = None
        self.playing: list[tuple[Path, Callable[[], None]]] = []
        self.is_broken = False
        self.digits_done: Callable[[str | None], None] = lambda _: None

    def attach(self, listener: LegListener) -> None:
        self.listener = listener

    @property
    def peer(self) -> LegListener:
        assert self.listener is not None
        return self.listener

    def ring(self) -> None:
        self.told.append("ring")

    def answer(self) -> None:
        if self.is_broken:
            raise SipError("cannot answer: it is gone")
        self.told.append("answer")

    def hang_up(self, sip_code: int | None = None) -> None:
        self.told.append(f"hang_up {sip_code}")

    def play(self, wav: Path, ended: Callable[[], None]) -> FakePlayback:
        self.playing.append((wav, ended))
        return FakePlayback()

    def send_digits(
        self, digits: str, method: DtmfMethod, done: Callable[[str | None], None]
    ) -> None:
        self.told.append(f"digits {digits} {method}")
        self.digits_done = done

    def transfer(self, target: str) -> None:
        if target == "sip:none":
            raise SipError("cannot transfer to sip:none")
        self.told.append(f"transfer {target}")

    def bridge(self, other: FakeLeg) -> None:
        self.told.append(f"bridge {other.remote_uri}")

    def start_recording(self, wav: Path) -> None:
        if self.is_broken:
            raise SipError("cannot record")
        self.told.append(f"record {wav}")

    def stop_recording(self) -> None:
        self.told.append("stop_recording")


class FakeReady:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.failed = False

    def release(self) -> None:
        self.path = Path("released")


class FakePreparation:
    def cancel(self) -> None:
        """Nothing to give up."""


class FakeSpeaker:
    """Has every prompt ready in the next turn of the loop."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def prepare(self, prompt: Prompt, ready: Callable[[FakeReady], None]) -> FakePreparation:
        self._loop.post(lambda: ready(FakeReady(Path(f"{prompt}.wav"))))
        return FakePreparation()


class FakeRecordings:
    """Has every file ready in the next turn of the loop."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.told: list[str] = []
        self.error: HaSipError | None = None

    def begin(self, name: str, done: Callable[[Result[Path]], None]) -> None:
        result: Result[Path] = Done(Path(name)) if self.error is None else Failed(self.error)
        self._loop.post(lambda: done(result))

    def finish(self, path: Path, done: Callable[[], None]) -> None:
        self.told.append(f"finish {path}")
        self._loop.post(done)

    def give_up(self, path: Path) -> None:
        self.told.append(f"give up {path}")


class FakeLine:
    def __init__(self, number: int, mode: AnswerMode = AnswerMode.ACCEPT) -> None:
        self.number = number
        self.settle_time_s = 1.0
        self.answer_mode = mode
        self.reject_sip_code = 603
        self.legs: list[FakeLeg] = []

    def place_call(self, number: str) -> FakeLeg:
        if number == "sip:none":
            raise SipError("cannot call sip:none: bad URI")
        self.legs.append(FakeLeg(number))
        return self.legs[-1]


class FakeServices:
    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.called: list[CallService] = []
        self.error: str | None = None

    def call(self, command: CallService, done: Callable[[Result[None]], None]) -> None:
        self.called.append(command)
        result: Result[None] = Failed(HomeAssistantError(self.error)) if self.error else Done(None)
        self._loop.post(lambda: done(result))


class House:
    """The inner code of the gateway, tied together as `gateway.py` does it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.loop = Loop(self.clock)
        self.registry = CallRegistry()
        self.events: list[dict[str, Any]] = []
        self.services = FakeServices(self.loop)
        self.recordings = FakeRecordings(self.loop)
        self.has_quit = False
        self.lines = {1: FakeLine(1), 3: FakeLine(3, AnswerMode.REJECT)}
        self.dispatcher = Dispatcher(
            self.registry,
            self.services,
            self._publish,
            quit_program=self._quit,
            account_states=lambda: ["1: sip:house@b, registered, accept"],
        )
        ports = SessionPorts(
            loop=self.loop,
            speaker=FakeSpeaker(self.loop),
            recordings=self.recordings,
            publish=self._publish,
            run_action=self.dispatcher.dispatch,
            refuse=self.dispatcher.refuse_input,
        )
        self.desk = CallDesk(ports, self.registry, self.lines)
        self.dispatcher.use(self.desk)

    def _publish(self, event: Event) -> None:
        self.events.append(to_json(event))

    def _quit(self) -> None:
        self.has_quit = True

    def command(self, **fields: Any) -> None:
        self.dispatcher.dispatch(parse_command(fields))
        self.loop.run_pending()

    def dial(self, uri: str = "sip:a@b", **fields: Any) -> FakeLeg:
        """Dial, and let the other side answer."""
        self.command(command="dial", number=uri, **fields)
        leg = self.lines[1].legs[-1]
        leg.peer.on_connected()
        self.wait(1.0)
        return leg

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.loop.run_pending()

    @property
    def names(self) -> list[str]:
        return [event["event"] for event in self.events]


@pytest.fixture
def house() -> House:
    return House()


def test_a_call_from_dial_to_its_end(house: House) -> None:
    leg = house.dial(request_id="r", menu={"id": "m", "message": "Hi", "post_action": "hangup"})
    wav, ended = leg.playing[0]
    assert "Hi" in str(wav)
    house.wait(4)
    ended()
    assert leg.told == ["hang_up None"]
    leg.peer.on_disconnected(200, "OK", Side.LOCAL)

    assert house.names == [
        "outgoing_call_initiated",
        "call_established",
        "entered_menu",
        "playback_done",
        "call_disconnected",
    ]
    assert house.events[0]["request_id"] == "r"
    assert house.events[-1]["duration"] == 5.0
    assert len(house.registry) == 0
    assert house.loop.armed_timers == 0


def test_a_call_that_ends_while_its_speech_is_made_plays_nothing(house: House) -> None:
    house.command(command="dial", number="sip:a@b", menu={"message": "Hi"})
    leg = house.lines[1].legs[0]
    leg.peer.on_connected()
    leg.peer.on_disconnected(200, "OK", Side.REMOTE)
    house.wait(2)
    assert leg.playing == []
    assert house.names[-1] == "call_disconnected"


def test_a_leg_that_cannot_answer_is_a_call_that_is_over(house: House) -> None:
    leg = FakeLeg("<sip:x@y>")
    leg.is_broken = True
    house.desk.incoming(leg, house.lines[1], MenuFile())
    house.loop.run_pending()
    assert house.events[-1]["sip_code"] == 500
    assert "it is gone" in house.events[-1]["sip_reason"]
    assert len(house.registry) == 0


def test_ids_are_unique_and_found_in_the_order_of_the_contract(house: House) -> None:
    legs = [FakeLeg('"Me" <sip:555@y>') for _ in range(3)]
    for leg in legs:
        house.desk.incoming(leg, house.lines[1], MenuFile())
    ids = [call.info.internal_id for call in house.registry]
    assert ids == ['"Me" <sip:555@y>', '"Me" <sip:555@y>#2', '"Me" <sip:555@y>#3']
    for number, expected in {
        ids[1]: legs[1],
        '"Me" <sip:555@y>': legs[0],
        "sip:555@y": legs[0],
        "555": legs[0],
        legs[2].call_id: legs[2],
    }.items():
        found = house.registry.find(number)
        assert found is not None
        assert found.info.call_id == expected.call_id
    assert house.registry.find("55") is None


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"command": "dial", "number": "sip:none"}, "cannot call sip:none: bad URI"),
        (
            {"command": "dial", "number": "1", "sip_account": 2},
            "sip_account 2 is not configured; configured: 1, 3",
        ),
        ({"command": "dial", "number": "sip:up@b"}, "a call with sip:up@b is active already"),
        ({"command": "hangup", "number": "nobody"}, 'no active call matches "nobody"; active: sip'),
        ({"command": "answer", "number": "nobody"}, "no active call matches"),
        ({"command": "play_message", "number": "self", "message": "x"}, "no active call matches"),
        (
            {"command": "dial", "number": "2", "menu": {"post_action": "fly"}},
            'return <levels> or jump <menu-id>; got "fly"',
        ),
    ],
)
def test_what_cannot_be_done_is_told(house: House, fields: dict[str, Any], error: str) -> None:
    house.dial("sip:up@b")
    house.command(**fields, request_id="q")
    failed = house.events[-1]
    assert failed["event"] == "command_failed"
    assert failed["command"] == fields["command"]
    assert failed["number"] == fields["number"]
    assert failed["request_id"] == "q"
    assert error in failed["error"]
    assert len(house.registry) == 1


def test_an_action_works_on_its_own_call_and_tells_when_it_fails(house: House) -> None:
    house.services.error = "400"
    menu = {
        "choices": {
            "1": {"action": {"command": "play_message", "number": "self", "message": "Yes"}},
            "2": {"action": {"domain": "d", "service": "s", "request_id": "z"}},
        }
    }
    leg = house.dial(menu=menu)
    leg.peer.on_digit("1")
    house.loop.run_pending()
    assert "Yes" in str(leg.playing[0][0])
    house.command(command="answer", number="sip:a@b", menu=menu)
    leg.peer.on_digit("2")
    house.loop.run_pending()
    assert house.names[-1] == "service_failed"
    assert house.events[-1]["error"] == "400"
    assert house.events[-1]["request_id"] == "z"


def test_a_broken_menu_file_and_reject_mode(house: House) -> None:
    listens, rejected = FakeLeg("<sip:a@y>"), FakeLeg("<sip:b@y>")
    house.desk.incoming(listens, house.lines[1], MenuFile(is_broken=True, tree=menu_tree()))
    house.desk.incoming(rejected, house.lines[3], MenuFile())
    assert listens.told == []
    assert rejected.told == ["hang_up 603"]
    house.wait(300)
    assert listens.told == ["hang_up 480"]
    assert "ring_timeout" in house.names


def test_quit_and_state(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "hasip")
    house.command(command="state")
    house.dial("sip:a@b")
    house.command(command="state")
    house.command(command="quit")
    lines = [record.message for record in caplog.records]
    assert "No active calls." in lines
    at = lines.index("Currently registered calls:")
    call_id = house.lines[1].legs[0].call_id
    assert lines[at + 1] == f"    sip:a@b, a, {call_id}"
    assert house.has_quit
