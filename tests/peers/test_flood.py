"""A flood of calls and registrations harms no call that is up, and leaves nothing behind.

`FLOOD_SECONDS=30 ./build.sh test tests/peers/test_flood.py -s` has it last longer.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from hasip.sip.strangers import ANSWERS_TO_STRANGER, STRAYS_AT_ONCE, STRAYS_PER_S
from support import audio, sip_flood
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant
from support.phone import Phone, PhoneCall
from support.process import resident_mib
from support.source_build import python_of
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.phone.rtp import AudioStream

pytestmark = pytest.mark.alone

SECONDS = int(os.environ.get("FLOOD_SECONDS", "5"))
STRANGER = "127.0.0.3"
# A second: half of it calls; and what says that it belongs to a call, but there is none.
PER_S = {
    "INVITE": 500,
    "REGISTER": 250,
    "OPTIONS": 250,
    "ACK": 50,
    "CANCEL": 50,
    **dict.fromkeys(("~INVITE", "~BYE", "~ACK", "~INFO"), 100),
}
ROOM = {"default": 4, "source": 256}  # calls
PROMPT_HZ, OPEN_HZ = 1004, 1633
CODE = "4711"
# At most so much a call that is up (its media, its prompt, its transactions, and its 200 until that
# is acknowledged; 0.5 were seen), and the rest of the flood.
MIB_A_CALL, MIB_BESIDE = 1.0, 30
LEFT_MIB = 40
MOST_BROKEN = 5  # calls
# Packets a second of the call that is up, of 50: on a machine that is late, the clock of media of a
# wheel leaves some out.
FEWEST_PER_S = {"source": 48.0, "default": 35.0}
LONGEST_GAP_S = 2.0
# The one that leaves most behind comes first, so that it has been forgotten when that is looked at.
FLOODS = (
    ("source", "accepted"),
    ("default", "accepted"),
    ("source", "stranger"),
    ("default", "stranger"),
)


class RunningFlood:
    """The program that sends."""

    def __init__(self, gateway: GatewayProcess, until: str) -> None:
        host, port = gateway.address
        rates = [f"{kind}={rate}" for kind, rate in PER_S.items()]
        program, seconds = str(Path(sip_flood.__file__)), str(SECONDS)
        self._process = subprocess.Popen(
            [sys.executable, program, host, str(port), STRANGER, seconds, until, *rates],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        """Do nothing more: it has begun."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up, and end it."""
        self._process.communicate(timeout=60)

    def end(self) -> tuple[dict[str, int], float]:
        """Have it end; returns how many of each kind got which answer, and how long it was."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        print(f"offered {told['sent']} requests, for {told['took_s']} s")
        answers: dict[str, int] = told["answers"]
        return answers, told["took_s"]


@dataclass
class Flooded:
    """A gateway after a flood."""

    gateway: GatewayProcess
    before_mib: float


class Floods:
    """The floods that there were, each once."""

    def __init__(self, folders: pytest.TempPathFactory, open_ones: contextlib.ExitStack) -> None:
        self._folders = folders
        self._open = open_ones
        self._done: dict[tuple[str, str], Flooded] = {}

    def have(self, build: str, sender: str) -> Flooded:
        """Return the gateway after such a flood."""
        if (build, sender) not in self._done:
            self._done[build, sender] = self._flood(build, sender)
        return self._done[build, sender]

    def _flood(self, build: str, sender: str) -> Flooded:
        folder = self._folders.mktemp("flood")
        tones = {}
        for name, hz in (("prompt", PROMPT_HZ), ("open", OPEN_HZ)):
            tones[name] = folder / f"{name}.wav"
            audio.write_wav(tones[name], audio.sine(hz, SECONDS + 60, -12.0))
        opens = {"domain": "cover", "service": "open"}
        menu: dict[str, Any] = {
            "audio_file": str(tones["prompt"]),
            "choices_are_pin": True,
            "choices": {CODE: {"action": opens, "audio_file": str(tones["open"])}},
        }
        options = "--accept-from 127.0.0.1" if sender == "stranger" else "--accept-from all"
        house = self._open.enter_context(StandInHomeAssistant())
        gateway = self._open.enter_context(
            GatewayProcess(
                folder,
                house=house,
                menu_file={"menu": menu},
                LOG_LEVEL="2",
                python=python_of(build),
                SIP1_OPTIONS=options,
                HA_WEBHOOK_ID="",  # the house is in our own process
            )
        )
        is_full = "INVITE 486" if sender == "accepted" else "-"
        with Phone("a") as a, Phone("b") as b:
            listening, typing = (phone.call(gateway.uri).wait_answered() for phone in (a, b))
            wait_tone(listening, PROMPT_HZ)
            wait_tone(typing, PROMPT_HZ)
            before_mib = resident_mib(gateway.pid)
            first = len(listening.stream.arrivals)
            with RunningFlood(gateway, is_full) as flood:
                begun = "was refused" if sender == "stranger" else "New calls get 503"
                gateway.wait_log(begun)
                typing.type_digits(CODE)
                wait_until(lambda: house.services, "the action")
                wait_tone(typing, OPEN_HZ)
                answers, took_s = flood.end()
                last, ended_at = len(listening.stream.arrivals), time.monotonic()
                grown_mib = resident_mib(gateway.pid) - before_mib
                look_at_audio(listening.stream, first, last, ended_at, FEWEST_PER_S[build])
                print(f"{build}, {sender}: memory +{grown_mib:.0f} MiB; answers: {answers}")
                look_at_answers(answers, took_s, sender, build)
                assert grown_mib < ROOM[build] * MIB_A_CALL + MIB_BESIDE
                assert not listening.is_ended.is_set()
                assert not typing.is_ended.is_set()
            a.call(gateway.uri).wait_answered().hang_up()
        assert len([line for line in gateway.own_lines if "ha-sip started" in line]) == 1
        return Flooded(gateway, before_mib)


def wait_tone(call: PhoneCall, hz: int) -> None:
    """Wait until a call has heard a tone for 0.1 s."""
    wait_until(lambda: audio.tone_dbfs(call.stream.samples[-800:], hz) > -16, f"{hz} Hz")


def look_at_audio(
    stream: AudioStream, first: int, last: int, ended_at: float, fewest_per_s: float
) -> None:
    """Look at what arrived of a prompt: all packets, in time, and the same level throughout."""
    numbers = stream.sequence_numbers[first:last]
    lost = (numbers[-1] - numbers[0] + 1 - len(numbers)) % 0x10000
    heard = [*stream.arrivals[first - 1 : last], ended_at]
    gaps = sorted(later - before for before, later in itertools.pairwise(heard))
    p99_ms, longest_ms = gaps[len(gaps) * 99 // 100] * 1000, gaps[-1] * 1000
    per_s = len(numbers) / (heard[-1] - heard[0])
    print(
        f"{len(numbers)} packets, {per_s:.1f} a second, {lost} lost, "
        f"p99 gap {p99_ms:.0f} ms, longest {longest_ms:.0f} ms"
    )
    assert lost == 0
    assert per_s > fewest_per_s
    assert longest_ms < LONGEST_GAP_S * 1000
    assert -16 < audio.level_dbfs(stream.samples[first * 160 : last * 160]) < -9


def look_at_answers(answers: dict[str, int], took_s: float, sender: str, build: str) -> None:
    """Look at how many of each kind were answered by what; the rest was not."""
    if sender == "stranger":
        assert {what.split()[1] for what in answers} == {"403"}
        assert 0 < sum(answers.values()) <= ANSWERS_TO_STRANGER
        return
    to_invite = {what.partition(" ")[2] for what in answers if what.startswith("INVITE ")}
    # 503 with Retry-After: 2. New calls keep a source build busy: the kernel drops some there.
    assert {"200", "503 2"} <= to_invite <= {"200", "486", "500", "503 2"}
    # On a machine with other work to do some calls can't be answered in time (pjsip's lock), and
    # not all the room of a source build is taken.
    assert answers.get("INVITE 500", 0) <= MOST_BROKEN
    if build == "default" or answers["INVITE 200"] >= ROOM[build] - 2:
        assert "486" in to_invite
    assert answers["INVITE 200"] <= ROOM[build] - 2
    # 2,400 and 2,100 on a machine at rest; one with other work to do offers less.
    assert answers["INVITE 503 2"] > (300 if build == "default" else 100)
    if build == "default":
        assert answers["REGISTER 503 2"] + answers["OPTIONS 503 2"] > 150
    strays = sum(number for what, number in answers.items() if what.endswith(" 481"))
    assert 0 < strays <= STRAYS_AT_ONCE + (took_s + 2) * STRAYS_PER_S
    assert not [what for what in answers if "ACK" in what]


@pytest.fixture(scope="module")
def floods(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floods]:
    """Return the floods of this file; their gateways stay until its end."""
    with contextlib.ExitStack() as open_ones:
        yield Floods(tmp_path_factory, open_ones)


@pytest.mark.parametrize(("build", "sender"), FLOODS)
def test_calls_that_are_up_keep_prompts_and_digits_and_new_ones_get_486_or_503(
    floods: Floods, build: str, sender: str
) -> None:
    """1,500 requests a second are offered; see `PER_S`. The code is typed meanwhile."""
    floods.have(build, sender)


@pytest.mark.parametrize(("build", "sender"), FLOODS)
def test_memory_comes_back_after_a_flood(floods: Floods, build: str, sender: str) -> None:
    flooded = floods.have(build, sender)

    def grown_mib() -> float:
        return resident_mib(flooded.gateway.pid) - flooded.before_mib

    # pjsip keeps transactions for 32 s, and what is free is given back every 20 s.
    wait_until(lambda: grown_mib() < LEFT_MIB, lambda: f"+{grown_mib():.0f} MiB", 100)
    print(f"{build}, {sender}: memory +{grown_mib():.0f} MiB")
