"""Things on the bridge beside the calls: what plays into them, and what writes them down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pjsua2 as pj

from hasip.calls.prompt import TAIL_S
from hasip.sip.errors import sip_errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hasip.loop import Loop, Timer
    from hasip.sip.patch_bay import PatchBay

# Wide enough for G.722; a narrowband call is converted by the bridge.
BRIDGE_RATE_HZ = 16_000
# From the bridge to the wire: its next tick, and a packet that is being filled.
LATENCY_S = 0.04
# ITU-T Q.24 asks for 40 ms of tone and of pause at least; door openers like more.
TONE_ON_MS = 160
TONE_OFF_MS = 100
TONE_CHANNELS = 1
# How often it is looked whether the last tone has left.
TONE_POLL_S = 0.02


class FilePlayback:
    """One WAV file on its way to one call; loop thread only.

    Its end is found by the clock. pjsua2 would tell it, too (`onEof2`), but on a thread of pjsip's
    that uses the player whether it is still there or not: where a prompt was stopped as it ended,
    one time in twenty-five ended the process. So every file has a tail of silence (`TAIL_S`), and a
    player is gone before it comes to the end of that.
    """

    def __init__(self, loop: Loop, bay: PatchBay, wav: Path, ended: Callable[[], None]) -> None:
        """Open the file and play it; raises `SipError` where pjsip can't read it."""
        self._loop = loop
        self._bay = bay
        self._ended = ended
        self._timer: Timer | None = None  # runs while it is heard
        self._player: pj.AudioMediaPlayer | None = pj.AudioMediaPlayer()
        with sip_errors(f"play {wav}"):
            self._player.createPlayer(str(wav), pj.PJMEDIA_FILE_NO_LOOP)
            samples = self._player.getInfo().sizeSamples
        self._size = max(
            0, samples - round(TAIL_S * BRIDGE_RATE_HZ)
        )  # in samples, without the tail
        self._began_at = 0.0
        self._left_s = self._size / BRIDGE_RATE_HZ + LATENCY_S
        bay.add_source(self._player, self._on_heard)

    @property
    def is_over(self) -> bool:
        """Tell whether nothing of it is to be heard any more."""
        return self._player is None

    def stop(self) -> None:
        """Fall silent and close the file; the end is not reported any more."""
        self._on_heard(is_heard=False)
        player, self._player = self._player, None
        if player is not None:
            self._bay.remove_source(player)

    def _on_heard(self, *, is_heard: bool) -> None:
        """Take that the peer hears it now, or hears nothing: then it waits where it is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._left_s -= self._loop.clock.now() - self._began_at
        if is_heard:
            self._began_at = self._loop.clock.now()
            self._timer = self._loop.call_later(max(0.0, self._left_s), self._look)

    def _look(self) -> None:
        """End, unless the bridge is late: on a busy machine it may be."""
        if self._player is None:
            return
        left = self._size - self._player.getPos()
        if left > 0:
            self._timer = None
            self._left_s = left / BRIDGE_RATE_HZ + LATENCY_S
            self._on_heard(is_heard=True)
            return
        self.stop()
        self._ended()


class TonePlayback:
    """Digits as tone pairs (ITU-T Q.23) on their way to one call; loop thread only."""

    def __init__(self, loop: Loop, bay: PatchBay, digits: str, ended: Callable[[], None]) -> None:
        """Play the digits; raises `SipError`."""
        self._loop = loop
        self._bay = bay
        self._ended = ended
        self._generator: pj.ToneGenerator | None = pj.ToneGenerator()
        tones = pj.ToneDigitVector()
        for digit in digits:
            tone = pj.ToneDigit()
            tone.digit, tone.on_msec, tone.off_msec = digit, TONE_ON_MS, TONE_OFF_MS
            tones.append(tone)
        with sip_errors("make tones"):
            self._generator.createToneGenerator(BRIDGE_RATE_HZ, TONE_CHANNELS)
            self._generator.playDigits(tones)
        bay.add_source(self._generator)
        self._timer = loop.call_later(len(digits) * (TONE_ON_MS + TONE_OFF_MS) / 1000, self._look)

    def stop(self) -> None:
        """Fall silent; the end is not reported any more."""
        self._timer.cancel()
        generator, self._generator = self._generator, None
        if generator is not None:
            self._bay.remove_source(generator)

    def _look(self) -> None:
        """End when the bridge has taken all tones: it takes none while the call is on hold."""
        if self._generator is None:
            return
        if self._generator.isBusy():
            self._timer = self._loop.call_later(TONE_POLL_S, self._look)
        else:
            self.stop()
            self._ended()


class Recording:
    """A WAV file that takes up what a call hears and says; loop thread only."""

    def __init__(self, bay: PatchBay, wav: Path) -> None:
        """Open the file and begin; raises `SipError` where it can't be written."""
        self._bay = bay
        self._recorder: pj.AudioMediaRecorder | None = pj.AudioMediaRecorder()
        with sip_errors(f"record to a file that is named {wav.suffix or 'without .wav'}"):
            self._recorder.createRecorder(str(wav))
        bay.record_to(self._recorder)

    def stop(self) -> None:
        """Write the file's header and close it; pjsip does both when the object goes."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            self._bay.record_to(None)
