"""Digits in audio: all that ITU-T Q.24 asks for is found, and nothing in speech and music."""

from __future__ import annotations

import audioop
import itertools
import math
import random
import subprocess
import time
import wave
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hasip.tones.detector import ToneDetector
from support.audio import RATE_HZ
from support.tones import (
    ALL_DIGITS,
    Sender,
    mixed,
    sine,
    through,
    to_pcm,
    with_echo,
    with_noise,
)

LAWS = ("linear", "ulaw", "alaw")
RECORDED = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
SENTENCES = (
    "The quick brown fox jumps over the lazy dog while nine wizards brew a potion. ",
    "Please enter your access code, followed by the hash key, and wait for the tone. ",
    "Somebody is at the front door; the garage is open and the lights are on upstairs. ",
    "She sells sea shells by the sea shore, and all of us hear her high and low voices. ",
    "Einundzwanzig, zweiundzwanzig, dreiundzwanzig: die Haustür steht immer noch offen. ",
)
VOICES = ("en-us", "en-gb+f3", "de", "fr+f2", "es+m3", "it+f4", "nl+m7", "sv+f5")


@pytest.fixture(autouse=True)
def _same_numbers_always() -> None:
    random.seed(24)


def heard(samples: list[float], law: str = "ulaw", rate_hz: int = RATE_HZ) -> str:
    return ToneDetector(rate_hz).feed(through(law, to_pcm(samples)))


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("duration_s", [0.04, 0.05, 0.2])
def test_every_digit_of_40_ms_and_more_is_found(rate_hz: int, law: str, duration_s: float) -> None:
    for pause_s in (0.04, 0.05, 0.1):
        sender = Sender(duration_s, pause_s, rate_hz=rate_hz)
        assert heard(sender.type(ALL_DIGITS), law, rate_hz) == ALL_DIGITS
        assert heard(sender.type("5555"), law, rate_hz) == "5555"


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
@pytest.mark.parametrize("law", LAWS)
def test_what_is_shorter_than_23_ms_is_none(rate_hz: int, law: str) -> None:
    for duration_s in (0.01, 0.02, 0.0229):
        assert heard(Sender(duration_s, rate_hz=rate_hz).type(ALL_DIGITS * 3), law, rate_hz) == ""


SENDERS = st.builds(
    Sender,
    on_s=st.floats(0.04, 0.15),
    off_s=st.floats(0.04, 0.15),
    level_dbfs=st.floats(-37, -4),
    twist_db=st.floats(-8, 4),
    low_off=st.floats(-0.015, 0.015),
    high_off=st.floats(-0.015, 0.015),
    rate_hz=st.sampled_from([8_000, 16_000]),
)


@settings(max_examples=150, deadline=None)
@given(
    digits=st.text(ALL_DIGITS, min_size=1, max_size=3),
    sender=SENDERS,
    law=st.sampled_from(LAWS),
)
def test_within_the_tolerances_all_is_found_at_once(digits: str, sender: Sender, law: str) -> None:
    assert heard(sender.type(digits), law, sender.rate_hz) == digits


@pytest.mark.parametrize("off", [-0.06, -0.035, 0.035, 0.06])
def test_other_frequencies_are_no_digits(off: float) -> None:
    for low_off, high_off in ((off, 0), (0, off), (off, off)):
        sender = Sender(0.1, low_off=low_off, high_off=high_off)
        assert heard(sender.type(ALL_DIGITS)) == ""


@pytest.mark.parametrize("twist", [-14, -11, 8, 12])
def test_tones_of_very_different_levels_are_none(twist: float) -> None:
    assert heard(Sender(0.1, twist_db=twist).type(ALL_DIGITS)) == ""


def test_one_tone_alone_three_tones_and_tones_with_overtones_are_none() -> None:
    peak = 4_000.0
    parts = {hz: sine(hz, 0.2, peak) for hz in (697, 852, 1336, 1633, 2 * 1336, 2 * 852)}
    for chosen in ((697,), (1336,), (697, 852, 1336), (697, 1336, 1633), (697, 852), (1336, 1633)):
        assert heard(mixed(parts[hz] for hz in chosen)) == ""
    overtones = [[sample / 2 for sample in parts[hz]] for hz in (2 * 1336, 2 * 852)]
    for overtone in overtones:
        assert heard(mixed((parts[852], parts[1336], overtone))) == ""
    assert heard(mixed((parts[852], parts[1336]))) == "8"


@pytest.mark.parametrize("law", LAWS)
def test_noise_15_db_below_a_digit_hides_none(law: str) -> None:
    for level in (-5.0, -15.0, -25.0):
        samples = with_noise(Sender(0.05, level_dbfs=level).type(ALL_DIGITS), level - 15)
        assert heard(samples, law) == ALL_DIGITS


@pytest.mark.parametrize("level_db", [-12.0, -20.0])
@pytest.mark.parametrize("delay_s", [0.005, 0.02, 0.06, 0.1, 0.2])
def test_an_echo_is_no_digit_and_hides_none(delay_s: float, level_db: float) -> None:
    digits = "1195577#"

    assert heard(with_echo(Sender().type(digits), delay_s, level_db)) == digits


def test_a_break_of_10_ms_is_the_same_digit_and_a_long_one_counts_once() -> None:
    sender = Sender(0.05)
    broken = sender.pair("5") + sender.silence(0.01) + sender.pair("5") + sender.silence(0.1)

    assert heard(broken) == "5"
    assert heard(Sender(5.0).type("7")) == "7"


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(1, 3_000), min_size=1, max_size=20))
def test_audio_comes_in_pieces_of_any_size(sizes: list[int]) -> None:
    pcm, at = to_pcm(Sender().type("159")), 0
    detector, found = ToneDetector(RATE_HZ), ""
    for size in itertools.cycle(sizes):
        found += detector.feed(pcm[at : at + size])
        at += size
        if at >= len(pcm):
            break

    assert found == "159"


# --- talk-off ---------------------------------------------------------------------------------


def read(path: Path) -> bytes:
    with wave.open(str(path), "rb") as wav:
        pcm, rate_hz = wav.readframes(wav.getnframes()), wav.getframerate()
    return pcm if rate_hz == RATE_HZ else audioop.ratecv(pcm, 2, 1, rate_hz, RATE_HZ, None)[0]


def false_digits(sources: dict[str, bytes]) -> dict[str, str]:
    """Return what is taken for digits, by source, and print how many an hour that are."""
    found = {
        name: ToneDetector(RATE_HZ).feed(through("ulaw", pcm)) for name, pcm in sources.items()
    }
    hours = sum(map(len, sources.values())) / 2 / RATE_HZ / 3600
    count = sum(map(len, found.values()))
    print(f"{count / hours:.1f} false digits an hour, in {60 * hours:.1f} minutes")
    return {name: digits for name, digits in found.items() if digits}


def test_recorded_speech_has_no_digits() -> None:
    """The prompts of Asterisk's Debian package: 25 minutes of a speaker."""
    sources = {str(path): read(path) for path in sorted(RECORDED.rglob("*.wav"))}

    assert sum(map(len, sources.values())) > 20 * 60 * RATE_HZ * 2
    assert false_digits(sources) == {}


def test_listening_costs_little() -> None:
    """At the bridge's rate, in the blocks that pjsip writes; speech costs more than silence."""
    rate_hz, seconds = 16_000, 60
    speech = itertools.chain.from_iterable(
        read(path) for path in sorted(RECORDED.rglob("*.wav"))[:60]
    )
    pcm = bytes(itertools.islice(speech, seconds * RATE_HZ * 2))
    assert len(pcm) == seconds * RATE_HZ * 2
    pcm = audioop.ratecv(pcm, 2, 1, RATE_HZ, rate_hz, None)[0]
    detector, began = ToneDetector(rate_hz), time.process_time()
    for at in range(0, len(pcm), 4_000):
        detector.feed(pcm[at : at + 4_000])
    share = (time.process_time() - began) / seconds
    print(f"{100 * share:.1f} % of a core")

    assert share < 0.03


def test_synthetic_speech_of_many_voices_has_no_digits(tmp_path: Path) -> None:
    sources = {}
    for number, voice in enumerate(VOICES):
        path = tmp_path / f"{number}.wav"
        pitch, speed = str(20 + 8 * number), str(130 + 8 * number)
        command = ["espeak-ng", "-v", voice, "-p", pitch, "-s", speed, "-w", str(path)]
        subprocess.run([*command, "".join(SENTENCES)], check=True, timeout=30)
        sources[voice] = read(path)

    assert sum(map(len, sources.values())) > 2 * 60 * RATE_HZ * 2
    assert false_digits(sources) == {}


def test_music_and_sweeps_have_no_digits() -> None:
    """Chords and two-part melodies with overtones (without, F and F# are a digit), and slides."""
    notes = [110 * 2 ** (step / 12) for step in range(48)]

    def note(hz: float, seconds: float) -> list[float]:
        parts = [
            sine(hz * number, seconds, 3_000 / number)
            for number in range(1, 6)
            if hz * number < RATE_HZ / 2
        ]
        return mixed(parts)

    chords: list[float] = []
    for root in range(36):
        for steps in ((0, 4, 7), (0, 3, 7), (0, 12), (0, 7), (0, 5, 9)):
            chords += mixed(note(notes[root + step], 0.12) for step in steps)
    melody: list[float] = []
    for _ in range(300):
        pair = random.sample(notes, 2)
        melody += mixed(note(hz, 0.1) for hz in pair)

    assert false_digits({"chords": to_pcm(chords), "melody": to_pcm(melody)}) == {}
    for ratio in (1.0, 1.1, 2.6, 3.0):  # a tone alone, and pairs that no digit is like
        phase, sweep = 0.0, []
        for at in range(10 * RATE_HZ):
            phase += 2 * math.pi * (400 + 100 * at / RATE_HZ) / RATE_HZ
            sweep.append(6_000 * (math.sin(phase) + math.sin(ratio * phase)))
        assert heard(sweep) == ""
