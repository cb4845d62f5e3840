"""Menu files: as people write them, YAML's traps included."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hasip.calls.menu import SILENT
from hasip.calls.menu_file import MenuFileError, parse_menu_file, read_menu_file
from hasip.commands.model import CallService

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


@pytest.mark.parametrize(
    "written", ["<sip:%35551234@h>", "sip:555-12.34@h", "sip:5551234:x@h", "<tel:555-1234>"]
)
def test_a_number_is_itself_however_it_is_written(written: str) -> None:
    assert not parse_menu_file('blocked_numbers: ["5551234"]', "f").filter.admits(written)
    assert parse_menu_file('allowed_numbers: ["5551234"]', "f").filter.admits(written)


def test_a_filter_may_name_a_number_as_it_comes() -> None:
    file = parse_menu_file('allowed_numbers: ["555-1234", "%2B49{*}"]', "f")

    assert file.filter.admits("sip:555-1234@h")
    assert file.filter.admits("<sip:%2B49301@h>")
    assert not file.filter.admits("5551234")


def test_a_caller_costs_no_new_expression_however_many_numbers_are_blocked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That is on the thread that all calls wait for; `re` itself remembers 512."""
    listed = ", ".join(f'"{number}{{*}}", "{number}{{?}}1", "{number}"' for number in range(1000))
    file = parse_menu_file(f"blocked_numbers: [{listed}]", "f")
    compiled: list[str] = []
    monkeypatch.setattr(re, "compile", lambda pattern, *_: compiled.append(pattern))

    assert not file.filter.admits("sip:9991@h")
    assert file.filter.admits("sip:stranger@h")
    assert compiled == []


def test_an_empty_file_answers_everybody_in_silence() -> None:
    file = parse_menu_file("", "f")

    assert file.tree is SILENT
    assert file.filter.admits("anybody")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("allowed_numbers: []\nblocked_numbers: []", "2: blocked_numbers: .*remove one of them"),
        ("menu: [1, 2]", "1: menu: must be a mapping"),
        ("[]", "1: must be a mapping"),
        ("menu:\n  id: a\n  post_action: fly", "3: menu.post_action: must be noop, hangup, .*fly"),
        ("menu:\n  timeout: never", '2: menu.timeout: must be a number; got "never"'),
        ("menu:\n  message:\n    - 1", "2: menu.message: must be text"),
        ("menu:\n  cache_audio: often", '2: menu.cache_audio: must be true or false; got "often"'),
        ("menu:\n  pin_max_attempts: 1.5", "2: .*: must be a whole number"),
        ("menu:\n  message: 'open", "2: found unexpected end of stream"),
        ("menu:\n\tmessage: x", "2: found character that cannot start any token"),
        ("menu: !!python/object:os.system x", "1: could not determine a constructor"),
        ("answer_after: -1", "1: answer_after: "),
        ("menu:\n  action:\n    domain: x", "2: menu.action.service: is required"),
        (
            "menu:\n  choices:\n    1:\n      action: {command: hang_up}",
            '4: menu.choices.1.action: unknown command "hang_up"; did you mean "hangup"?',
        ),
        (
            "menu:\n  action:\n    command: dial\n    number: 1\n    menu:\n      post_action: x",
            "6: menu.action.menu.post_action: must be noop",
        ),
    ],
)
def test_a_bad_file_says_the_file_the_line_and_what_to_write(text: str, said: str) -> None:
    with pytest.raises(MenuFileError) as caught:
        parse_menu_file(text, "/config/sip-1.yaml")

    (problem,) = caught.value.problems
    assert re.match(f"/config/sip-1.yaml:{said}", problem)


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines() -> None:
    text = "answer_after: soon\nmenu:\n  choices:\n    1: [x]\n    2: {timeout: y}\n"
    with pytest.raises(MenuFileError) as caught:
        parse_menu_file(text, "f")

    assert [problem.split(" ")[0] for problem in caught.value.problems] == ["f:1:", "f:4:", "f:5:"]


def test_each_mistake_of_a_large_file_has_its_line_and_not_all_ids() -> None:
    """Each said all ids there are: in a menu of 10,000 choices, 1 GB of them."""
    choices = [
        f"    {code}: {{id: menu{code}, post_action: jump away}}" for code in range(5000, 9000)
    ]
    text = "\n".join(["menu:", "  choices:", *choices])
    warnings = parse_menu_file(text, "f").warnings

    assert [int(warning.split(":")[1]) for warning in warnings] == list(range(3, 4003))
    assert warnings[0].endswith(
        "; ids: " + ", ".join(f"menu{n}" for n in range(5000, 5020)) + " and 3980 more"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mneu: {}", '1: mneu: unknown key "mneu"; did you mean "menu"?'),
        ("menu:\n  mesage: x", '2: menu.mesage: unknown key "mesage"; did you mean "message"?'),
        (
            "menu:\n  action:\n    domain: a\n    service: b\n    entity: c",
            '5: menu.action: unknown key "entity"; did you mean "entity_id"?',
        ),
        (
            "menu:\n  id: a\n  post_action: jump b",
            '3: menu.post_action: no menu has the id "b"; ids: a',
        ),
        (
            "menu:\n  choices:\n    1: {id: x}\n    12: {id: y}",
            '4: menu.choices: "12" can never be typed, since one that it begins with',
        ),
        (
            "menu:\n  choices_are_pin: true\n  choices:\n    1: {id: x}\n    12: {id: y}",
            '5: menu.choices: "*" can never be typed',
        ),
        ("menu:\n  choices:\n    x: {id: y}", "3: menu.choices.x: can never be typed; a choice is"),
        (
            "menu:\n  choices:\n    default: {message: y}",
            "3: menu.choices.default: a caller who gets here stays",
        ),
        (
            "menu:\n  id: a\n  choices:\n    1: {id: a}",
            '4: menu.choices.1.id: "a" is taken, jumps go to the first menu with it; choose',
        ),
        ("menu:\n  id: a\n  id: b", '3: the key "id" is there twice; the first one is ignored'),
        (
            "webhook_to_call:\n  call_establisht: x",
            '2: webhook_to_call: unknown event "call_establisht"; did you mean "call_established"?',
        ),
        (
            "menu:\n  action:\n    command: dial\n    number: 1\n    menu:\n      mesage: x",
            '6: menu.action.menu.mesage: unknown key "mesage"',
        ),
    ],
)
def test_what_cannot_work_as_meant_is_warned_of_with_its_line(text: str, said: str) -> None:
    (warning,) = parse_menu_file(text, "f").warnings

    assert warning.startswith(f"f:{said}")


def test_a_code_is_in_no_message() -> None:
    text = "menu:\n  choices_are_pin: true\n  choices:\n    4711: {mesage: x, timeout: %s}\n"
    with pytest.raises(MenuFileError) as caught:
        parse_menu_file(text % "y", "f")

    assert "4: menu.choices.*.timeout: must be" in str(caught.value)
    assert "4711" not in str(caught.value)
    (warning,) = parse_menu_file(text % 1, "f").warnings
    assert "4711" not in warning


@settings(deadline=None)  # a busy machine takes what it takes
@given(st.text())
def test_no_text_raises_anything_but_a_menu_file_error(text: str) -> None:
    try:
        parse_menu_file(text, "f")
    except MenuFileError as error:
        assert all(re.match(r"f:\d+: .", problem) for problem in error.problems)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a\0b", r"'a\x00b': no file can have this name"),
        ("\ud800", r"'\ud800': no file can have this name"),
        ("missing", "missing: cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_can_not_be_is_told(name: str, said: str) -> None:
    with pytest.raises(MenuFileError) as caught:
        read_menu_file(Path(name))

    assert caught.value.problems == (said,)


def test_aliases_of_aliases_end_at_a_limit_and_in_no_time() -> None:
    lines = ["c0: &c0 {message: m}"]
    lines += [f"c{n}: &c{n} {{choices: {{1: *c{n - 1}, 2: *c{n - 1}}}}}" for n in range(1, 60)]
    with pytest.raises(MenuFileError, match=r"its aliases .* stand for more than 100000 entries"):
        parse_menu_file("\n".join([*lines, "menu: *c59"]), "f")


def test_aliases_in_reason_are_what_they_stand_for() -> None:
    text = "menu: {choices: {1: &b {id: b, message: m}, 2: {choices: {3: *b}}}}"

    # With the default and the timeout of the two that have choices.
    assert len(parse_menu_file(text, "f").tree.menus) == 8


def test_a_menu_that_stands_in_itself_is_told_with_its_line() -> None:
    with pytest.raises(MenuFileError, match=r"x\.yaml:3: .*stands in itself"):
        parse_menu_file("menu: &a\n  choices:\n    1: *a\n", "x.yaml")
