"""What an account's entities show and do, without a broker."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from hasip.calls.reception import Reception
from hasip.calls.screening import AnswerMode
from hasip.errors import SipError
from hasip.events.model import (
    CALL_EVENTS,
    CallDisconnected,
    CallEstablished,
    CallEvent,
    CallInfo,
    Direction,
    DtmfDigit,
    IncomingCall,
    InternalId,
    Outcome,
    OutgoingCallInitiated,
    RegistrationChanged,
    RegistrationState,
    Side,
    SipCallId,
)
from hasip.mqtt.board import AccountBoard, Moment, State
from hasip.mqtt.controls import AccountControls
from hasip.mqtt.discovery import account_config, discovery_topic, gateway_config
from hasip.mqtt.topics import Topics
from hasip.settings.model import Account, AccountOptions, Mqtt
from support.house import House

if TYPE_CHECKING:
    from hasip.events.model import CallEventBody

CALL = CallInfo(
    internal_id=InternalId("<sip:bell@home>"),
    call_id=SipCallId("1"),
    sip_account=1,
    direction=Direction.INCOMING,
    remote_uri="<sip:bell@home>",
    local_uri="sip:house@home",
    parsed_remote_uri="bell",
    parsed_local_uri="house",
)
ENDED = CallDisconnected(
    sip_code=200,
    sip_reason="OK",
    duration_s=3.4,
    hangup_by=Side.REMOTE,
    outcome=Outcome.COMPLETED,
)
MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)


class Board(AccountBoard):
    """A board that remembers what it showed and told."""

    def __init__(self, *, is_door: bool = True) -> None:
        self.day = MONDAY
        super().__init__(1, is_door=is_door, has_registrar=True, today=lambda: self.day)
        self.shown: dict[str, str] = {}
        self.told: list[tuple[str, str]] = []
        self.attributes: dict[str, object] = {}

    def hear(self, what: CallEventBody, call: CallInfo = CALL) -> None:
        for change in self.take(CallEvent(call=call, what=what)):
            match change:
                case State(key, value, attributes):
                    self.shown[key] = value
                    self.attributes[key] = attributes
                case Moment(key, event_type, attributes):
                    self.told.append((key, event_type))
                    assert "event" not in attributes


def test_a_call_from_ring_to_end() -> None:
    board = Board()
    board.hear(IncomingCall())
    assert board.shown == {"call_state": "ringing", "calls_today": "1", "last_caller": "bell"}
    board.hear(CallEstablished())
    assert board.shown["call_state"] == "connected"
    board.hear(ENDED)

    assert board.shown["call_state"] == "idle"
    assert board.shown["last_call_direction"] == "incoming"
    assert board.shown["last_call_outcome"] == "completed"
    assert board.shown["last_call_duration"] == "3"
    assert board.told == [
        ("doorbell", "ring"),
        ("call", "incoming_call"),
        ("call", "call_established"),
        ("call", "call_disconnected"),
    ]


def test_of_several_calls_the_newest_is_shown() -> None:
    board = Board()
    other = replace(CALL, internal_id=InternalId("2"), direction=Direction.OUTGOING)
    board.hear(IncomingCall())
    board.hear(OutgoingCallInitiated(), other)
    assert board.shown["call_state"] == "dialing"
    assert board.ringing == CALL
    board.hear(ENDED, other)

    assert board.shown["call_state"] == "ringing"
    assert board.attributes["calls_today"] == {"incoming": 1, "outgoing": 1}


def test_the_bell_rings_for_a_door_only_and_not_when_nobody_wants_it() -> None:
    no_door, quiet, foreign = Board(is_door=False), Board(), Board()
    quiet.is_quiet = True
    for board in (no_door, quiet):
        board.hear(IncomingCall())
        assert board.told == [("call", "incoming_call")]
    foreign.hear(IncomingCall(), replace(CALL, sip_account=2))

    assert foreign.told == []
    assert foreign.shown == {}


def test_the_digits_of_a_code_are_never_shown() -> None:
    board = Board()
    for digit in (DtmfDigit("5"), DtmfDigit("5", is_secret=True), DtmfDigit("5", is_masked=True)):
        board.hear(digit)

    assert board.told == [("digit", "5"), ("digit", "masked"), ("digit", "masked")]


def test_calls_are_counted_from_midnight_on_and_over_a_restart() -> None:
    board = Board()
    board.hear(IncomingCall())
    kept = board.counted()
    again, next_day = Board(), Board()
    again.count_on(kept)
    next_day.day = TUESDAY
    list(next_day.roll())
    next_day.count_on(kept)
    for garbage in (None, "x", {"day": "2026-03-02", "incoming": "x"}):
        next_day.count_on(garbage)
    board.day = TUESDAY

    assert [state.value for state in again.initial() if state.key == "calls_today"] == ["1"]
    assert [state.value for state in next_day.initial() if state.key == "calls_today"] == ["0"]
    assert [(state.key, state.value) for state in board.roll()] == [("calls_today", "0")]
    assert list(board.roll()) == []


@pytest.mark.parametrize(
    ("state", "code", "reason", "shown"),
    [
        (RegistrationState.REGISTERED, 200, "OK", ("ON", "200 OK")),
        (RegistrationState.FAILED, 403, "Forbidden", ("OFF", "403 Forbidden")),
        (RegistrationState.FAILED, 0, "x" * 300, ("OFF", "x" * 255)),
    ],
)
def test_a_registration_and_its_reason(
    state: RegistrationState, code: int, reason: str, shown: tuple[str, str]
) -> None:
    event = RegistrationChanged(sip_account=1, state=state, sip_code=code, sip_reason=reason)
    changes = [one for one in Board().take(event) if isinstance(one, State)]

    assert tuple(change.value for change in changes) == shown


class FakeAccount:
    def __init__(self) -> None:
        self.reception = Reception(AnswerMode.LISTEN, 603)
        self.registered = 0

    def register_again(self) -> None:
        if self.registered:
            raise SipError("account 1 has no registrar")
        self.registered += 1


class Desk:
    """Controls over the inner code of the gateway."""

    def __init__(self) -> None:
        self.house = House()
        self.account = FakeAccount()
        self.board = Board()
        self.controls = AccountControls(
            self.account, self.board, self.house.dispatcher.dispatch, self.house.loop.post
        )
        self.house.listen(self._take)

    def _take(self, event: object) -> None:
        if isinstance(event, CallEvent):
            list(self.board.take(event))
            self.controls.take(event)

    def act(self, key: str, payload: str = "PRESS") -> dict[str, str]:
        states = {state.key: state.value for state in self.controls.act(key, payload)}
        self.house.loop.run_pending()
        return states


def test_messages_are_said_one_after_the_other() -> None:
    desk = Desk()
    desk.act("notify_number", " sip:owner@home ")
    for number in range(12):  # one is said, ten wait, one is too many
        desk.act("speak", f"message {number}")
    legs = desk.house.lines[1].legs
    for number in range(11):
        assert len(legs) == number + 1
        assert legs[-1].remote_uri == "sip:owner@home"
        legs[-1].peer.on_disconnected(486, "Busy Here", Side.REMOTE)
        desk.house.wait(0.0)

    assert len(legs) == 11


def test_a_message_that_cannot_be_said_does_not_stop_those_after_it() -> None:
    desk = Desk()
    desk.act("speak", "nobody to call")
    desk.act("notify_number", "sip:none")
    desk.act("speak", "cannot be called")
    desk.act("notify_number", "sip:owner@home")
    desk.act("speak", " ")
    desk.act("speak", "hello")

    (leg,) = desk.house.lines[1].legs
    assert leg.remote_uri == "sip:owner@home"


def test_what_people_chose_is_restored_unless_the_settings_changed() -> None:
    desk = Desk()
    desk.act("do_not_disturb", "ON")
    desk.act("answer_mode", "accept")
    desk.act("number", "123")
    assert desk.account.reception.mode is AnswerMode.REJECT
    assert desk.account.reception.reject_sip_code == 480
    kept = desk.controls.kept()
    again, changed = Desk(), Desk()
    changed.account.reception = Reception(AnswerMode.REJECT, 603)
    for other in (again, changed):
        other.controls.restore(kept)

    assert again.controls.kept() == kept
    assert changed.account.reception.chosen is AnswerMode.REJECT
    assert changed.account.reception.do_not_disturb
    assert again.board.is_quiet


def test_buttons_work_on_what_there_is() -> None:
    desk = Desk()
    for button in ("answer", "hangup", "redial", "dial"):  # there is nothing yet
        desk.act(button)
    assert desk.house.events == []
    desk.act("number", "sip:a@b")
    desk.act("dial")
    desk.act("hangup")
    leg = desk.house.lines[1].legs[-1]
    assert leg.told == ["hang_up None"]
    leg.peer.on_disconnected(487, "Request Terminated", Side.LOCAL)
    desk.house.wait(0.0)
    desk.act("redial")
    desk.act("register")
    desk.act("register")

    assert [leg.remote_uri for leg in desk.house.lines[1].legs] == ["sip:a@b", "sip:a@b"]
    assert desk.account.registered == 1


def test_every_topic_and_id_carries_the_name_of_the_instance() -> None:
    topics = Topics(Mqtt(instance="attic"))
    account = Account(number=2, id_uri="sip:a@b", registrar_uri="sip:b")
    configs = {
        discovery_topic(topics): gateway_config(topics),
        discovery_topic(topics, 2): account_config(topics, account),
    }

    assert list(configs) == [
        "homeassistant/device/hasip_attic/config",
        "homeassistant/device/hasip_attic_account_2/config",
    ]
    for config in configs.values():
        assert config["origin"]
        components = config["components"]
        assert isinstance(components, dict)
        for component in components.values():
            texts = [
                value
                for key, value in component.items()
                if key.endswith(("topic", "unique_id")) and isinstance(value, str)
            ]
            assert all("attic" in text for text in texts)


@pytest.mark.parametrize("number", ["", "x", "-1", "9" * 5_000])
def test_a_topic_that_names_no_account_is_nobodys(number: str) -> None:
    assert Topics(Mqtt(instance="attic")).account_of(f"hasip/attic/account/{number}/x/set") is None


def test_what_an_account_does_not_have_is_taken_away() -> None:
    topics = Topics(Mqtt(instance="attic"))
    bare = Account(number=1, id_uri="sip:a@b")
    door = replace(bare, registrar_uri="sip:b", options=AccountOptions(door=True))
    without, everything = (account_config(topics, one)["components"] for one in (bare, door))

    assert isinstance(without, dict)
    assert isinstance(everything, dict)
    assert without["doorbell"] == {"platform": "event"}
    assert without["register"] == {"platform": "button"}
    assert everything["doorbell"]["event_types"] == ["ring"]
    assert set(everything["call"]["event_types"]) == CALL_EVENTS - {"dtmf_digit"}
