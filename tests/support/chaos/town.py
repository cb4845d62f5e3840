"""The gateway's machine, and another one with all that it needs: PBX, names, broker, house."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from support import audio
from support.gateway import WEBHOOK_ID, GatewayProcess
from support.home_assistant import TOKEN, StandInHomeAssistant
from support.kamailio import Kamailio
from support.mosquitto import Mosquitto, MqttUser
from support.name_server import NameServer
from support.netns import Network
from support.phone import Phone
from support.process import children
from support.waiting import wait_until

if TYPE_CHECKING:
    import contextlib

ADDRESSES = ("10.9.0.2", "10.9.0.3")  # of the gateway, one after the other
SERVER = "10.9.0.1"
DOMAIN = "chaos.test"
ZONE = f"{DOMAIN}."
RECORDS = [f"{name}.{DOMAIN}. A {SERVER}" for name in ("pbx", "house", "broker")]
PBX = f"pbx.{DOMAIN}"
ACCOUNTS = (1, 2, 3)
USERS = {f"hasip{n}": f"secret{n}" for n in ACCOUNTS} | {
    name: f"{name}-secret" for name in ("alice", "bob", "carol")
}
PINS = {f"4{n}2{n}": f"lock.door_{n}" for n in range(8)}
MENU = {
    "menu": {
        "id": "door",
        "choices_are_pin": True,
        "choices": {
            pin: {
                "action": {"domain": "lock", "service": "unlock", "entity_id": entity},
                "message": "The door is open",
                "cache_audio": True,
                "post_action": "hangup",
            }
            for pin, entity in PINS.items()
        },
    }
}
# Every digit is an event, and no menu is left.
LONG_MENU = {
    "menu": {"id": "long", "timeout": 36_000, "choices_are_pin": True, "choices": {"9" * 500: {}}}
}
LONG_SOUND_S = 100
BRIDGE_RATE_HZ = 16_000
DISK = "4m"


def faked_clock(folder: Path) -> dict[str, str]:
    """Return what lets `Town.move_clock` move the wall clock of a program, and no other clock."""
    source, library = Path(__file__).with_name("wall_clock.c"), folder / "wall_clock.so"
    command = ["gcc", "-shared", "-fPIC", "-O2", "-o", str(library), str(source)]
    subprocess.run(command, check=True, timeout=60)
    _set_clock(folder, 0)
    return {"LD_PRELOAD": str(library), "WALL_CLOCK_FILE": str(folder / "clock")}


def _set_clock(folder: Path, hours: int) -> None:
    """Set the wall clock so many hours ahead of the machine's."""
    path = folder / "clock"
    path.touch()
    with path.open("r+b", 0) as file:
        file.write(struct.pack("=q", hours * 3600))


class Town:
    """Two machines and all that runs there, for the length of a test."""

    def __init__(
        self, stack: contextlib.ExitStack, folder: Path, *, transport: str, ice: str, python: str
    ) -> None:
        self.folder = folder
        self._clock_hours = 0  # ahead of the machine's
        self._stack = stack
        network = stack.enter_context(Network())
        self.house, self.server = network.machine("gateway"), network.machine("server")
        network.cable(
            (self.house, "lan", f"{ADDRESSES[0]}/24"), (self.server, "lan", f"{SERVER}/24")
        )
        self.address = ADDRESSES[0]
        self.house.ask(SERVER)
        self.disk = folder / "disk"
        for name in ("disk", "kamailio", "dns", "dns-broken"):
            (folder / name).mkdir()
        with self.server.entered():
            self.names = stack.enter_context(NameServer(folder / "dns", SERVER, ZONE, RECORDS))
            # It knows nothing of our names, and nobody whom it could ask: SERVFAIL.
            self.broken_names = NameServer(folder / "dns-broken", SERVER, "other.test.", [])
            stack.callback(self.broken_names.stop)
            kamailio = Kamailio(folder / "kamailio", 5060, USERS, host=SERVER)
            self.pbx = stack.enter_context(kamailio)
            self.broker = stack.enter_context(Mosquitto(folder, host=SERVER))
            self.home = StandInHomeAssistant(host=SERVER)
            self._lives: list[StandInHomeAssistant] = [self.home]
            stack.callback(self._end_home)
            self.alice, self.bob, self.carol = (
                stack.enter_context(
                    Phone(name, host=SERVER, password=USERS[name], proxy=(SERVER, 5060))
                )
                for name in ("alice", "bob", "carol")
            )
        self.gateway = self._start_gateway(transport, ice, python)
        stack.enter_context(self.gateway)
        self.gateway.wait_log("MQTT: connected to")
        wait_until(lambda: all(map(self.is_reachable, ACCOUNTS)), "three registrations")

    # --- what the world knows ---------------------------------------------------------------

    @property
    def child(self) -> int:
        """Return the process of the gateway itself, 0 while there is none."""
        return next(iter(children(self.gateway.pid)), 0)

    @property
    def inside_disk(self) -> Path:
        """Return the gateway's disk, which only it sees mounted."""
        return Path(f"/proc/{self.gateway.pid}/root{self.disk}")

    @property
    def events(self) -> list[tuple[str, str]]:
        """Return the events that Home Assistant has, in order: call and name."""
        return [
            (event["internal_id"], event["event"])
            for life in self._lives
            for event in life.events
            if "internal_id" in event
        ]

    def doors_opened(self, entity: str) -> int:
        """Return how often a door was opened."""
        calls = [body for life in self._lives for _, body in life.services]
        return sum(body["entity_id"] == entity for body in calls)

    def is_reachable(self, account: int) -> bool:
        """Tell whether the PBX knows where an account is, and reaches it there."""
        uri = f"sip:hasip{account}@{SERVER}"
        request = self.alice.request("OPTIONS", uri, f"<{uri}>")
        try:
            return self.alice.transact(request, (SERVER, 5060), 1.0).status == 200
        except Exception:
            return False

    def broker_knows(self, number: int) -> bool:
        """Tell whether the broker says that the gateway is there, and it answers a command."""
        base = "hasip/chaos"
        try:
            with (
                self.server.entered(),
                MqttUser(self.broker.port, f"{base}/availability", host=SERVER) as user,
            ):
                user.listen(f"{base}/result")
                user.publish("hasip/execute", {"command": "state", "request_id": f"q{number}"})
                wait_until(
                    lambda: any(
                        message.get("request_id") == f"q{number}" for message in user.messages
                    ),
                    "an answer",
                    1.5,
                )
                return user.on(f"{base}/availability")[-1:] == [b"online"]
        except Exception:
            return False

    def health(self) -> str:
        """Return what the gateway says of its health."""
        done = subprocess.run(
            [
                *("nsenter", "-t", str(self.gateway.pid), "-m", "env"),
                f"HASIP_HEALTH_SOCKET={self.disk}/run/health",
                *(f"PYTHONPATH={Path(__file__).parents[3] / 'ha-sip'}", self._python),
                *("-m", "hasip", "--healthcheck"),
            ],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        return done.stdout.strip()

    # --- what happens to it -----------------------------------------------------------------

    def _end_home(self) -> None:
        self.home.goes_on.set()
        self.home.die()

    def revive_home(self) -> None:
        """Start Home Assistant again where it was."""
        with self.server.entered():
            self.home = StandInHomeAssistant(port=self.home.port, host=SERVER)
        self._lives.append(self.home)

    def move_clock(self, hours: int) -> None:
        """Set the gateway's wall clock ahead of what it is now, or back."""
        self._clock_hours += hours
        _set_clock(self.folder, self._clock_hours)

    def mount(self, *options: str) -> bool:
        """Change how the gateway's disk is mounted."""
        command = ("nsenter", "-t", str(self.gateway.pid), "-m", "mount", *options, str(self.disk))
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def move(self) -> None:
        """Give the gateway its other address."""
        before = self.address
        self.address = next(one for one in ADDRESSES if one != before)
        self.house.ip("address", "delete", f"{before}/24", "dev", "lan")
        self.house.ip("address", "add", f"{self.address}/24", "dev", "lan")

    def _start_gateway(self, transport: str, ice: str, python: str) -> GatewayProcess:
        self._python = python
        long_menu = self.folder / "long.yaml"
        long_menu.write_text(yaml.safe_dump(LONG_MENU), encoding="utf-8")
        sound = audio.sine(440, 1.0) * (2 * LONG_SOUND_S)
        audio.write_wav(self.folder / "long.wav", sound, BRIDGE_RATE_HZ)
        variables: dict[str, Any] = {
            "GLOBAL_OPTIONS": "--enable-mqtt on",
            "PORT": "5060",
            "NAME_SERVER": SERVER,
            "CACHE_DIR": str(self.disk / "cache"),
            "HASIP_HEALTH_SOCKET": str(self.disk / "run" / "health"),
            "HA_BASE_URL": f"http://house.{DOMAIN}:{self.home.port}/api",
            "HA_TOKEN": TOKEN,
            "HA_WEBHOOK_ID": WEBHOOK_ID,
            "TTS_ENGINE_ID": "tts.espeak",
            "BROKER_ADDRESS": f"broker.{DOMAIN}",
            "BROKER_PORT": str(self.broker.port),
            "INSTANCE_NAME": "chaos",
            "PYTHONFAULTHANDLER": "1",  # where it crashes, its log says where
            **faked_clock(self.folder),
        }
        for n in ACCOUNTS:
            name = f"hasip{n}"
            variables |= {
                f"SIP{n}_ENABLED": "true",
                f"SIP{n}_ID_URI": f"sip:{name}@{PBX}",
                f"SIP{n}_REGISTRAR_URI": f"sip:{PBX};transport={transport}",
                f"SIP{n}_USER_NAME": name,
                f"SIP{n}_PASSWORD": USERS[name],
                f"SIP{n}_ANSWER_MODE": "accept",
                f"SIP{n}_SETTLE_TIME": "0.1",
                f"SIP{n}_OPTIONS": f"--ice {ice}",
            }
        variables["SIP3_INCOMING_CALL_FILE"] = str(long_menu)
        # A call whose end was lost takes one of the wheel's four places until then.
        variables["SIP1_OPTIONS"] += " --rtp-timeout 6"
        mount = f"mount -t tmpfs -o size={DISK} none {self.disk} && mkdir {self.disk}/cache"
        return GatewayProcess(
            self.folder,
            host=self.address,
            port=5060,
            menu_file=MENU,
            # What it runs is on its machine, with its name server, and with a disk of its own.
            prefix=(*self.house.prefix, "sh", "-c", f'{mount} && exec "$@"', "sh"),
            arguments=("--restart",),
            python=python,
            **variables,
        )
