"""Calls on a bad line: 5 % of all packets are lost, and each takes up to 60 ms longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import audio
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.lossy_link import lossy_link
from support.netns import Network
from support.phone import Phone
from support.source_build import BUILDS, python_of
from support.together import Together

if TYPE_CHECKING:
    from pathlib import Path

    from support.phone.rtp import AudioStream

waiting = Together()

HOUSE, OUTSIDE = "10.78.0.1", "10.78.0.2"
PIN = "135790"
PROMPT = "Please enter your access code, it has six digits"
MENU = {
    "menu": {
        "message": PROMPT,
        "choices_are_pin": True,
        "choices": {
            PIN: {"action": {"domain": "light", "service": "turn_on"}, "post_action": "hangup"}
        },
    }
}
CALLS = 4
LEAST_ALIKE = 0.65  # another sentence gets up to 0.5
PACKET_SAMPLES = 160


def as_played(stream: AudioStream) -> list[int]:
    """Return what was heard at its time: silence is in place of what was lost."""
    played: list[int] = []
    numbers = list(stream.sequence_numbers)
    for index, number in enumerate(numbers):
        lost = (number - numbers[max(index - 1, 0)] - 1) & 0xFFFF if index else 0
        at = index * PACKET_SAMPLES
        played += [0] * (lost * PACKET_SAMPLES) + stream.samples[at : at + PACKET_SAMPLES]
    return played


@pytest.mark.parametrize("build", BUILDS)
@waiting
def test_digits_and_prompts_arrive_on_a_bad_line(tmp_path: Path, build: str) -> None:
    """Half of the calls type by telephone-event, half by INFO; requests are sent again."""
    sent = heard = 0
    alike = []
    with Network() as network:
        house_machine, phone_machine = network.machine("house"), network.machine("phone")
        ends = (house_machine, f"{HOUSE}/30"), (phone_machine, f"{OUTSIDE}/30")
        with lossy_link(*ends, loss=0.05, jitter_ms=60):
            with phone_machine.entered():
                alice = Phone("alice", host=OUTSIDE)
            with house_machine.entered():
                house = StandInHomeAssistant()
                gateway = GatewayProcess(
                    tmp_path,
                    house=house,
                    menu_file=MENU,
                    host=HOUSE,
                    python=python_of(build),
                    SIP1_OPTIONS="--ice off",
                )
            with house, alice, gateway:
                with phone_machine.entered():
                    calls = [alice.call(gateway.uri) for _ in range(CALLS)]
                prompt = audio.read_wav(house.speak(PROMPT))
                other = audio.read_wav(house.speak("The washing machine is done, hang it up"))
                for number, call in enumerate(calls):
                    call.wait_answered()
                    start = call.wait_sound()
                    call.wait_samples(start + len(prompt))
                    call.wait_quiet(since=8000)
                    alike.append(audio.likeness(as_played(call.stream), prompt))
                    assert audio.likeness(as_played(call.stream), other) < LEAST_ALIKE
                    (call.type_digits if number % 2 else call.type_by_info)(PIN)
                for call in calls:
                    call.wait_ended()
                    numbers = call.stream.sequence_numbers
                    heard += len(set(numbers))
                    sent += ((numbers[-1] - numbers[0]) & 0xFFFF) + 1
                house.wait(lambda: len(house.services) >= CALLS, "all doors")
                opened = [name for name, _ in house.services if name == "light/turn_on"]

    print(
        f"{len(opened)} of {CALLS} codes of {len(PIN)} digits; {heard} of {sent} packets heard; "
        f"the prompts are alike by {', '.join(f'{one:.2f}' for one in alike)}"
    )
    assert len(opened) == CALLS
    assert min(alike) > LEAST_ALIKE
    assert 0.90 < heard / sent < 0.99  # the line was bad indeed
