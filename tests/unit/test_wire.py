"""The JSON of every event, as automations know it."""

from __future__ import annotations

import pytest

from hasip.events.model import (
    AudioFilePlayed,
    CallDisconnected,
    CallEstablished,
    CallEvent,
    CallEventBody,
    CallTransferred,
    CommandFailed,
    DtmfDigit,
    EnteredMenu,
    IncomingCall,
    MenuTimeout,
    MessagePlayed,
    Outcome,
    OutgoingCallInitiated,
    PinFailed,
    PinLockout,
    RecordingStarted,
    RecordingStopped,
    RegistrationChanged,
    RegistrationState,
    RingTimeout,
    ServiceFailed,
    Side,
    SipCallId,
    Takeover,
    TransferResult,
)
from hasip.events.wire import to_json, webhook_of_call
from support.call_info import CALL

COMMON = {
    "internal_id": "something-unique",
    "call_id": "abc",
    "sip_account": 1,
    "call_direction": "incoming",
    "remote_uri": "<sip:5551234456@fritz.box>",
    "local_uri": "<sip:homeassistant@fritz.box>",
    "parsed_remote_uri": "5551234456",
    "parsed_local_uri": "homeassistant",
    "headers": {"X-Door": None},
    "caller": "<sip:5551234456@fritz.box>",
    "called": "<sip:homeassistant@fritz.box>",
    "parsed_caller": "5551234456",
    "parsed_called": "homeassistant",
}


@pytest.mark.parametrize(
    ("what", "own"),
    [
        (IncomingCall(), {"event": "incoming_call"}),
        (OutgoingCallInitiated(), {"event": "outgoing_call_initiated"}),
        (CallEstablished(), {"event": "call_established"}),
        (EnteredMenu("main"), {"event": "entered_menu", "menu_id": "main"}),
        (DtmfDigit("5"), {"event": "dtmf_digit", "digit": "5"}),
        (MenuTimeout("main"), {"event": "timeout", "menu_id": "main"}),
        (RingTimeout(), {"event": "ring_timeout"}),
        (MessagePlayed("Hi"), {"event": "playback_done", "type": "message", "message": "Hi"}),
        (
            AudioFilePlayed("/a.mp3"),
            {"event": "playback_done", "type": "audio_file", "audio_file": "/a.mp3"},
        ),
        (
            CallDisconnected(
                sip_code=200,
                sip_reason="OK",
                duration_s=1.23456,
                hangup_by=Side.LOCAL,
                outcome=Outcome.COMPLETED,
            ),
            {
                "event": "call_disconnected",
                "sip_code": 200,
                "sip_reason": "OK",
                "duration": 1.235,
                "hangup_by": "local",
                "outcome": "completed",
            },
        ),
        (
            ServiceFailed(domain="lock", service="unlock", error="no"),
            {"event": "service_failed", "domain": "lock", "service": "unlock", "error": "no"},
        ),
        (
            RecordingStarted("/r.wav"),
            {"event": "recording_started", "recording_file": "/r.wav"},
        ),
        (
            RecordingStopped("/r.wav"),
            {"event": "recording_stopped", "recording_file": "/r.wav"},
        ),
        (
            CallTransferred(
                how=Takeover.REFER,
                previous_remote_uri="sip:a@b",
                previous_call_id=SipCallId("x"),
            ),
            {
                "event": "call_transferred",
                "how": "refer",
                "previous_remote_uri": "sip:a@b",
                "previous_call_id": "x",
            },
        ),
        (
            TransferResult(sip_code=486, sip_reason="Busy", success=False),
            {
                "event": "transfer_result",
                "sip_code": 486,
                "sip_reason": "Busy",
                "success": False,
            },
        ),
        (
            PinFailed(attempts=2, max_attempts=3, menu_id=None),
            {"event": "pin_failed", "attempts": 2, "max_attempts": 3, "menu_id": None},
        ),
        (PinLockout(lockout_s=60.0), {"event": "pin_lockout", "lockout": 60.0}),
        (DtmfDigit("5", is_secret=True), {"event": "dtmf_digit", "digit": "5"}),
        (DtmfDigit("5", is_secret=True, is_masked=True), {"event": "dtmf_digit", "digit": "*"}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_an_event_of_a_call(what: CallEventBody, own: dict[str, object]) -> None:
    event = CallEvent(call=CALL, what=what)
    assert to_json(event) == COMMON | own
    assert webhook_of_call(event) == ("special" if isinstance(what, CallEstablished) else None)


def test_a_registration_is_told() -> None:
    event = RegistrationChanged(
        sip_account=2, state=RegistrationState.FAILED, sip_code=403, sip_reason="Forbidden"
    )
    assert to_json(event) == {
        "event": "registration_state",
        "sip_account": 2,
        "state": "failed",
        "sip_code": 403,
        "sip_reason": "Forbidden",
    }
    assert webhook_of_call(event) is None


def test_a_request_id_is_repeated() -> None:
    event = CallEvent(call=CALL, what=CallEstablished(), request_id="r")
    assert to_json(event)["request_id"] == "r"
    failed = CommandFailed(command="dial", number="1", error="why", request_id="q")
    assert to_json(failed) == {
        "event": "command_failed",
        "command": "dial",
        "number": "1",
        "error": "why",
        "request_id": "q",
    }
    assert webhook_of_call(failed) is None


def test_a_failed_command_goes_to_the_webhook_that_it_names_for_that() -> None:
    failed = CommandFailed(command="dial", number="1", error="why", webhook="mine")
    assert webhook_of_call(failed) == "mine"
    assert "webhook" not in to_json(failed)
