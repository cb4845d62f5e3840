"""Tells Home Assistant of our devices and their entities: one message a device.

The form is that of device-based discovery, which Home Assistant knows from 2024.12 on. A component
with nothing but its platform takes an entity away that may have been there before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasip import __version__
from hasip.calls.screening import AnswerMode
from hasip.dataclass import dataclass
from hasip.events.model import CALL_EVENTS, Direction, DtmfDigit, Outcome
from hasip.mqtt.board import MASKED_DIGIT, RING, CallState
from hasip.mqtt.controls import LONGEST_NUMBER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hasip.mqtt.topics import Topics
    from hasip.settings.model import Account

DIGITS = (*"0123456789*#ABCD", MASKED_DIGIT)

Component = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Entity:
    """An entity of an account: what Home Assistant is told beside its topics."""

    key: str
    platform: str
    name: str
    extra: Component
    shows: bool = True  # it has a state
    takes: bool = False  # it can be told something
    has_attributes: bool = False


def device_id(topics: Topics, account: int | None = None) -> str:
    """Return the id of the gateway's device or of an account's."""
    of_gateway = f"hasip_{topics.settings.instance}"
    return of_gateway if account is None else f"{of_gateway}_account_{account}"


def discovery_topic(topics: Topics, account: int | None = None) -> str:
    """Return where Home Assistant looks for a device."""
    return f"{topics.settings.discovery_prefix}/device/{device_id(topics, account)}/config"


def gateway_config(topics: Topics) -> Component:
    """Return what Home Assistant is told of the gateway itself."""
    active: Component = {
        "platform": "sensor",
        "unique_id": f"{device_id(topics)}_active_calls",
        "name": "Active calls",
        "icon": "mdi:phone-in-talk",
        "state_class": "measurement",
        "state_topic": topics.gateway("active_calls"),
    }
    return {
        **_frame(),
        "device": {**_device(topics), "name": _name(topics), "model": "SIP gateway"},
        "availability": [{"topic": topics.availability}],
        "components": {"active_calls": active},
    }


def account_config(topics: Topics, account: Account) -> Component:
    """Return what Home Assistant is told of an account."""
    number = account.number
    components = {
        entity.key: _component(topics, number, entity)
        for entity in (*_registration(), *_calls(), *_controls())
    }
    absent = {} if account.options.door else {"doorbell": "event"}
    if account.registrar_uri is None:
        absent |= {"registration": "binary_sensor", "registration_reason": "sensor"}
        absent |= {"register": "button"}
    for key, platform in absent.items():
        components[key] = {"platform": platform}
    # An account that can't be used still shows why.
    for key in {"registration", "registration_reason"} - absent.keys():
        components[key]["availability"] = [{"topic": topics.availability}]
    return {
        **_frame(),
        "device": {
            **_device(topics, number),
            "name": f"{_name(topics)} account {number}",
            "model": "SIP account",
            "via_device": device_id(topics),
        },
        "availability": [
            {"topic": topics.availability},
            {"topic": topics.account(number, "availability")},
        ],
        "components": components,
    }


def _frame() -> Component:
    return {
        "origin": {"name": "ha-sip", "sw_version": __version__},
        "availability_mode": "all",
        "qos": 1,
    }


def _device(topics: Topics, account: int | None = None) -> Component:
    return {
        "identifiers": [device_id(topics, account)],
        "manufacturer": "ha-sip",
        "sw_version": __version__,
    }


def _name(topics: Topics) -> str:
    instance = topics.settings.instance
    return instance if instance.startswith("ha_sip") else f"ha-sip {instance}"


def _component(topics: Topics, account: int, entity: _Entity) -> Component:
    component: Component = {
        "platform": entity.platform,
        "unique_id": f"{device_id(topics, account)}_{entity.key}",
        "name": entity.name,
        **entity.extra,
    }
    if entity.shows:
        component["state_topic"] = topics.account(account, entity.key)
    if entity.takes:
        component["command_topic"] = topics.control(account, entity.key)
    if entity.has_attributes:
        component["json_attributes_topic"] = topics.attributes(account, entity.key)
    return component


def _registration() -> Iterator[_Entity]:
    extra: Component = {"device_class": "connectivity", "entity_category": "diagnostic"}
    yield _Entity("registration", "binary_sensor", "Registration", extra)
    extra = {"icon": "mdi:card-account-phone", "entity_category": "diagnostic"}
    name = "Registration reason"
    yield _Entity("registration_reason", "sensor", name, extra, has_attributes=True)
    extra = {"icon": "mdi:refresh", "entity_category": "diagnostic"}
    yield _Entity("register", "button", "Register again", extra, shows=False, takes=True)


def _calls() -> Iterator[_Entity]:
    extra = {**_enum(CallState), "icon": "mdi:phone"}
    yield _Entity("call_state", "sensor", "Call state", extra, has_attributes=True)
    extra = {"icon": "mdi:phone-incoming"}
    yield _Entity("last_caller", "sensor", "Last caller", extra, has_attributes=True)
    extra = {**_enum(Direction), "icon": "mdi:swap-horizontal"}
    yield _Entity("last_call_direction", "sensor", "Last call direction", extra)
    extra = {**_enum(Outcome), "icon": "mdi:phone-check"}
    name = "Last call outcome"
    yield _Entity("last_call_outcome", "sensor", name, extra, has_attributes=True)
    extra = {"device_class": "duration", "unit_of_measurement": "s"}
    yield _Entity("last_call_duration", "sensor", "Last call duration", extra)
    extra = {"icon": "mdi:counter", "state_class": "total_increasing"}
    yield _Entity("calls_today", "sensor", "Calls today", extra, has_attributes=True)
    types = sorted(CALL_EVENTS - {DtmfDigit.name})
    yield _Entity("call", "event", "Call", {"event_types": types, "icon": "mdi:phone-log"})
    types = list(DIGITS)
    yield _Entity("digit", "event", "Digit", {"event_types": types, "icon": "mdi:dialpad"})
    extra = {"event_types": [RING], "device_class": "doorbell"}
    yield _Entity("doorbell", "event", "Doorbell", extra)


def _controls() -> Iterator[_Entity]:
    for key, name, icon in (
        ("answer", "Answer", "mdi:phone-check"),
        ("hangup", "Hang up", "mdi:phone-hangup"),
        ("redial", "Redial", "mdi:phone-return"),
        ("dial", "Dial", "mdi:phone-outgoing"),
    ):
        yield _Entity(key, "button", name, {"icon": icon}, shows=False, takes=True)
    extra: Component = {"icon": "mdi:minus-circle"}
    yield _Entity("do_not_disturb", "switch", "Do not disturb", extra, takes=True)
    extra = {"options": list(AnswerMode), "entity_category": "config", "icon": "mdi:phone-cog"}
    yield _Entity("answer_mode", "select", "Answer mode", extra, takes=True)
    extra = {"max": LONGEST_NUMBER, "icon": "mdi:dialpad"}
    yield _Entity("number", "text", "Number to dial", extra, takes=True)
    extra = {"max": LONGEST_NUMBER, "entity_category": "config", "icon": "mdi:bullhorn"}
    yield _Entity("notify_number", "text", "Number to notify", extra, takes=True)
    yield _Entity("speak", "notify", "Notify by phone", {}, shows=False, takes=True)


def _enum(words: type[CallState | Direction | Outcome]) -> Component:
    return {"device_class": "enum", "options": [word.value for word in words]}
