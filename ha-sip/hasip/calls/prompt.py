"""What a call can say: a message to be spoken, an audio file to be played, an error sound."""

from __future__ import annotations

from hasip.dataclass import dataclass

# Every file that is played ends with so much silence, which is not heard: `sip/media.py` says why.
TAIL_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A text that Home Assistant's speech engine reads out."""

    text: str
    language: str | None = None  # None: the language of the settings
    is_template: bool = False  # rendered by Home Assistant before it is spoken
    cache: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFile:
    """A file that ffmpeg can read."""

    path: str
    cache: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorSound:
    """Tells the caller that what he wanted was not done; no event speaks of it."""

    cache: bool = False


Prompt = Message | AudioFile | ErrorSound
