"""Many calls at once, each with a prompt of its own: what is lost, and what it costs."""

from __future__ import annotations

import math
import statistics
import struct
import subprocess
import time
import wave
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from bench.switchboard import Switchboard
from bench.workshop import pjproject_flags
from hasip.sip.media import BRIDGE_RATE_HZ
from support.gateway import WEBHOOK_ID
from support.ports import free_port, rtp_port
from support.process import share_of_core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from bench.figure import Figure
    from bench.workshop import Workshop
    from support.gateway import GatewayProcess

T = TypeVar("T")

WATCHED_S = 10.0
QUICK_WATCHED_S = 4.0
# Time for all calls to be made and answered, before and after what is watched.
MARGIN_S = 12.0
CALL_EVERY_S = 0.02
LOWEST_HZ, STEP_HZ = 300, 10
NEAR_HZ = 4.0  # how well a tone is measured
COMPARED_CALLS = 100


def crowd(shop: Workshop) -> Iterator[Figure]:
    """As many calls as the build takes: those that heard their own prompt and lost nothing."""
    calls = shop.build.most_calls
    with _board(shop, calls) as (board, wavs):
        _gateway_calls(shop, board, wavs, calls, _share(shop))
        heard = board.listen_no_more()
        good = sum(
            got > 0 and lost == 0 and abs(board.tone_hz(phone) - _tone_hz(phone)) < NEAR_HZ
            for phone, (got, lost) in enumerate(heard)
        )
        yield shop.figure("calls at once, own prompt, nothing lost", "calls", [good])
        lost = [float(missed) for _, missed in heard]
        yield shop.figure("  packets lost of a call", "", lost)


def processor(shop: Workshop) -> Iterator[Figure]:
    """Have the gateway and pjsip's C library do the same work, one after the other."""
    shop.need_room(COMPARED_CALLS)
    ours, gaps, theirs, their_gaps = [], list[float](), [], list[float]()
    for _ in range(1 if shop.is_quick else 3):
        with _board(shop, COMPARED_CALLS) as (board, wavs):
            ours.append(_gateway_calls(shop, board, wavs, COMPARED_CALLS, _share(shop)))
            board.listen_no_more()
            gaps += board.gaps_ms()
        with _board(shop, COMPARED_CALLS) as (board, wavs):
            theirs.append(_c_calls(shop, board, wavs, COMPARED_CALLS))
            board.listen_no_more()
            their_gaps += board.gaps_ms()
    took = shop.figure("processor for 100 calls, of one core", "%", ours)
    yield took
    yield shop.beside(took, "pjsip's C program, of one core", "%", theirs)
    ratio = statistics.median(ours) / statistics.median(theirs)
    yield shop.figure("processor for 100 calls, times pjsip's C program", "", [ratio])
    gap = shop.figure("gap between packets at 100 calls", "ms", gaps)
    yield gap
    yield shop.beside(gap, "gap of pjsip's C program", "ms", their_gaps)


def during_calls(shop: Workshop, calls: int, watch: Callable[[GatewayProcess], T]) -> T:
    """Have so many calls; returns what `watch` finds while all are up."""
    with _board(shop, calls) as (board, wavs):
        found = _gateway_calls(shop, board, wavs, calls, watch)
        board.listen_no_more()
    return found


@contextmanager
def _board(shop: Workshop, calls: int) -> Iterator[tuple[Switchboard, Path]]:
    """Give phones for so many calls, and a folder with a prompt for each."""
    wavs, heard = shop.folder / "wavs", shop.folder / "heard"
    wavs.mkdir(exist_ok=True)
    heard.mkdir(exist_ok=True)
    for number in range(calls):
        _write_tone(wavs / f"{number}.wav", _tone_hz(number), _watched_s(shop) + MARGIN_S)
    with Switchboard(shop.compile("listener"), heard, calls) as board:
        yield board, wavs


def _gateway_calls(
    shop: Workshop,
    board: Switchboard,
    wavs: Path,
    calls: int,
    watch: Callable[[GatewayProcess], T],
) -> T:
    """Have the gateway make calls; returns what `watch` finds while all are up."""
    with _ready(shop) as gateway:
        for number in range(calls):
            menu = {"audio_file": str(wavs / f"{number}.wav"), "post_action": "noop"}
            gateway.command({"command": "dial", "number": board.uri(number), "menu": menu})
            time.sleep(CALL_EVERY_S)
        board.wait_calls(calls)
        time.sleep(2.0)  # all are answered, and their prompts have begun
        found = watch(gateway)
        gateway.command({"command": "quit"})
        gateway.wait_exit()
    return found


def _share(shop: Workshop) -> Callable[[GatewayProcess], float]:
    return lambda gateway: share_of_core(gateway.pid, _watched_s(shop))


def _ready(shop: Workshop) -> GatewayProcess:
    port = free_port()
    options = f"--bind-address 127.0.0.1 --rtp-port {rtp_port(port)} --codecs PCMU"
    return shop.gateway(port=port, GLOBAL_OPTIONS=options, HA_WEBHOOK_ID=WEBHOOK_ID)


def _c_calls(shop: Workshop, board: Switchboard, wavs: Path, calls: int) -> float:
    """Have pjsip's C library make the same calls; returns its share of one core."""
    program = shop.compile("calls", *pjproject_flags())
    arguments = [str(free_port()), str(BRIDGE_RATE_HZ), str(calls), board.address, str(wavs)]
    process = subprocess.Popen(
        [str(program), *arguments], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        board.wait_calls(calls)
        time.sleep(2.0)
        return share_of_core(process.pid, _watched_s(shop))
    finally:
        process.communicate(timeout=20)


def _watched_s(shop: Workshop) -> float:
    return QUICK_WATCHED_S if shop.is_quick else WATCHED_S


def _tone_hz(number: int) -> int:
    return LOWEST_HZ + STEP_HZ * number


def _write_tone(path: Path, hz: int, seconds: float) -> None:
    """Write a tone at the bridge's rate, as the gateway converts all prompts: nobody resamples."""
    if path.exists():
        return
    second = _sine(hz)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(BRIDGE_RATE_HZ)
        for _ in range(round(seconds)):
            file.writeframes(second)


def _sine(hz: int) -> bytes:
    step = 2 * math.pi * hz / BRIDGE_RATE_HZ
    samples: Sequence[int] = [round(8000 * math.sin(step * at)) for at in range(BRIDGE_RATE_HZ)]
    return struct.pack(f"<{len(samples)}h", *samples)
