"""People who telephone all the time, whatever happens, and one call that is up throughout."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
import wave
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from support.chaos.town import PBX, PINS, SERVER
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.chaos.town import Town
    from support.phone import PhoneCall

PATIENCE_S = 3.0
PAUSE_S = 0.2
PACKETS_A_SECOND = 50
LEAST_FRAMES = 4_000


@dataclass(frozen=True, slots=True)
class Trip:
    """Something that somebody tried."""

    kind: str
    began_at: float
    ended_at: float
    problem: str  # empty: it went well


class Traffic:
    """Callers and commands, each on a thread of its own."""

    def __init__(self, town: Town) -> None:
        self.trips: list[Trip] = []
        self._town = town
        self._is_over = threading.Event()
        self._numbers = itertools.count(1)
        journeys: dict[str, Callable[[], None]] = {
            "call with PIN": self._call_in,
            "dial with message": self._dial,
            "registered": self._registered,
            "broker": self._broker,
        }
        self._threads = [
            threading.Thread(target=self._repeat, args=journey, name=journey[0], daemon=True)
            for journey in journeys.items()
        ]
        self.kinds = tuple(journeys)
        self._under_way: dict[str, float] = {}  # since when
        self.line: PhoneCall | None = None

    def __enter__(self) -> Self:
        """Begin."""
        with self._town.server.entered():
            for thread in self._threads:
                thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._is_over.set()
        for thread in self._threads:
            thread.join(30)

    def is_held_up(self, kind: str, since: float, late_s: float) -> bool:
        """Tell whether no trip of a kind went well since a moment, and one failed or is late."""
        ended = [trip for trip in list(self.trips) if trip.kind == kind and trip.ended_at > since]
        if any(trip.began_at >= since and not trip.problem for trip in ended):
            return False
        waits_since = max(since, self._under_way.get(kind, time.monotonic()))
        return any(trip.problem for trip in ended) or time.monotonic() - waits_since > late_s

    def since(self, at: float, kind: str) -> float | None:
        """Return when the first trip of a kind that began after a moment was done, in seconds."""
        for trip in list(self.trips):
            if trip.kind == kind and trip.began_at >= at and not trip.problem:
                return trip.ended_at - at
        return None

    def problems(self, at: float, kind: str) -> list[str]:
        """Return what went wrong since."""
        trips = [one for one in list(self.trips) if one.kind == kind and one.ended_at > at]
        return [one.problem for one in trips if one.problem]

    def keep_line(self) -> PhoneCall:
        """Return the call that is up, with sound to be heard; a new one where there is none."""
        line = self.line
        if line is None or line.is_ended.is_set():
            with self._town.server.entered():
                line = self.line = self._town.bob.call(f"sip:hasip3@{SERVER}").wait_answered()
            wait_until(lambda: line.stream.arrivals, "RTP")
        for command in (
            {"command": "stop_playback", "number": line.call_id},
            {
                "command": "play_audio_file",
                "number": line.call_id,
                "audio_file": str(self._town.folder / "long.wav"),
            },
        ):
            self._town.gateway.command(command)
        line.wait_sound(since=len(line.stream.samples))
        return line

    def leave_line(self) -> None:
        """End the call that was up; the other side may not know of it any more."""
        line, self.line = self.line, None
        if line is not None:
            self._town.gateway.command({"command": "hangup", "number": line.call_id})
            line.close()

    # --- what each does ---------------------------------------------------------------------

    def _repeat(self, kind: str, journey: Callable[[], None]) -> None:
        while not self._is_over.is_set():
            began, problem = time.monotonic(), ""
            self._under_way[kind] = began
            try:
                journey()
            except Exception as error:
                problem = f"{type(error).__name__}: {error}".splitlines()[0]
            self.trips.append(Trip(kind, began, time.monotonic(), problem))
            self._under_way.pop(kind)
            self._is_over.wait(PAUSE_S)

    def _call_in(self) -> None:
        pin, entity = list(PINS.items())[next(self._numbers) % len(PINS)]
        opened = self._town.doors_opened(entity)
        with contextlib.closing(self._town.alice.call(f"sip:hasip1@{SERVER}")) as call:
            call.wait_answered(PATIENCE_S)
            time.sleep(0.15)  # as long as it takes to settle
            call.type_digits(pin)
            wait_until(
                lambda: self._town.doors_opened(entity) > opened, f"{entity} is open", PATIENCE_S
            )

    def _dial(self) -> None:
        town, number = self._town, next(self._numbers)
        if town.carol.register((SERVER, 5060), SERVER, timeout_s=PATIENCE_S) != 200:
            msg = "carol is not registered"
            raise AssertionError(msg)
        uri, file = f"sip:carol@{PBX}", town.disk / f"recording-{number}.wav"
        # Some are new, and some are cached; the disk has no room for many.
        is_cached = number % 2 == 0
        words = f"Call {number % 10 if is_cached else number}"
        message = {"message": words, "cache_audio": is_cached, "post_action": "hangup"}
        since = len(town.gateway.lines)
        self._forget_calls()
        town.gateway.command({"command": "dial", "number": uri, "ring_timeout": 4, "menu": message})
        try:
            with contextlib.closing(town.carol.wait_call(PATIENCE_S)) as call:
                town.gateway.wait_log(f"[{uri}] CallEstablished", PATIENCE_S, since)
                record = {"command": "start_recording", "number": uri, "recording_file": str(file)}
                town.gateway.command(record)
                call.wait_sound(PATIENCE_S)
                call.wait_ended(PATIENCE_S)
            stopped = f"RecordingStopped(recording_file='{file}'"
            town.gateway.wait_log(stopped, PATIENCE_S, since)
            with wave.open(str(town.inside_disk / file.name)) as recorded:
                assert recorded.getnframes() > LEAST_FRAMES, f"{file} is too short"
        except Exception:
            # The next one must not find the line busy.
            town.gateway.command({"command": "hangup", "number": uri})
            raise
        finally:
            (town.inside_disk / file.name).unlink(missing_ok=True)

    def _forget_calls(self) -> None:
        """Have nothing to do with calls that came too late."""
        with contextlib.suppress(AssertionError):
            while True:
                self._town.carol.wait_call(0).close()

    def _registered(self) -> None:
        for account in (1, 2, 3):
            assert self._town.is_reachable(account), f"account {account} is not reached"

    def _broker(self) -> None:
        assert self._town.broker_knows(next(self._numbers)), "no answer by the broker"
