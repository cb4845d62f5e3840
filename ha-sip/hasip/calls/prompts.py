"""The prompts of one call: made ahead of time, played one at a time, kept for being said again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hasip.calls.prompt import Message
from hasip.errors import HaSipError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.calls.ports import CallLeg, Playback, Preparation, ReadyPrompt, Speaker
    from hasip.calls.prompt import Prompt
    from hasip.loop import Loop, Timer

_log = logging.getLogger(__name__)

# Prompts that were said stay at hand: menus repeat theirs, and callers come back to them.
MOST_KEPT = 8
# A prompt that can't be played at all "ends" after this, so that a menu that repeats its prompt
# does not spin.
UNPLAYABLE_LASTS_S = 1.0


class PromptPlayer:
    """Plays one prompt at a time to a leg; loop thread only."""

    def __init__(self, loop: Loop, leg: CallLeg, speaker: Speaker) -> None:
        self._loop = loop
        self._leg = leg
        self._speaker = speaker
        self._files: dict[Prompt, _PromptFile] = {}
        self._playback: Playback | None = None
        self._gap: Timer | None = None
        # Every play and stop counts it up, so that what was asked for before is known as stale.
        self._turn = 0

    def prepare(self, prompts: tuple[Prompt, ...]) -> None:
        """Begin to make prompts that will be wanted soon."""
        for prompt in prompts:
            self._file_of(prompt)

    def play(self, prompt: Prompt, ended: Callable[[], None]) -> None:
        """Play a prompt in place of the current one; `ended` is called when it is over."""
        self.stop()
        turn = self._turn
        self._file_of(prompt).when_ready(lambda ready: self._play_ready(turn, prompt, ready, ended))

    def stop(self) -> None:
        """Be silent; the `ended` of what was played is not called."""
        self._turn += 1
        if self._playback is not None:
            self._playback.stop()
            self._playback = None
        if self._gap is not None:
            self._gap.cancel()
            self._gap = None

    def close(self) -> None:
        """Stop, and give up all files."""
        self.stop()
        for file in self._files.values():
            file.give_up()
        self._files.clear()

    def _file_of(self, prompt: Prompt) -> _PromptFile:
        file = self._files.pop(prompt, None)
        if file is None:
            while len(self._files) >= MOST_KEPT:
                self._files.pop(next(iter(self._files))).give_up()
            file = _PromptFile(prompt, self._speaker)
        self._files[prompt] = file  # the latest used comes last
        return file

    def _play_ready(
        self, turn: int, prompt: Prompt, ready: ReadyPrompt, ended: Callable[[], None]
    ) -> None:
        if turn != self._turn:
            return

        def over() -> None:
            if turn == self._turn:
                self._playback = None
                # A template may say something else next time, and a failure may be over by then.
                if ready.failed or (isinstance(prompt, Message) and prompt.is_template):
                    self._forget(prompt)
                ended()

        try:
            self._playback = self._leg.play(ready.path, over)
        except HaSipError as error:
            _log.warning("Cannot play %s: %s", ready.path.name, error)
            self._gap = self._loop.call_later(UNPLAYABLE_LASTS_S, over)

    def _forget(self, prompt: Prompt) -> None:
        file = self._files.pop(prompt, None)
        if file is not None:
            file.give_up()


class _PromptFile:
    """A prompt's file, being made or there."""

    def __init__(self, prompt: Prompt, speaker: Speaker) -> None:
        self._ready: ReadyPrompt | None = None
        self._waiter: Callable[[ReadyPrompt], None] | None = None
        self._preparation: Preparation = speaker.prepare(prompt, self._on_ready)

    def when_ready(self, waiter: Callable[[ReadyPrompt], None]) -> None:
        """Call `waiter` with the file, now or later; a later waiter replaces an earlier one."""
        if self._ready is not None:
            waiter(self._ready)
        else:
            self._waiter = waiter

    def give_up(self) -> None:
        """Want it no more."""
        self._waiter = None
        if self._ready is not None:
            self._ready.release()
        else:
            self._preparation.cancel()

    def _on_ready(self, ready: ReadyPrompt) -> None:
        self._ready = ready
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter(ready)
