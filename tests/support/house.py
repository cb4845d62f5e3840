"""The inner code of the gateway, with fakes in place of SIP, speech, files and Home Assistant."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hasip.calls.desk import CallDesk
from hasip.calls.registry import CallRegistry
from hasip.calls.screening import AnswerMode
from hasip.calls.session import SessionPorts
from hasip.commands.dispatcher import Dispatcher
from hasip.commands.model import parse_command
from hasip.commands.results import Answer, ResultBook
from hasip.errors import HaSipError, HomeAssistantError, SipError
from hasip.events.model import SipCallId
from hasip.events.wire import to_json, webhook_of_call
from hasip.loop import Loop
from hasip.workers import Done, Failed
from support.fake_clock import FakeClock

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
        self.webhooks: list[str | None] = []  # beside the global one, of each event
        self.answers: list[dict[str, Any]] = []
        self.results = ResultBook(self._take_answer)
        self._listen: Callable[[Event], None] = lambda _: None
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
            finish=self.dispatcher.finish,
        )
        self.dispatcher.watch(self.results)
        self.desk = CallDesk(ports, self.registry, self.lines)
        self.dispatcher.use(self.desk)

    def _publish(self, event: Event) -> None:
        self.events.append(to_json(event))
        self.webhooks.append(webhook_of_call(event))
        self.results.take(event)
        self._listen(event)

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Have somebody hear every event."""
        self._listen = listener

    def _take_answer(self, answer: Answer) -> None:
        self.answers.append(answer.to_json())

    def _quit(self) -> None:
        self.has_quit = True

    def dispatch(self, **fields: Any) -> None:
        """Send a command; what it sets going is not waited for."""
        self.dispatcher.dispatch(parse_command(fields))

    def command(self, **fields: Any) -> None:
        """Send a command, and let what it sets going happen."""
        self.dispatch(**fields)
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
