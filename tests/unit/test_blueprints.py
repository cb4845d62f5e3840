"""The blueprints are whole: their inputs, their spelling, and every command that they send."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from hasip.calls.menu import menu_of
from hasip.commands.model import Answer, CallService, Dial, parse_command
from hasip.events.model import COMMAND_EVENTS
from support.blueprints import (
    FOLDER,
    NAMES,
    Input,
    body_of,
    filled,
    read,
    steps_of,
    variables_of,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

# What must be given.
GIVEN: Mapping[str, Mapping[str, Any]] = {
    "doorbell": {
        "doorbell": "event.door",
        "number": "sip:**620@fritz.box",
        "door": "lock.front",
    },
    "alarm_call": {"alarm": ["binary_sensor.smoke"], "numbers": ["0123", 5551234]},
    "pin_gate": {"pins": ["0123", 4711], "gate": "cover.gate"},
    "missed_call": {},
}
EVENT = {
    "event": "incoming_call",
    "internal_id": '"Alice" <sip:+49301@fritz.box>',
    "caller": '"Alice" <sip:+49301@fritz.box>',
    "parsed_caller": "+49301",
    "sip_account": 1,
}
# What Home Assistant knows when the command is made.
RUN: Mapping[str, Any] = {
    "trigger": {"json": EVENT},
    "repeat": {"item": "0123"},
    "context": {"id": "01JDXYZ"},
    "this": {"entity_id": "automation.gate"},
}
every = pytest.mark.parametrize("name", NAMES)
those_that_command = pytest.mark.parametrize("name", ["alarm_call", "doorbell", "pin_gate"])
those_that_open = pytest.mark.parametrize(
    ("name", "opener"), [("doorbell", "door"), ("pin_gate", "gate")]
)


def inputs_of(name: str) -> dict[str, Any]:
    """Return the inputs as they are with nothing but what must be given."""
    declared = read(name)["blueprint"]["input"]
    defaults = {key: spec["default"] for key, spec in declared.items() if "default" in spec}
    return {**defaults, **GIVEN[name]}


def command_of(name: str, **inputs: Any) -> Any:
    """Return the command that a blueprint sends, as it stands in JSON."""
    automation = filled(body_of(read(name)), {**inputs_of(name), **inputs})
    return variables_of(automation, RUN)["command"]


def test_there_are_these() -> None:
    assert set(NAMES) == set(GIVEN)


@every
def test_every_input_is_used_and_every_input_that_is_used_is_declared(name: str) -> None:
    declared = read(name)["blueprint"]["input"]
    used = {part.name for part in walk(body_of(read(name))) if isinstance(part, Input)}

    assert used == set(declared)


@every
def test_it_says_what_it_is_and_asks_for_nothing_that_has_a_good_default(name: str) -> None:
    about = read(name)["blueprint"]
    assert about["domain"] == "automation"
    assert about["homeassistant"]["min_version"] == "2024.3.0"
    assert about["name"].startswith("ha-sip: ")
    assert about["description"]
    for spec in about["input"].values():
        assert spec["name"]
        assert len(spec["selector"]) == 1
    required = {key for key, spec in about["input"].items() if "default" not in spec}

    assert required == set(GIVEN[name])


@every
def test_it_is_spelt_as_the_oldest_home_assistant_wants_it(name: str) -> None:
    """Later ones also take `triggers`, `trigger: webhook` and `action: mqtt.publish`."""
    content = read(name)
    known = {"blueprint", "mode", "max", "max_exceeded", "trigger", "condition", "variables"}
    assert set(content) <= known | {"action"}
    for part in walk(list(body_of(content).values())):
        if isinstance(part, dict):
            assert not {"action", "actions", "trigger", "triggers", "conditions"} & (
                part.keys() - {"conditions" if "sequence" in part else ""}
            )


@every
def test_webhooks_are_open_to_the_local_network_only(name: str) -> None:
    webhooks = [part for part in steps_of(read(name)) if part.get("platform") == "webhook"]
    assert webhooks
    for webhook in webhooks:
        assert webhook["local_only"] is True
        assert webhook["allowed_methods"] == ["POST"]


@those_that_command
def test_the_command_that_it_sends_is_one(name: str) -> None:
    command = parse_command(command_of(name))
    assert isinstance(command, Dial | Answer)
    assert command.unknown_keys == ()
    assert command.webhook_to_call.keys() <= COMMAND_EVENTS
    tree = menu_of(command)
    assert tree is not None
    assert not tree.warnings


@those_that_command
def test_texts_arrive_as_they_are_written(name: str) -> None:
    """JSON, YAML, Python and Jinja treat all of these characters specially."""
    texts = [key for key in read(name)["blueprint"]["input"] if key.endswith("message")]
    written, said = ('say "it\'s" {{ 1 }} äöü \\ #1: true', 'say "it\'s" 1 äöü \\ #1: true')
    command = command_of(name, **dict.fromkeys(texts, written), language="de")

    heard = [part["message"] for part in steps_of(command) if "message" in part]
    assert len(heard) >= len(texts)
    assert set(heard) == {said}
    assert command["menu"]["language"] == "de"


@those_that_command
def test_numbers_and_codes_stay_as_they_are_written(name: str) -> None:
    command = command_of(name)
    choices = set(command["menu"]["choices"])
    if name == "pin_gate":
        assert choices == {"0123", "4711", "default"}
        assert command["number"] == EVENT["internal_id"]
    else:
        assert choices == {"1"}
        assert command["number"] == "0123"


@those_that_command
def test_an_account_is_named_only_if_there_is_one_to_name(name: str) -> None:
    """0 stands for the first account, and for any account where calls come in."""
    assert command_of(name).get("sip_account") is None
    if "sip_account" in command_of(name):
        assert command_of(name, sip_account=2)["sip_account"] == 2


@those_that_open
@pytest.mark.parametrize(
    ("domain", "service"),
    [
        ("lock", "unlock"),
        ("cover", "open_cover"),
        ("button", "press"),
        ("input_button", "press"),
        ("switch", "turn_on"),
        ("script", "turn_on"),
        ("input_boolean", "turn_on"),
        ("light", "turn_on"),
    ],
)
def test_a_door_is_opened_as_its_kind_wants_it(
    name: str, opener: str, domain: str, service: str
) -> None:
    [allowed] = read(name)["blueprint"]["input"][opener]["selector"]["entity"]["filter"]
    assert domain in allowed["domain"]
    command = command_of(name, **{opener: f"{domain}.opener"})
    actions = [part["action"] for part in steps_of(command) if "action" in part]
    assert actions
    for action in map(parse_command, actions):
        assert isinstance(action, CallService)
        assert (action.domain, action.service) == (domain, service)
        assert action.body() == {"entity_id": f"{domain}.opener"}


@those_that_command
def test_every_channel_sends_the_command(name: str) -> None:
    steps = steps_of(body_of(read(name)))
    sent = {step["service"]: step["data"] for step in steps if "command" in str(step.get("data"))}
    assert sent == {
        "hassio.addon_stdin": {"addon": Input("app"), "input": "{{ command }}"},
        "hassio.app_stdin": {"app": Input("app"), "input": "{{ command }}"},
        "mqtt.publish": {
            "topic": Input("mqtt_topic"),
            "payload": "{{ command | to_json }}",
            "qos": 1,
        },
    }
    declared = read(name)["blueprint"]["input"]
    options = declared["channel"]["selector"]["select"]["options"]
    assert [option["value"] for option in options] == ["addon_stdin", "app_stdin", "mqtt"]
    assert declared["channel"]["default"] == "addon_stdin"
    assert declared["app"]["default"] == "c7744bff_ha-sip"
    assert declared["mqtt_topic"]["default"] == "hasip/execute"


@every
def test_it_is_documented_with_all_its_inputs_and_an_example(name: str) -> None:
    text = (FOLDER.parents[2] / "docs" / "blueprints.md").read_text(encoding="utf-8")
    declared = read(name)["blueprint"]["input"]
    for key in declared:
        assert f"`{key}`" in text, key
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    examples = [yaml.safe_load(block) for block in blocks]
    path = f"ha-sip/{name}.yaml"
    [given] = [
        example["use_blueprint"]["input"]
        for example in examples
        if example["use_blueprint"]["path"] == path
    ]
    assert GIVEN[name].keys() <= given.keys() <= declared.keys()
