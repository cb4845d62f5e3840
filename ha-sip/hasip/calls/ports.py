"""What a call needs from the outside, as small protocols.

`sip/`, `audio/` and `homeassistant/` fulfil them; unit tests bring their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hasip.calls.prompt import Prompt
    from hasip.calls.screening import AnswerMode
    from hasip.commands.model import DtmfMethod
    from hasip.events.model import Side, SipCallId, Takeover
    from hasip.workers import Result


class Playback(Protocol):
    """A prompt on its way to the peer."""

    def stop(self) -> None:
        """Silence it; its end is not reported any more. May be called again."""
        ...


class CallLeg(Protocol):
    """The SIP side of one call. Loop thread only; a leg that is gone ignores what it is told."""

    @property
    def call_id(self) -> SipCallId:
        """Return the SIP Call-ID."""
        ...

    @property
    def remote_uri(self) -> str:
        """Return the From value of an incoming call without tag; the URI dialled otherwise."""
        ...

    @property
    def local_uri(self) -> str:
        """Return the To value of an incoming call; the account's own URI otherwise."""
        ...

    @property
    def headers(self) -> Mapping[str, str | None]:
        """Return the headers that the account's `--extract-headers` asks for."""
        ...

    def attach(self, listener: LegListener) -> None:
        """Report to `listener` from now on; what came before is reported as well."""
        ...

    def ring(self) -> None:
        """Send 180."""
        ...

    def answer(self) -> None:
        """Send 200."""
        ...

    def hang_up(self, sip_code: int | None = None) -> None:
        """End the call in whatever way its state asks for (RFC 3261 §15, §9, §21)."""
        ...

    def play(self, wav: Path, ended: Callable[[], None]) -> Playback:
        """Play a WAV file once, as soon as there is media; raises `SipError`."""
        ...

    def send_digits(
        self, digits: str, method: DtmfMethod, done: Callable[[str | None], None]
    ) -> None:
        """Send digits after those before; `done` is called once, with what went wrong or None."""
        ...

    def transfer(self, target: str) -> None:
        """Send REFER; `LegListener.on_transfer` tells how it goes; raises `SipError`."""
        ...

    def bridge(self, other: Any) -> None:  # noqa: ANN401 - another leg of the same kind
        """Let the two peers hear each other, until one of the calls ends."""
        ...

    def start_recording(self, wav: Path) -> None:
        """Record both sides until `stop_recording` or the end; raises `SipError`."""
        ...

    def stop_recording(self) -> None:
        """Close the file."""
        ...


class Line(Protocol):
    """An account that calls are placed on and come in by."""

    @property
    def number(self) -> int:
        """Return the account's number, 1-based."""
        ...

    @property
    def settle_time_s(self) -> float:
        """Return the pause between the connection and `call_established`."""
        ...

    @property
    def answer_mode(self) -> AnswerMode:
        """Return what is done with calls that come in."""
        ...

    @property
    def reject_sip_code(self) -> int:
        """Return the final response in `reject` mode."""
        ...

    def place_call(self, number: str) -> CallLeg:
        """Send an INVITE; raises `SipError`."""
        ...


class LegListener(Protocol):
    """Hears what happens on a leg, on the loop thread."""

    def on_ringing(self) -> None:
        """Take note that the other side rings; of a call that we placed."""
        ...

    def on_connected(self) -> None:
        """Take note that the dialog is confirmed."""
        ...

    def on_digit(self, digit: str) -> None:
        """Take a digit: one of 0-9 * # A-D."""
        ...

    def on_headers(self, headers: Mapping[str, str | None]) -> None:
        """Take the headers of a response to our INVITE."""
        ...

    def on_peer_changed(self, how: Takeover) -> None:
        """Take note that the leg goes on with somebody else: it says who, and all its ids."""
        ...

    def on_transfer(self, sip_code: int, sip_reason: str, *, is_final: bool) -> None:
        """Take note of how a transfer goes."""
        ...

    def on_taken_elsewhere(self) -> None:
        """Take note that another phone answered the call, which now ends here."""
        ...

    def on_audio_lost(self, silent_s: float) -> None:
        """Take note that nothing was heard of the peer for so long, though it should have been."""
        ...

    def on_disconnected(self, sip_code: int, sip_reason: str, hangup_by: Side) -> None:
        """Take note that the dialog is over; nothing follows."""
        ...


class ReadyPrompt(Protocol):
    """A prompt as a WAV file at the bridge's rate."""

    @property
    def path(self) -> Path:
        """Return where the file is."""
        ...

    @property
    def failed(self) -> bool:
        """Tell whether this is the error sound in place of the prompt."""
        ...

    def release(self) -> None:
        """Give the file up; it may be deleted now."""
        ...


class Preparation(Protocol):
    """A prompt that is being made."""

    def cancel(self) -> None:
        """Give up; `ready` is not called any more."""
        ...


class Speaker(Protocol):
    """Turns prompts into files."""

    def prepare(self, prompt: Prompt, ready: Callable[[ReadyPrompt], None]) -> Preparation:
        """Make a file from a prompt; `ready` is called once on the loop, never from within."""
        ...


class Recordings(Protocol):
    """Keeps the files that calls are recorded to. What is called back is called on the loop."""

    def begin(self, name: str, done: Callable[[Result[Path]], None]) -> None:
        """Make an empty file, or say why there can be none."""
        ...

    def finish(self, path: Path, done: Callable[[], None]) -> None:
        """Wait until all of a recording that was stopped is in its file."""
        ...

    def give_up(self, path: Path) -> None:
        """Remove a file that nothing was recorded to."""
        ...
