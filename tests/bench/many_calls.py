"""Many calls at once, each with its own prompt, made by the gateway or by pjsip's C program."""

from __future__ import annotations

import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from bench.builds import compiled, pjproject_flags
from bench.switchboard import Switchboard
from bench.tone_files import tone_hz, write_tones
from hasip.sip.media import BRIDGE_RATE_HZ
from support.gateway import WEBHOOK_ID
from support.phone.rtp import PACKET_S
from support.ports import free_port, rtp_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.workshop import Workshop
    from support.gateway import GatewayProcess

T = TypeVar("T")

CALL_EVERY_S = 0.02
SETTLED_AFTER_S = 2.0  # all are answered, and their prompts have begun
# Prompts last longer than what is watched: time to make all calls, and to end them.
MARGIN_S = 14.0
NEAR_HZ = 4.0  # how well a tone is measured


class Crowd:
    """Phones for many calls, and a prompt for each."""

    def __init__(self, shop: Workshop, calls: int, watched_s: float, board: Switchboard) -> None:
        self.board = board
        self._shop = shop
        self._calls = calls
        self._watched_s = watched_s

    def gateway_calls(self, watch: Callable[[GatewayProcess], T], **how: Any) -> T:
        """Have the gateway make the calls; returns what `watch` finds while all are up."""
        with _ready(self._shop, **how) as gateway:
            for number in range(self._calls):
                wav = str(_wavs(self._shop) / f"{number}.wav")
                menu = {"audio_file": wav, "post_action": "noop"}
                uri = self.board.uri(number)
                gateway.command({"command": "dial", "number": uri, "menu": menu})
                time.sleep(CALL_EVERY_S)
            found = self._watched(lambda: watch(gateway))
            gateway.command({"command": "quit"})
            gateway.wait_exit()
        self.board.listen_no_more()
        return found

    def c_calls(self, watch: Callable[[int], T]) -> T:
        """Have pjsip's C program make the same calls; `watch` is told its process."""
        program = compiled("calls", self._shop.folder, *pjproject_flags())
        wavs = str(_wavs(self._shop))
        address = self.board.address
        arguments = [str(free_port()), str(BRIDGE_RATE_HZ), str(self._calls), address, wavs]
        process = subprocess.Popen(
            [str(program), *arguments], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        try:
            found = self._watched(lambda: watch(process.pid))
        finally:
            _end(process)
        self.board.listen_no_more()
        return found

    def good(self) -> int:
        """Count the calls that were up for as long as was watched and lost nothing of their own.

        None of them was ended before.
        """
        least = self._watched_s / PACKET_S
        return sum(
            got >= least
            and lost == 0
            and phone not in self.board.ended_early
            and abs(self.board.tone_hz(phone) - tone_hz(phone)) < NEAR_HZ
            for phone, (got, lost) in enumerate(self.board.heard)
        )

    def _watched(self, watch: Callable[[], T]) -> T:
        self.board.wait_calls(self._calls)
        time.sleep(SETTLED_AFTER_S)
        found = watch()
        self.board.let_end()
        return found


@contextmanager
def crowd_of(shop: Workshop, calls: int, watched_s: float) -> Iterator[Crowd]:
    """Give phones for so many calls, and a prompt for each that lasts for what is watched."""
    heard = shop.folder / "heard"
    heard.mkdir(exist_ok=True)
    write_tones(_wavs(shop), calls, watched_s + MARGIN_S)
    with Switchboard(compiled("listener", shop.folder), heard, calls) as board:
        yield Crowd(shop, calls, watched_s, board)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close its stdin, with which it ends."""
    try:
        process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _wavs(shop: Workshop) -> Path:
    return shop.folder / "wavs"


def _ready(shop: Workshop, **how: Any) -> GatewayProcess:
    port = free_port()
    options = f"--bind-address 127.0.0.1 --rtp-port {rtp_port(port)} --codecs PCMU"
    return shop.gateway(port=port, GLOBAL_OPTIONS=options, **{"HA_WEBHOOK_ID": WEBHOOK_ID, **how})
