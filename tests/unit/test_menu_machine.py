"""What a call does in its menus: section 3 of the contract, rule by rule."""

from __future__ import annotations

from hasip.calls import machine
from hasip.calls.call_state import (
    AnswerCall,
    AnswerRequested,
    Arm,
    BridgeChanged,
    Cancel,
    CarryOut,
    Disconnected,
    Ended,
    HangupRequested,
    Ignored,
    PeerChanged,
    PinLocked,
    PinTried,
    Plan,
    PlaybackEnded,
    PlayRequested,
    Prepare,
    Refuse,
    Ringing,
    StopRequested,
    Timer,
    WhenUp,
)
from hasip.calls.prompt import Message
from hasip.commands.model import CallService, Transfer
from hasip.events.model import (
    CallEstablished,
    DtmfDigit,
    MenuTimeout,
    MessagePlayed,
    PinLockout,
    RingTimeout,
)
from support.call_player import CallPlayer
from support.menus import menu_tree

OPEN = {"domain": "switch", "service": "turn_on", "entity_id": "switch.door"}
PIN = {
    "id": "main",
    "message": "code?",
    "choices_are_pin": True,
    "timeout": 10,
    "choices": {
        "1234": {"id": "owner", "message": "welcome", "action": OPEN, "post_action": "hangup"},
        "default": {"id": "wrong", "message": "wrong code", "post_action": "return"},
        "timeout": {"id": "late", "message": "bye", "post_action": "hangup"},
    },
}


def test_a_call_is_answered_before_its_speech_is_asked_for() -> None:
    """The 200 would else wait for the worker that asks, which takes the interpreter."""
    plan = Plan(menu_tree(message="Hi"), settle_time_s=0.0)
    _, at_once = machine.incoming(plan, 0.0)
    _, by_command = machine.step(Ringing(plan), AnswerRequested())
    for effects in (at_once, by_command):
        kinds = [type(effect) for effect in effects]
        assert kinds.index(AnswerCall) < kinds.index(Prepare)


def up(**menu: object) -> CallPlayer:
    call = CallPlayer(menu_tree(**menu))
    call.connect()
    return call


def test_the_event_comes_first_then_the_action_then_the_prompt() -> None:
    call = up(id="main", message="hello", action=OPEN)

    names = [type(effect).__name__ for effect in call.effects]
    assert names == ["Arm", "Prepare", "Cancel", "Tell", "Tell", "RunAction", "Arm", "Play"]
    assert call.entered == ["main"]
    assert call.text == "hello"


def test_a_message_and_an_audio_file_are_played_one_after_the_other() -> None:
    call = up(message="hello", audio_file="/a.mp3", post_action="hangup")

    call.hear_out()
    assert call.playing is not None
    assert not call.is_hung_up
    call.hear_out()

    assert call.is_hung_up


def test_who_takes_a_call_over_hears_the_menus_prompt_from_its_start() -> None:
    for hears_out in (False, True):
        call = up(**PIN)
        if hears_out:
            call.hear_out()
        call.type("12")
        effects = call.feed(PeerChanged())

        assert call.text == "code?"
        assert Arm(Timer.MENU, 10.0) in effects
        assert not call.actions
        call.type("34")  # the digits of the one before do not count
        assert call.menu_id == "main"


def test_who_takes_a_call_over_hears_a_commands_message_or_the_bridge() -> None:
    call = up(message="hello", choices={"1": {}})
    call.feed(PlayRequested(prompt=Message(text="fire"), hang_up_after=True))
    call.feed(PeerChanged())
    assert call.text == "fire"
    call.hear_out()
    assert call.is_hung_up

    call = up(message="hello")
    call.hear_out()
    call.feed(BridgeChanged(is_bridged=True), PeerChanged())
    assert call.playing is None


def test_a_pin_is_entered_as_soon_as_it_matches() -> None:
    call = up(**PIN)

    call.type("123")
    assert call.menu_id == "main"
    call.type("4")

    assert call.menu_id == "owner"
    assert call.actions == [
        CallService(domain="switch", service="turn_on", entity_id="switch.door")
    ]
    assert call.text == "welcome"


def test_a_wrong_pin_is_wrong_at_its_last_digit_only() -> None:
    call = up(**PIN)

    call.type("999")
    assert call.menu_id == "main"
    call.type("9")

    assert call.menu_id == "wrong"


def test_a_pin_retyped_while_wrong_code_is_said_loses_no_digit() -> None:
    call = up(**PIN)

    call.type("9999" + "1234")

    assert call.entered == ["main", "wrong", "main", "owner"]


def test_the_prompt_gone_back_to_does_not_talk_over_the_retyped_pin() -> None:
    call = up(**PIN)

    call.type("9999" + "1")

    assert call.menu_id == "main"
    assert call.playing is None


def test_digits_are_dropped_while_a_prompt_must_be_heard_but_not_those_of_a_retyped_pin() -> None:
    call = up(**{**PIN, "wait_for_audio_to_finish": True})

    call.type("1234")
    assert call.menu_id == "main"
    assert DtmfDigit("1") not in call.told
    call.hear_out()
    call.type("9999" + "1234")

    assert call.menu_id == "owner"


def test_a_digit_counts_as_soon_as_no_choice_starts_with_it() -> None:
    call = up(id="main", choices={"12": {"id": "a"}, "default": {"id": "other"}})

    call.type("1")
    assert call.menu_id == "main"
    call.type("3")

    assert call.menu_id == "other"


def test_a_missing_default_says_unknown_option_and_returns_one_level() -> None:
    call = up(id="main", message="hello", choices={"1": {"id": "one"}})

    call.type("7")
    assert call.text == "Unknown option"
    call.hear_out()

    assert call.menu_id == "main"
    assert call.text == "hello"


def test_a_missing_timeout_choice_hangs_up() -> None:
    call = up(id="main")

    assert call.timers == {Timer.MENU: 300.0}
    call.wait(Timer.MENU)

    assert MenuTimeout("main") in call.told
    assert call.is_hung_up


def test_the_timeout_choice_is_entered_and_the_prompt_falls_silent() -> None:
    call = up(**PIN)

    call.wait(Timer.MENU)

    assert call.menu_id == "late"
    assert call.text == "bye"


def test_every_digit_starts_the_timeout_anew_and_a_repeated_prompt_does_not() -> None:
    call = up(message="again", post_action="repeat_message", timeout=10, choices={"12": {}})

    call.timers.clear()
    call.hear_out()
    assert call.timers == {}
    assert call.text == "again"
    call.type("1")

    assert call.timers == {Timer.MENU: 10.0}


def test_a_repeated_prompt_runs_no_action_and_sends_no_event_again() -> None:
    call = up(id="main", message="again", action=OPEN, post_action="repeat_message")

    for _ in range(3):
        call.hear_out()

    assert len(call.actions) == 1
    assert call.entered == ["main"]


def test_return_goes_up_several_levels_and_past_the_root_it_stays() -> None:
    deep = {"id": "c", "message": "c", "post_action": "return 2"}
    call = up(
        id="a", message="a", choices={"1": {"id": "b", "message": "b", "choices": {"1": deep}}}
    )

    call.type("11")
    call.hear_out()
    assert call.menu_id == "a"

    root = up(id="a", message="a", post_action="return 3")
    effects = root.hear_out()
    assert root.menu_id == "a"
    assert any(isinstance(effect, Ignored) for effect in effects)


def test_jump_finds_any_menu_of_the_tree_fallbacks_included() -> None:
    call = up(
        id="main",
        choices={
            "1": {"message": "x", "post_action": "jump  late "},
            "timeout": {"id": " late ", "message": "late"},
        },
    )

    call.type("1")
    call.hear_out()

    assert call.menu_id == "late"


def test_a_jump_to_nowhere_stays() -> None:
    call = up(id="main", message="x", post_action="jump nowhere")

    call.hear_out()

    assert call.menu_id == "main"


def test_menus_without_prompts_that_lead_in_a_circle_end_and_run_each_action_once() -> None:
    call = up(
        id="a",
        choices={
            "1": {"id": "b", "action": OPEN, "post_action": "jump c"},
            "2": {"id": "c", "action": OPEN, "post_action": "jump b"},
        },
    )

    call.type("1")

    assert call.entered == ["a", "b", "c"]
    assert len(call.actions) == 2


def test_a_digit_in_prompts_that_jump_in_a_circle_ends() -> None:
    call = up(
        id="a",
        message="a",
        post_action="jump b",
        choices={"1": {"id": "b", "message": "b", "post_action": "jump a"}, "55": {"id": "c"}},
    )

    call.type("55")

    assert call.menu_id in ("a", "b", "c")


def test_an_interrupted_prompt_sends_no_playback_done_and_its_end_comes_too_late() -> None:
    call = up(message="hello", choices={"12": {}})
    assert call.playing is not None
    stale = call.playing.playback

    call.type("1")

    assert not any(isinstance(what, MessagePlayed) for what in call.told)
    effects = call.feed(PlaybackEnded(stale))
    assert all(isinstance(effect, Ignored) for effect in effects)


def test_the_post_action_of_an_interrupted_prompt_runs() -> None:
    call = up(message="bye", post_action="hangup")

    call.type("#")

    assert call.is_hung_up


def test_digits_before_the_call_is_settled_wait_and_are_handled_in_order() -> None:
    call = CallPlayer(menu_tree(**PIN), settle_time_s=1.0)
    call.connect()
    call.type("1234")
    assert call.told == []

    call.wait(Timer.SETTLE)

    assert call.told[0] == CallEstablished()
    assert call.menu_id == "owner"
    # The greeting was never to be heard.
    assert call.text == "welcome"


def test_a_message_by_command_takes_the_place_of_the_prompt_and_inherits_what_follows() -> None:
    call = up(**PIN)
    call.type("9999")

    call.feed(PlayRequested(prompt=Message(text="mind the step"), request_id="r"))
    assert call.text == "mind the step"
    call.hear_out()

    assert call.menu_id == "main"
    assert call.text == "code?"


def test_a_message_by_command_may_hang_up_after_it() -> None:
    call = up(id="main")

    call.feed(PlayRequested(prompt=Message(text="bye"), hang_up_after=True))
    call.hear_out()

    assert call.is_hung_up


def test_stop_playback_silences_a_repeating_prompt_for_good() -> None:
    call = up(message="again", post_action="repeat_message")

    call.feed(StopRequested())

    assert call.playing is None
    assert not call.is_hung_up


def test_a_play_command_on_a_call_that_rings_is_refused() -> None:
    call = CallPlayer(menu_tree())

    effects = call.feed(PlayRequested(prompt=Message(text="x")))

    assert isinstance(effects[0], Refuse)


def test_answering_a_call_that_is_up_enters_the_new_menu() -> None:
    call = up(id="old", message="old", timeout=5)

    call.feed(AnswerRequested(menu_tree(id="new", message="new", timeout=7)))

    assert call.menu_id == "new"
    assert call.text == "new"
    assert call.timers == {Timer.MENU: 7.0}


def test_a_call_that_nobody_answers_ends_with_ring_timeout() -> None:
    call = CallPlayer(menu_tree())

    call.wait(Timer.RING)

    assert call.told == [RingTimeout()]
    assert call.is_hung_up


def test_after_the_end_nothing_plays_and_no_timer_runs() -> None:
    call = up(**PIN)

    call.feed(Disconnected(), HangupRequested())

    assert call.state == Ended()
    assert call.timers == {}
    assert call.playing is None


# --- codes ----------------------------------------------------------------------------------


def test_a_code_is_counted_when_it_is_complete() -> None:
    call = up(**PIN, pin_max_attempts=2, pin_lockout=30)

    call.type("9999")
    call.type("123")
    assert call.effects_of(PinTried) == [
        PinTried(is_right=False, max_attempts=2, lockout_s=30.0, menu_id="main")
    ]
    call.type("4")

    assert call.effects_of(PinTried)[1:] == [
        PinTried(is_right=True, max_attempts=2, lockout_s=30.0, menu_id="main")
    ]


def test_codes_are_counted_neither_in_plain_menus_nor_where_it_is_off() -> None:
    plain = up(choices={"1": {"id": "one"}})
    off = up(**PIN, pin_max_attempts=0)

    plain.type("91")
    off.type("99991234")

    assert plain.effects_of(PinTried) == off.effects_of(PinTried) == []


def test_every_digit_of_a_code_is_secret_the_last_one_too() -> None:
    call = up(**{**PIN, "mask_pin": True})

    call.type("1234")

    digits = [what for what in call.told if isinstance(what, DtmfDigit)]
    assert digits == [DtmfDigit(digit, is_secret=True, is_masked=True) for digit in "1234"]


def test_digits_of_a_plain_menu_are_no_secret() -> None:
    call = up(choices={"1": {"id": "one"}}, mask_pin=True)

    call.type("1")

    assert DtmfDigit("1") in call.told


def test_one_wrong_code_too_many_ends_the_call() -> None:
    call = up(**PIN)

    call.feed(PinLocked(60.0))

    assert PinLockout(lockout_s=60.0) in call.told
    assert call.is_hung_up


def test_a_call_that_asks_for_no_code_is_not_ended_for_one_that_does() -> None:
    call = up(message="hello")

    call.feed(PinLocked(60.0))

    assert not call.is_hung_up


def test_a_call_that_would_answer_itself_does_not_after_a_lockout() -> None:
    tree = menu_tree(**PIN)
    state, _ = machine.incoming(Plan(tree, 0.0), 3.0)

    state, effects = machine.step(state, PinLocked(60.0))

    assert state == Ringing(Plan(tree, 0.0))
    assert Cancel(Timer.ANSWER_AFTER) in effects


# --- bridge, and commands beside the menus --------------------------------------------------


def test_a_menu_does_not_time_out_while_people_talk() -> None:
    call = up(timeout=5, choices={"77": {"id": "x"}})

    call.feed(BridgeChanged(is_bridged=True))
    assert Timer.MENU not in call.timers
    call.type("7")
    assert Timer.MENU not in call.timers
    call.feed(BridgeChanged(is_bridged=False))

    assert call.timers == {Timer.MENU: 5.0}


def test_a_command_for_the_call_waits_until_it_is_settled() -> None:
    wanted = WhenUp(Transfer(command="transfer", number="a", transfer_to="b"))
    call = CallPlayer(menu_tree(), settle_time_s=1.0)
    call.connect()
    call.feed(wanted)
    assert call.effects_of(CarryOut) == []

    call.wait(Timer.SETTLE)

    assert call.effects_of(CarryOut) == [CarryOut(wanted)]


def test_a_command_for_a_call_that_rings_or_is_over_is_refused() -> None:
    wanted = WhenUp(Transfer(command="transfer", number="a", transfer_to="b"))
    call = CallPlayer(menu_tree())
    call.feed(wanted)
    call.feed(Disconnected())
    call.feed(wanted)

    reasons = [refusal.reason for refusal in call.effects_of(Refuse)]
    assert reasons == ["the call is not up (dialing)", "the call is not up (ended)"]
