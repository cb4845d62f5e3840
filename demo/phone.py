"""The demo's telephone, as a process of its own: reads JSON lines, answers with JSON lines."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support import audio
from support.phone import Phone, PhoneCall

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 20.0


class DemoPhone:
    """What the demo wants of a telephone, verb by verb."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self._call: PhoneCall | None = None
        self._heard_to = 0  # the sample up to which sentences were found

    def uri(self) -> str:
        """Tell where this phone can be called."""
        return self._phone.uri

    def call(self, uri: str) -> None:
        """Call somebody, and wait for the answer."""
        self._take(self._phone.call(uri))

    def wait_call(self) -> None:
        """Wait to be called; the phone picks up by itself."""
        self._take(self._phone.wait_call())

    def type(self, digits: str) -> None:
        """Type digits (RFC 4733); what was heard before is past."""
        call = self._expect_call()
        self._heard_to = len(call.stream.samples)
        call.type_digits(digits)

    def hear(self, spoken: str, save_to: str, alike: float) -> float:
        """Wait until a sentence was heard; returns how like the one that was spoken."""
        call, wanted = self._expect_call(), audio.read_wav(Path(spoken))
        ends_at = time.monotonic() + PATIENCE_S
        best = 0.0
        while best < alike:
            heard = call.stream.samples[self._heard_to :]
            best = max(best, audio.likeness(heard, wanted))
            if time.monotonic() > ends_at:
                msg = f"the sentence was not heard within {PATIENCE_S:.0f} s (likeness {best:.2f})"
                raise AssertionError(msg)
            time.sleep(0.1)
        audio.write_wav(Path(save_to), heard)
        return best

    def wait_ended(self) -> None:
        """Wait for the other side to hang up."""
        call = self._expect_call()
        call.wait_ended(PATIENCE_S)
        if not call.ended_by_peer:
            msg = "the call did not end by the gateway's BYE"
            raise AssertionError(msg)

    def save(self, path: str) -> None:
        """Write all that was heard in this call."""
        audio.write_wav(Path(path), self._expect_call().stream.samples)

    def _take(self, call: PhoneCall) -> None:
        self._call, self._heard_to = call.wait_answered(), 0

    def _expect_call(self) -> PhoneCall:
        if self._call is None:
            msg = "there is no call"
            raise AssertionError(msg)
        return self._call


def main() -> None:
    """Do what the lines of stdin say, until their end."""
    with Phone("phone", answer_after_s=0.5) as phone:
        demo = DemoPhone(phone)
        for line in sys.stdin:
            verb, *arguments = json.loads(line)
            do: Callable[..., Any] = getattr(demo, verb)
            try:
                answer = {"value": do(*arguments)}
            except AssertionError as error:
                answer = {"error": str(error)}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
