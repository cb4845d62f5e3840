"""The audio of one leg: what its peer is played, says and types; it outlives a change of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasip.sip.call_audio import audio_of, events_agreed, packets_heard
from hasip.sip.dtmf import DtmfSender
from hasip.sip.errors import guarded
from hasip.sip.inband import DigitIntake, IntakeContext
from hasip.sip.media import FilePlayback, Recording
from hasip.sip.patch_bay import PatchBay
from hasip.sip.silence_watch import SilenceWatch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hasip.loop import Loop
    from hasip.sip.pj_call import PjCall


class LegMedia:
    """Loop thread only; `use` tells it which call the leg has, or None."""

    def __init__(self, loop: Loop, call: PjCall, intake: IntakeContext) -> None:
        self._loop = loop
        self._call: PjCall | None = call
        # Not `call.isActive` itself: the bay outlives the call, which must be dropped at its end.
        self._bay = PatchBay(lambda: self._call is not None and self._call.isActive())
        self.digits = DtmfSender(loop, call, self._bay)
        self.typed = DigitIntake(loop, self._bay, self.digits, intake)
        self._playback: FilePlayback | None = None
        self._recording: Recording | None = None
        self._watch: SilenceWatch | None = None

    def use(self, call: PjCall | None) -> None:
        """Take the call that the leg has now."""
        self._call = call
        self.digits.use(call)

    def take_over(self, intake: IntakeContext) -> None:
        """Begin anew with what is typed: somebody else is on the line."""
        self.typed.close()
        self.typed = DigitIntake(self._loop, self._bay, self.digits, intake)
        self.changed()

    def changed(self) -> None:
        """Wire what is played to the medium that the call has now; comes on every re-INVITE."""
        # A call that ends has no media any more; we hear of its end after this.
        if self._call is None or not self._call.isActive():
            return
        with guarded("media change"):
            audio = audio_of(self._call)
            if audio is None:
                self._bay.use(None, peer_hears=False)
            else:
                medium = self._call.getAudioMedia(audio.index)
                self._bay.use(medium, peer_hears=audio.peer_hears)
                self.typed.media_changed(events_agreed=events_agreed(self._call, audio.index))

    def play(self, wav: Path, ended: Callable[[], None]) -> FilePlayback:
        """Play a WAV file, as soon as there is media."""
        self.stop_playback()
        self._playback = FilePlayback(self._loop, self._bay, wav, ended)
        return self._playback

    def stop_playback(self) -> None:
        """Play nothing any more."""
        playback, self._playback = self._playback, None
        if playback is not None:
            playback.stop()

    def bridge(self, other: LegMedia) -> None:
        """Let the two peers hear each other."""
        self._bay.bridge(other._bay)

    def start_recording(self, wav: Path) -> None:
        """Record both sides; a recording that there is ends before."""
        self.stop_recording()
        self._recording = Recording(self._bay, wav)

    def stop_recording(self) -> None:
        """Close the file."""
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.stop()

    def watch_for_silence(self, limit_s: float, too_long: Callable[[float], None]) -> None:
        """Have `too_long` called when nothing comes from the peer for so long; 0 is never."""
        if limit_s > 0:
            self._watch = SilenceWatch(
                self._loop,
                limit_s,
                packets=self._count_packets,
                prompt=self._audible_playback,
                too_long=too_long,
            )

    def close(self) -> None:
        """Let go of everything of pjsua2's: the call is over."""
        if self._watch is not None:
            self._watch.stop()
        self.stop_playback()
        self.stop_recording()
        self.typed.close()
        self._bay.close()
        self.digits.close()

    def _count_packets(self) -> int | None:
        return None if self._call is None else packets_heard(self._call)

    def _audible_playback(self) -> FilePlayback | None:
        playback = self._playback
        return None if playback is None or playback.is_over else playback
