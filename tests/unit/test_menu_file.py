"""Menu files: as people write them, YAML's traps included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hasip.calls.menu import SILENT, Jump
from hasip.calls.menu_file import parse_menu_file
from hasip.commands.model import CallService
from hasip.errors import ConfigError

SEED = """
allowed_numbers: # list of numbers which will be answered
    - "5551234456"
    - 5559876543
    - "777{*}"
    - "555{?}"
answer_after: 0
webhook_to_call:
    call_established: another_webhook_id
    entered_menu:
menu:
    message: Please enter your access code
    choices_are_pin: true
    choices:
        '1234':
            id: owner
            message: Welcome beautiful.
            post_action: hangup
        0123:
            id: "  maintenance "
            action:
                domain: light
                service: turn_on
                service_data: {brightness: 100, on: true}
        'default':
            id: wrong_code
            message: Wrong code, please try again
            post_action: return
"""


def test_a_file_as_in_the_documentation_is_understood() -> None:
    file = parse_menu_file(SEED, "f")

    assert file.webhooks == {"call_established": "another_webhook_id"}
    assert file.tree.root.choices_are_pin
    assert set(file.tree.root.choices) == {"1234", "0123"}
    cleaner = file.tree[file.tree.root.choices["0123"]]
    assert cleaner.id == "maintenance"
    assert isinstance(cleaner.action, CallService)
    assert cleaner.action.body() == {"brightness": 100, "on": True}
    assert file.warnings == ()


@pytest.mark.parametrize(
    ("number", "admitted"),
    [
        ("5551234456", True),
        ("5559876543", True),
        ("777", True),
        ("7771", True),
        ("5551", True),
        ("55512", False),
        ("anonymous", False),
    ],
)
def test_filters_with_wildcards(number: str, admitted: bool) -> None:  # noqa: FBT001
    assert parse_menu_file(SEED, "f").filter.admits(number) is admitted


def test_blocked_numbers_are_not_answered_and_all_others_are() -> None:
    file = parse_menu_file('blocked_numbers: ["{*}13"]', "f")

    assert not file.filter.admits("4713")
    assert file.filter.admits("4711")


def test_an_empty_file_answers_everybody_in_silence() -> None:
    file = parse_menu_file("", "f")

    assert file.tree is SILENT
    assert file.filter.admits("anybody")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("allowed_numbers: []\nblocked_numbers: []", "both there"),
        ("menu: [1, 2]", "menu: "),
        ("menu: {post_action: fly}", "menu.post_action: must be noop, hangup"),
        ("menu: {timeout: never}", "menu.timeout: "),
        ("menu:\n  message: 'open", "line "),
        ("answer_after: -1", "answer_after: "),
        ("menu: {action: {domain: x}}", "service is required"),
    ],
)
def test_a_bad_file_says_the_file_and_the_place(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        parse_menu_file(text, "/config/sip-1.yaml")

    assert str(caught.value).startswith("/config/sip-1.yaml: ")


def test_what_cannot_work_as_meant_is_warned_of() -> None:
    file = parse_menu_file(
        "menu: {mesage: x, post_action: jump nowhere, "
        "choices: {1: {}, 12: {}, x: {}, default: {message: y}}}",
        "f",
    )

    said = "\n".join(file.warnings)
    assert "unknown key 'mesage'" in said
    assert 'no menu has the id "nowhere"' in said
    assert '"12" can never be typed' in said
    assert "menu.choices.x: can never be typed" in said
    assert "a caller who gets here stays" in said
    assert file.tree.root.post_action == Jump("nowhere", None)


@given(st.text())
def test_no_text_raises_anything_but_a_config_error(text: str) -> None:
    try:
        parse_menu_file(text, "f")
    except ConfigError as error:
        assert str(error).startswith("f: ")
