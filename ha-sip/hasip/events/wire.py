"""The JSON shape of events, as automations know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from hasip.events.model import (
    AudioFilePlayed,
    CallDisconnected,
    CallEstablished,
    CallEvent,
    CallTransferred,
    CommandFailed,
    DtmfDigit,
    EnteredMenu,
    IncomingCall,
    MenuTimeout,
    MessagePlayed,
    OutgoingCallInitiated,
    PinFailed,
    PinLockout,
    RecordingStarted,
    RecordingStopped,
    RegistrationChanged,
    RingTimeout,
    ServiceFailed,
    TransferResult,
)

if TYPE_CHECKING:
    from hasip.events.model import CallEventBody, CallInfo, Event

Json = dict[str, object]


def to_json(event: Event) -> Json:
    """Return the object that webhooks and MQTT carry."""
    match event:
        case CallEvent(call=call, what=what, request_id=request_id):
            body = {"event": what.name, **call_fields(call), **_own_fields(what)}
        case CommandFailed(command=command, number=number, error=error, request_id=request_id):
            body = {"event": event.name, "command": command, "number": number, "error": error}
        case RegistrationChanged():
            request_id = None
            body = {
                "event": event.name,
                "sip_account": event.sip_account,
                "state": event.state.value,
                "sip_code": event.sip_code,
                "sip_reason": event.sip_reason,
            }
        case _:
            assert_never(event)
    return body if request_id is None else {**body, "request_id": request_id}


def webhook_of_call(event: Event) -> str | None:
    """Return the webhook ID that `webhook_to_call` names for this event, if any."""
    match event:
        case CallEvent(call=call, what=what):
            return call.webhooks.get(what.name)
        case CommandFailed(webhook=webhook):
            return webhook
        case RegistrationChanged():
            return None
        case _:
            assert_never(event)


def call_fields(call: CallInfo) -> Json:
    """Return what every event of a call has."""
    return {
        "internal_id": call.internal_id,
        "call_id": call.call_id,
        "sip_account": call.sip_account,
        "call_direction": call.direction.value,
        "remote_uri": call.remote_uri,
        "local_uri": call.local_uri,
        "parsed_remote_uri": call.parsed_remote_uri,
        "parsed_local_uri": call.parsed_local_uri,
        "headers": dict(call.headers),
        # The older names, which existing automations use.
        "caller": call.remote_uri,
        "called": call.local_uri,
        "parsed_caller": call.parsed_remote_uri,
        "parsed_called": call.parsed_local_uri,
    }


def _own_fields(what: CallEventBody) -> Json:
    match what:
        case IncomingCall() | OutgoingCallInitiated() | CallEstablished() | RingTimeout():
            return {}
        case EnteredMenu(menu_id) | MenuTimeout(menu_id):
            return {"menu_id": menu_id}
        case DtmfDigit():
            return {"digit": "*" if what.is_masked else what.digit}
        case MessagePlayed(message):
            return {"type": "message", "message": message}
        case AudioFilePlayed(audio_file):
            return {"type": "audio_file", "audio_file": audio_file}
        case CallDisconnected():
            return {
                "sip_code": what.sip_code,
                "sip_reason": what.sip_reason,
                "duration": round(what.duration_s, 3),
                "hangup_by": what.hangup_by.value,
                "outcome": what.outcome.value,
            }
        case RecordingStarted(recording_file) | RecordingStopped(recording_file):
            return {"recording_file": recording_file}
        case TransferResult():
            return {
                "sip_code": what.sip_code,
                "sip_reason": what.sip_reason,
                "success": what.success,
            }
        case CallTransferred():
            return {
                "how": what.how.value,
                "previous_remote_uri": what.previous_remote_uri,
                "previous_call_id": what.previous_call_id,
            }
        case PinFailed():
            return {
                "attempts": what.attempts,
                "max_attempts": what.max_attempts,
                "menu_id": what.menu_id,
            }
        case PinLockout():
            return {"lockout": what.lockout_s}
        case ServiceFailed():
            return {"domain": what.domain, "service": what.service, "error": what.error}
        case _:
            assert_never(what)
