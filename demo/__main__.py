"""Plays the main job through, and checks that all of it really happened.

Three processes take part: the gateway as users run it, a telephone (`demo.phone`), and this one,
which is the stand-in for Home Assistant and writes the timeline. Nothing leaves this machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

from demo.timeline import Timeline
from support import audio
from support.gateway import GatewayProcess
from support.home_assistant import StandInHomeAssistant

if TYPE_CHECKING:
    from collections.abc import Callable

GREETING = "Welcome. Please enter your access code."
WRONG_CODE = "Wrong code, please try again."
WELCOME = "The door is open. Goodbye."
ALARM = "There is a burglar in the house."
WRONG_PIN = "9876"
RIGHT_PIN = "1234"
DOOR = "lock/unlock"
# How alike what was said and what was heard must be; other sentences reach about 0.5.
ALIKE = 0.8
PATIENCE_S = 15.0

MENU = {
    "menu": {
        "id": "main",
        "message": GREETING,
        "choices_are_pin": True,
        "choices": {
            RIGHT_PIN: {
                "id": "owner",
                "message": WELCOME,
                "action": {"domain": "lock", "service": "unlock", "entity_id": "lock.front_door"},
                "post_action": "hangup",
            },
            "default": {"id": "wrong_code", "message": WRONG_CODE, "post_action": "return"},
        },
    }
}


class PhoneProcess:
    """The telephone, told by lines on its stdin and answering by lines on its stdout."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "demo.phone"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.uri: str = self.ask("uri")

    def __enter__(self) -> Self:
        """Be there."""
        return self

    def __exit__(self, *_: object) -> None:
        """Go."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def ask(self, verb: str, *arguments: object) -> Any:  # noqa: ANN401 - whatever it answers
        """Have the phone do something; returns its answer, raises what it says went wrong."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([verb, *arguments]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            msg = f"the phone is gone, asked for {verb}"
            raise AssertionError(msg)
        answer = json.loads(line)
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["value"]


class Demo:
    """The two calls."""

    def __init__(
        self,
        house: StandInHomeAssistant,
        gateway: GatewayProcess,
        phone: PhoneProcess,
        recordings: Path,
    ) -> None:
        self.house = house
        self.gateway = gateway
        self.phone = phone
        self.recordings = recordings
        self.timeline = Timeline(house)

    def caller_opens_the_door(self) -> None:
        """Call in, be greeted, type a wrong code, then the right one."""
        tell = self.timeline.tell
        tell("phone", f"calls {self.gateway.uri}")
        self.phone.ask("call", self.gateway.uri)
        tell("phone", "is connected")
        self._heard(GREETING, "phone-1-greeting.wav")
        tell("phone", f"types {WRONG_PIN}, which is wrong")
        self.phone.ask("type", WRONG_PIN)
        self._heard(WRONG_CODE, "phone-2-wrong-code.wav")
        _ensure(not self.house.services, "no service was called by a wrong code")
        tell("phone", f"types {RIGHT_PIN}")
        self.phone.ask("type", RIGHT_PIN)
        body = self.house.wait_service(DOOR, PATIENCE_S)
        _ensure(body == {"entity_id": "lock.front_door"}, "the door's service has its entity")
        self._heard(WELCOME, "phone-3-welcome.wav")
        self.phone.ask("wait_ended")
        tell("phone", "was hung up on by the gateway")
        self.phone.ask("save", str(self.recordings / "phone-call-in.wav"))
        self._wait_disconnected(1)

    def gateway_raises_the_alarm(self) -> None:
        """Write a JSON line to the gateway, which calls, speaks and hangs up."""
        command = {
            "command": "dial",
            "number": self.phone.uri,
            "menu": {"message": ALARM, "post_action": "hangup"},
        }
        self.timeline.tell("you", f"write to the gateway's stdin: {json.dumps(command)}")
        self.gateway.command(command)
        self.phone.ask("wait_call")
        self.timeline.tell("phone", "rings, and is picked up")
        self._heard(ALARM, "phone-4-alarm.wav")
        self.phone.ask("wait_ended")
        self.timeline.tell("phone", "was hung up on by the gateway")
        self.phone.ask("save", str(self.recordings / "phone-call-out.wav"))
        self._wait_disconnected(2)

    def gateway_quits(self) -> None:
        """Have it end in order."""
        self.timeline.tell("you", 'write to the gateway\'s stdin: {"command": "quit"}')
        self.gateway.command({"command": "quit"})
        started = time.monotonic()
        code = self.gateway.wait_exit()
        self.timeline.tell("gateway", f"ended with code {code}, {time.monotonic() - started:.2f} s")
        _ensure(code == 0, "the gateway ended in order")

    def _heard(self, text: str, file: str) -> None:
        """Wait until the phone has heard a sentence, and compare it with what was said."""
        spoken = self.house.speak(text)
        likeness = self.phone.ask("hear", str(spoken), str(self.recordings / file), ALIKE)
        self.timeline.tell("phone", f'heard "{text}" (likeness {likeness:.2f})')

    def _wait_disconnected(self, times: int) -> None:
        self.house.wait(
            lambda: self.house.event_names.count("call_disconnected") == times,
            "call_disconnected",
            PATIENCE_S,
        )
        self.timeline.catch_up()


def _ensure(holds: object, what: str) -> None:
    if not holds:
        msg = f"not so: {what}"
        raise AssertionError(msg)


def _play(recordings: Path) -> None:
    started = time.monotonic()
    with TemporaryDirectory(prefix="ha-sip-demo-") as folder, StandInHomeAssistant() as house:
        # A real engine is warm; the first run of espeak-ng from a cold disk takes a second.
        for text in (GREETING, WRONG_CODE, WELCOME, ALARM):
            house.speak(text)
        with (
            GatewayProcess(Path(folder), house=house, menu_file=MENU) as gateway,
            PhoneProcess() as phone,
        ):
            demo = Demo(house, gateway, phone, recordings)
            demo.timeline.tell("gateway", f"is up after {time.monotonic() - started:.2f} s")
            steps: tuple[Callable[[], None], ...] = (
                demo.caller_opens_the_door,
                demo.gateway_raises_the_alarm,
                demo.gateway_quits,
            )
            try:
                for step in steps:
                    step()
            except AssertionError:
                print("\nThe gateway's log:", *gateway.lines[-60:], sep="\n", file=sys.stderr)
                raise


def main() -> int:
    """Run the demo; 0 only if everything happened."""
    recordings = Path.cwd() / "demo-recordings"
    recordings.mkdir(exist_ok=True)
    for old in recordings.glob("*.wav"):
        old.unlink()
    print("A caller opens the door, then the house calls its owner. All of it on this machine.\n")
    try:
        _play(recordings)
    except AssertionError as error:
        print(f"\nFAILED: {error}", file=sys.stderr)
        return 1
    print(f"\nAll of it happened: {audio.RATE_HZ} Hz recordings of what the phone heard are in")
    print(f"{recordings}:")
    for path in sorted(recordings.glob("*.wav")):
        samples = audio.read_wav(path)
        seconds, level = len(samples) / audio.RATE_HZ, audio.level_dbfs(samples)
        print(f"  {path.name:24} {seconds:5.1f} s  {level:6.1f} dBFS")
    return 0


if __name__ == "__main__":
    sys.exit(main())
