"""Plays WAV files into a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pjsua2 as pj

from hasip.sip.errors import guarded, sip_errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hasip.loop import Loop


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

    Begins when `attach` gives it a medium, and moves over when the call gets another one. A player
    that is connected to nothing never ends, so the end comes only after it was heard.
    """

    def __init__(self, loop: Loop, wav: Path, ended: Callable[[], None]) -> None:
        """Open the file; raises `SipError` where pjsip can't read it."""
        self._loop = loop
        self._ended = ended
        self._sink: pj.AudioMedia | None = None
        self._player: _FilePlayer | None = _FilePlayer(lambda: loop.post(self._on_end))
        with sip_errors(f"play {wav}"):
            self._player.createPlayer(str(wav), pj.PJMEDIA_FILE_NO_LOOP)

    def attach(self, sink: pj.AudioMedia) -> None:
        """Send what is played to `sink` from now on."""
        if self._player is None:
            return
        self._sink = sink
        with sip_errors("connect a prompt to the call"):
            self._player.startTransmit(sink)

    def detach(self) -> None:
        """Wait for another medium: the one there was is gone."""
        self._sink = None

    def stop(self) -> None:
        """Fall silent and close the file; the end is not reported any more."""
        player, self._player = self._player, None
        sink, self._sink = self._sink, None
        if player is None:
            return
        if sink is not None:
            with guarded("stop playing"):
                player.stopTransmit(sink)

    def _on_end(self) -> None:
        if self._player is not None:
            self.stop()
            self._ended()
