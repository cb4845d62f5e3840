"""What the running program may do is stated in SECURITY.md, and it does no more.

One gateway of each build is watched by strace while it does all that touches files, networks and
other programs: calls with speech, sound files, a cache and recordings, MQTT, Home Assistant, TLS.
"""

from __future__ import annotations

import fnmatch
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import audio
from support.apparmor import Profile, profile_with_includes
from support.certificates import self_signed
from support.gateway import PACKAGE_DIR, GatewayProcess
from support.home_assistant import TOKEN, StandInHomeAssistant
from support.mosquitto import Mosquitto
from support.phone import Phone
from support.ports import free_port, rtp_port
from support.process import children, status_of
from support.source_build import PROJECT, python_of
from support.strace import Deeds, deeds, tracing, wait_traced

if TYPE_CHECKING:
    from collections.abc import Iterable

SECURITY = (PROJECT / "SECURITY.md").read_text(encoding="utf-8")
PROFILE = PROJECT / "apparmor.txt"
PASSWORD = "the-passw0rd-of-an-account"
TEMPORARY = tempfile.gettempdir()


@dataclass(frozen=True, slots=True)
class Watched:
    """A gateway that ran, and what it was told to use."""

    folder: Path
    python: str
    port: int
    tls_port: int
    house: StandInHomeAssistant
    broker_port: int
    deeds: Deeds

    def named(self, path: str) -> str:
        """Return a path as SECURITY.md writes it."""
        for where, name in (
            (self.folder / "cache", "CACHE_DIR"),
            (self.folder / "media", "FILE_FOLDERS"),
            (self.folder / "health.sock", "HASIP_HEALTH_SOCKET"),
            (Path(TEMPORARY), "TMP"),
        ):
            if Path(path).is_relative_to(where):
                return str(name / Path(path).relative_to(where))
        return path

    def peer(self, address: str) -> str:
        """Return an address as SECURITY.md writes it."""
        kind, _, where = address.partition(" ")
        if kind == "UNIX":
            return f"UNIX {self.named(where)}"
        if kind == "NETLINK":
            return kind
        host, _, port = where.rpartition(":")
        first_rtp = rtp_port(self.port)
        ports = {
            str(self.port): "PORT",
            str(self.tls_port): "--tls-port",
            str(self.broker_port): "BROKER_PORT",
            str(self.house.port): "HA_BASE_URL",
            self.house.websocket.url.rpartition(":")[2].partition("/")[0]: "HA_WEBSOCKET_URL",
            "53": "name server",
            **{str(one): "--rtp-port" for one in range(first_rtp, first_rtp + 20)},
        }
        if host == "1.1.1.1":
            return f"{kind} {host}"
        if port in ports:
            return f"{kind} {ports[port]}"
        return f"{kind} any, loopback" if host in ("127.0.0.1", "::1") else f"{kind} any"


def stated(what: str) -> list[tuple[str, ...]]:
    """Return the rows of a table of SECURITY.md, by the head of its first column."""
    table = re.search(rf"^\| {what} \|.*\n\|[-|]+\n((?:\|.*\n)+)", SECURITY, re.MULTILINE)
    assert table is not None, f"SECURITY.md has no table of what it {what}"
    rows = [line.strip("| \n").split(" | ") for line in table[1].splitlines()]
    return [tuple(row) for row in rows]


def names_in(cell: str) -> list[str]:
    """Return what is written as code in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def watch(folder: Path, build: str) -> Watched:
    """Run a gateway, have it do everything, and end it."""
    for name in ("cache", "media", "broker"):
        (folder / name).mkdir()
    tone = folder / "media" / "tone.wav"
    audio.write_wav(tone, audio.sine(1000, 0.5, -12.0), 44_100)
    recording = str(folder / "media" / "recording.wav")
    tls_port = free_port()
    with (
        Mosquitto(folder / "broker") as broker,
        StandInHomeAssistant() as house,
        GatewayProcess(
            folder,
            house=house,
            menu_file={"menu": {"message": "Hello", "cache_audio": True}},
            prefix=(*without_capabilities(), *tracing(folder / "strace")),
            python=python_of(build),
            arguments=("--restart",),
            MQTT_ENABLED="on",
            MQTT_DISCOVERY="on",
            BROKER_ADDRESS="127.0.0.1",
            BROKER_PORT=str(broker.port),
            CACHE_DIR=str(folder / "cache"),
            FILE_FOLDERS=str(folder / "media"),
            HASIP_HEALTH_SOCKET=str(folder / "health.sock"),
            SIP1_PASSWORD=PASSWORD,
            SIP1_OPTIONS="--accept-from all --inband-dtmf on",
            SENSOR_ENABLED="on",
            TTS_DEBUG_PRINT="on",
            PYTHONDONTWRITEBYTECODE="1",  # as in the image
            PORT=str(port := free_port()),
            SIP1_ID_URI=f"sip:house@127.0.0.1:{port}",
            GLOBAL_OPTIONS=f"--bind-address 127.0.0.1 --rtp-port {rtp_port(port)} --tls on"
            f" --tls-port {tls_port} --tls-cert-file {self_signed(folder)}",
        ) as gateway,
        Phone("p") as phone,
    ):
        gateway.wait_log("MQTT: connected")
        assert "CapEff:\t0000000000000000" in status_of(gateway.pid)
        phone.call(f"sip:house@127.0.0.1:{port}").wait_answered()

        def played(count: int) -> None:
            house.wait(lambda: house.event_names.count("playback_done") == count, "its end")

        played(1)
        for _ in range(2):  # what is there already is renamed
            gateway.command(
                {"command": "start_recording", "number": "p", "recording_file": recording}
            )
            house.wait_event("recording_started")
            gateway.command({"command": "stop_recording", "number": "p"})
            house.wait_event("recording_stopped")
            house.requests.clear()
        play = {"command": "play_audio_file", "number": "p", "audio_file": str(tone)}
        gateway.command({**play, "cache_audio": True})
        played(1)
        house.statuses["tts"] = 500  # so the local voice speaks
        gateway.command({"command": "play_message", "number": "p", "message": "Local"})
        played(2)
        wait_traced(folder / "strace-health", ask_for_health(folder, build))
        gateway.command({"command": "quit"})
        house.wait_event("call_disconnected")
        gateway.wait_exit()
        wait_traced(folder / "strace", gateway.pid)
        done = deeds(folder / "strace", folder / "strace-health")
        return Watched(folder, python_of(build), port, tls_port, house, broker.port, done)


def ask_for_health(folder: Path, build: str) -> int:
    """Run what Docker runs for its health check; returns its process."""
    command = [*tracing(folder / "strace-health"), python_of(build), "-m", "hasip", "--healthcheck"]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE_DIR), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["HASIP_HEALTH_SOCKET"] = str(folder / "health.sock")
    with subprocess.Popen(command, env=environment, cwd=folder) as asking:
        assert asking.wait(30) == 0
    return asking.pid


def without_capabilities() -> tuple[str, ...]:
    """Return the beginning of a command that takes all of root's special rights from the rest."""
    if os.geteuid():
        return ()
    return ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")


@pytest.fixture(scope="module", params=["wheel", "source"])
def watched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    return watch(tmp_path_factory.mktemp("watched"), request.param)


def fits(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether one of the patterns is meant; `*` is anything."""
    return any(fnmatch.fnmatchcase(name, pattern.replace("**", "*")) for pattern in patterns)


def test_it_writes_what_is_stated_and_nothing_else(watched: Watched) -> None:
    patterns = [name for row in stated("writes") for name in names_in(row[0])]
    written = {watched.named(path) for path in watched.deeds.written}

    assert sorted(name for name in written if not fits(name, patterns)) == []
    assert [one for one in patterns if not any(fits(name, [one]) for name in written)] == []


@pytest.mark.parametrize("what", ["binds", "connects"])
def test_it_talks_to_whom_is_stated_and_nobody_else(watched: Watched, what: str) -> None:
    addresses = watched.deeds.bound if what == "binds" else watched.deeds.connected

    expected = {name for row in stated(what) for name in names_in(row[0])}
    assert {watched.peer(address) for address in addresses} == expected


def test_it_runs_what_is_stated_and_nothing_else_without_our_secrets(watched: Watched) -> None:
    run = {Path(program).name: seen for program, seen in watched.deeds.run.items()}
    ourselves = run.pop(Path(watched.python).name)

    assert set(run) == {name for row in stated("runs") for name in names_in(row[0])}
    assert [secret in str(ourselves) for secret in (TOKEN, PASSWORD)] == [True, True]
    assert not [name for name, seen in run.items() if TOKEN in str(seen) or PASSWORD in str(seen)]


# --- AppArmor, which this kernel may not have ------------------------------------------------


@pytest.fixture(scope="module")
def profile() -> Profile:
    return profile_with_includes(PROFILE)


def in_the_app(path: str, watched: Watched) -> str | None:
    """Return what a path is in the app's container; None for what only this machine has."""
    folder, venv = watched.folder, Path(watched.python).parents[1]
    base, packages = Path(sys.base_prefix), "/opt/ha-sip/lib/python3/site-packages"
    if path.startswith(MORE_HERE):
        return None
    path, slash = re.sub(r"^/proc/\d+", "/proc/1", path), "/" * path.endswith("/")
    for where, there in {
        folder / "cache": "/data/cache",
        folder / "media": "/media",
        folder / "health.sock": "/tmp/ha-sip-health.sock",
        folder: "/config",
        venv / "bin": "/opt/ha-sip/bin",
        venv: "/opt/ha-sip",
        venv.resolve(): "/opt/ha-sip",
        PACKAGE_DIR: packages,
        base / "bin": "/usr/bin",
        base / "lib": "/usr/lib",
        Path("/usr/bin/ffmpeg"): "/usr/local/bin/ffmpeg",
        Path(TEMPORARY): "/tmp",
    }.items():
        if Path(path).is_relative_to(where):
            return str(there / Path(path).relative_to(where)) + slash
    return path


# Debian's ffmpeg is linked with all that it could use; that of the image reads audio only.
MORE_HERE = ("/sys/devices/system/node", "/dev/shm")
# Debian's libSRTP has NSS, which looks for chance in folders, and does well without.
IN_VAIN = {"/tmp r", "/var/tmp r"}


def test_the_profile_allows_all_that_is_done(watched: Watched, profile: Profile) -> None:
    done = watched.deeds
    wanted = [
        *((path, "r") for path in done.read),
        *((path, "w") for path in done.written),
        *((path, "m") for path in done.mapped),
        *((path, "x") for path in done.run),
    ]
    there = [(in_the_app(path, watched), right) for path, right in wanted]

    refused = profile.refused((path, right) for path, right in there if path is not None)
    assert sorted(set(refused) - IN_VAIN) == []


@pytest.mark.parametrize(("what", "right"), [("writes", "w"), ("runs", "x")])
def test_the_profile_allows_no_more_than_is_stated(what: str, right: str) -> None:
    own = Profile(PROFILE.read_text(encoding="utf-8"))
    expected = {name for row in stated(what) for name in names_in(row[1]) if name.startswith("/")}

    assert {rule.path for rule in own.rules if right in rule.rights} == expected


@pytest.mark.parametrize(
    ("path", "right"),
    [
        *(("/config/configuration.yaml", "w"), ("/config/automations.yaml", "w")),
        *(("/config/.storage/auth", "w"), ("/data/options.json", "w"), ("/ssl/privkey.pem", "w")),
        *(("/opt/ha-sip/bin/ha-sip", "w"), ("/etc/passwd", "w"), ("/bin/sh", "x")),
        *(("/usr/bin/perl", "x"), ("/media/x.wav", "x"), ("/tmp/ha-sip-run-1/x", "x")),
        *(("/root/.ssh/id_rsa", "r"), ("/sys/firmware/x", "r"), ("/dev/mem", "r")),
    ],
)
def test_the_profile_refuses(profile: Profile, path: str, right: str) -> None:
    assert list(profile.refused([(path, right)])) == [f"{path} {right}"]


def test_neither_the_program_nor_what_it_starts_gets_new_rights(tmp_path: Path) -> None:
    for arguments in ((), ("--restart",)):
        with GatewayProcess(tmp_path, arguments=arguments) as gateway:
            pids = [gateway.pid, *children(gateway.pid)]
            assert len(pids) == 1 + len(arguments)
            for pid in pids:
                assert "NoNewPrivs:\t1" in status_of(pid)
