"""Things on the bridge beside the calls: what plays into them, and what writes them down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pjsua2 as pj

from hasip.sip.errors import guarded, sip_errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hasip.loop import Loop
    from hasip.sip.patch_bay import PatchBay

# Wide enough for G.722; a narrowband call is converted by the bridge.
BRIDGE_RATE_HZ = 16_000
# ITU-T Q.24 asks for 40 ms of tone and of pause at least; door openers like more.
TONE_ON_MS = 160
TONE_OFF_MS = 100
TONE_CHANNELS = 1
# How often it is looked whether the last tone has left.
TONE_POLL_S = 0.02


class _FilePlayer(pj.AudioMediaPlayer):
    """Posts the end of the file."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        super().__init__()
        self._on_end = on_end

    def onEof2(self) -> None:  # noqa: N802 - pjsua2's name; a native thread calls it
        with guarded("onEof2"):
            self._on_end()


class FilePlayback:
    """One WAV file on its way to one call; loop thread only.

    A player that is connected to nothing never ends, so the end comes only after it was heard.
    """

    def __init__(self, loop: Loop, bay: PatchBay, wav: Path, ended: Callable[[], None]) -> None:
        """Open the file and play it; raises `SipError` where pjsip can't read it."""
        self._bay = bay
        self._ended = ended
        self._player: _FilePlayer | None = _FilePlayer(lambda: loop.post(self._on_end))
        with sip_errors(f"play {wav}"):
            self._player.createPlayer(str(wav), pj.PJMEDIA_FILE_NO_LOOP)
        bay.add_source(self._player)

    @property
    def is_over(self) -> bool:
        """Tell whether nothing of it is to be heard any more."""
        return self._player is None

    def stop(self) -> None:
        """Fall silent and close the file; the end is not reported any more."""
        player, self._player = self._player, None
        if player is not None:
            self._bay.remove_source(player)

    def _on_end(self) -> None:
        if self._player is not None:
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
        with sip_errors(f"record to {wav}"):
            self._recorder.createRecorder(str(wav))
        bay.record_to(self._recorder)

    def stop(self) -> None:
        """Write the file's header and close it; pjsip does both when the object goes."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            self._bay.record_to(None)
