"""Reading commands: lines, JSON, fields, and what is said of what can't be read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hasip.calls.menu import build_menu
from hasip.commands.findings import DEEPEST
from hasip.commands.lines import LineSplitter, read_command
from hasip.commands.model import (
    CallService,
    Dial,
    Hangup,
    InvalidCommandError,
    PlayMessage,
    UnknownCommandError,
    parse_command,
)


@given(
    st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]))), st.data()
)
def test_lines_come_out_whole_however_the_bytes_are_split(
    lines: list[str], data: st.DataObject
) -> None:
    stream = "".join(line + "\n" for line in lines).encode()
    splitter, out = LineSplitter(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        out += splitter.feed(stream[:size])
        stream = stream[size:]

    assert [line.decode() for line in out] == lines
    assert list(splitter.finish()) == []


def test_a_last_line_without_an_end_counts() -> None:
    splitter = LineSplitter()
    assert list(splitter.feed(b'{"a"')) == []

    assert list(splitter.finish()) == [b'{"a"']


def test_without_a_verb_it_is_call_service_with_a_flat_body() -> None:
    command = parse_command(
        {
            "domain": "script",
            "service": "turn_on",
            "entity_id": "script.play",
            "service_data": {"variables": {"song": "x"}},
        }
    )

    assert isinstance(command, CallService)
    assert command.body() == {"entity_id": "script.play", "variables": {"song": "x"}}


def test_a_number_may_be_a_json_number() -> None:
    command = parse_command({"command": "hangup", "number": 5551234456})

    assert isinstance(command, Hangup)
    assert command.number == "5551234456"


def test_home_assistants_double_encoded_string_is_decoded_twice() -> None:
    inner = json.dumps({"command": "dial", "number": "sip:x@y", "menu": {"message": "Ümlaut 🔔"}})

    command = read_command(json.dumps(inner).encode())

    assert isinstance(command, Dial)
    assert command.menu is not None
    assert command.menu.message == "Ümlaut 🔔"
    assert command.ring_timeout_s == 300


def test_an_empty_line_is_nothing() -> None:
    assert read_command(b" \r") is None


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ({"command": "dial"}, "number: is required"),
        ({"command": "dial", "number": True}, "number: "),
        ({"command": "hangup", "number": "1", "sip_code": 7}, 'sip_code: .*got "7"'),
        ({"command": "play_message", "number": "1"}, "message: is required"),
        ({"command": "play_message", "number": "1", "message": "x", "post_action": "fly"}, "post"),
        ({"command": "dial", "number": "1", "ring_timeout": "soon"}, "ring_timeout: "),
        (
            {"command": "dial", "number": "1", "menu": {"action": {"command": "fly"}}},
            'menu.action: unknown command "fly"',
        ),
    ],
)
def test_a_command_that_cannot_be_read_says_where_and_why(raw: object, text: str) -> None:
    with pytest.raises(InvalidCommandError, match=text) as caught:
        parse_command(raw)

    assert caught.value.command in ("dial", "hangup", "play_message")


def test_an_unknown_verb_is_named_and_its_request_id_kept() -> None:
    with pytest.raises(UnknownCommandError, match="Unknown command: fly") as caught:
        parse_command({"command": "fly", "request_id": 7})

    assert caught.value.request_id == "7"


def test_a_pin_is_not_shown_in_an_error() -> None:
    spoilt = {"choices": {"4711": {"timeout": "long"}}}
    with pytest.raises(InvalidCommandError) as caught:
        parse_command({"command": "dial", "number": "1", "menu": spoilt})
    assert "4711" not in str(caught.value)

    with pytest.raises(InvalidCommandError, match="Could not deserialize JSON") as caught:
        read_command(b'{"choices": {"4711": broken')
    assert "4711" not in str(caught.value)


def test_keys_that_mean_nothing_are_kept_to_be_warned_of() -> None:
    command = parse_command({"command": "play_message", "number": "1", "message": "x", "mesage": 1})

    assert isinstance(command, PlayMessage)
    assert command.unknown_keys == ("mesage",)


@pytest.mark.parametrize(
    "keys", [("ring_timeout", "ring_timeout_s"), ("ring_timeout_s", "ring_timeout")]
)
def test_a_key_beside_the_one_that_it_is_written_as_means_nothing(keys: tuple[str, str]) -> None:
    times = {key: 15 if key == "ring_timeout" else 20 for key in keys}
    command = parse_command({"command": "dial", "number": "1"} | times)

    assert isinstance(command, Dial)
    assert command.ring_timeout_s == 15
    assert command.unknown_keys == ("ring_timeout_s",)


@given(st.binary())
def test_no_line_of_bytes_raises_anything_else(line: bytes) -> None:
    try:
        read_command(line)
    except InvalidCommandError as error:
        assert str(error)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@given(
    st.sampled_from(["dial", "answer", "play_message", "call_service"]), json_values, json_values
)
def test_no_json_raises_anything_else(verb: str, menu: object, number: object) -> None:
    raw = {"command": verb, "number": number, "menu": menu, "message": menu, "domain": number}
    try:
        read_command(json.dumps(raw).encode())
    except InvalidCommandError as error:
        assert str(error)


def test_deep_nesting_is_refused_not_fatal() -> None:
    with pytest.raises(InvalidCommandError):
        read_command(b"[" * 200_000)


def test_half_a_surrogate_pair_is_replaced_and_a_whole_one_is_kept() -> None:
    command = read_command(rb'{"command": "hangup", "number": "\ud800 \ud83d\ude00"}')

    assert isinstance(command, Hangup)
    assert command.number == "\ufffd \U0001f600"


def nested(menus: int) -> dict[str, object]:
    menu: dict[str, object] = {"message": "the last"}
    for _ in range(menus - 1):
        menu = {"choices": {"1": menu}}
    return {"command": "dial", "number": "1", "menu": menu}


def test_menus_go_as_deep_as_anybody_wants_and_then_say_so() -> None:
    deep = parse_command(nested(DEEPEST - 1))
    assert isinstance(deep, Dial)
    assert deep.menu is not None
    assert len(build_menu(deep.menu).menus) >= DEEPEST - 1

    with pytest.raises(InvalidCommandError, match="nested too deeply"):
        parse_command(nested(DEEPEST))


def test_every_mistake_is_told_not_only_the_first() -> None:
    with pytest.raises(InvalidCommandError) as error:
        parse_command(
            {
                "command": "dial",
                "ring_timeout": -1,
                "sip_account": 1.5,
                "menu": {
                    "mask_pin": "perhaps",
                    "choices": {
                        "1": {"action": {"domain": "lock", "command": "call_servic"}},
                        "2": 7,
                    },
                },
            }
        )

    said = str(error.value)
    for text in (
        "number: is required",
        'menu.choices.1.action: unknown command "call_servic"; did you mean "call_service"?',
        'menu.choices.2: must be a mapping, each line a key and its value; got "7"',
        'menu.mask_pin: must be true or false; got "perhaps"',
        'ring_timeout: Input should be greater than or equal to 0; got "-1"',
        'sip_account: must be a whole number; got "1.5"',
    ):
        assert text in said


@pytest.mark.parametrize(
    ("written", "read"),
    [(True, True), (0, False), (1.0, True), ("YES", True), ("off", False), ("f", False)],
)
def test_templates_may_make_text_of_a_switch(written: object, *, read: bool) -> None:
    command = parse_command(
        {"command": "play_message", "number": 1, "message": 5, "cache_audio": written}
    )

    assert isinstance(command, PlayMessage)
    assert command.cache_audio is read
    assert command.message == "5"


@pytest.mark.parametrize(
    ("written", "read"), [("2", 2), (" 2 ", 2), ("2.0", 2), (2.0, 2), ("1_000", 1000), (True, 1)]
)
def test_templates_may_make_text_of_a_whole_number(written: object, read: int) -> None:
    command = parse_command({"command": "dial", "number": 1, "sip_account": written})

    assert isinstance(command, Dial)
    assert command.sip_account == read
