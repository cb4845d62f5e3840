"""The image as it is installed: registers, takes and places calls, survives, stops in order."""

from __future__ import annotations

import contextlib
import json
import platform
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from support import audio
from support.gateway import WEBHOOK_ID, GatewayProcess
from support.home_assistant import TOKEN, StandInHomeAssistant
from support.kamailio import Kamailio
from support.phone import Phone
from support.ports import free_port, rtp_port
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from image.container import ContainerTool

# Under emulation everything takes ten times as long.
PATIENCE_S = 120.0
MENU = {
    "menu": {
        "id": "main",
        "message": "Please enter your access code",
        "choices_are_pin": True,
        "choices": {
            "1234": {
                "message": "Welcome",
                "action": {"domain": "lock", "service": "unlock", "entity_id": "lock.door"},
                "post_action": "hangup",
            }
        },
    }
}


def write_menu(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)  # the container's user is not ours
    (folder / "incoming.yaml").write_text(yaml.safe_dump(MENU))


def open_the_door(phone: Phone, uri: str, house: StandInHomeAssistant) -> None:
    call = phone.call(uri).wait_answered(PATIENCE_S)
    call.wait_sound(PATIENCE_S)
    call.type_digits("1234")

    assert house.wait_service("lock/unlock", PATIENCE_S) == {"entity_id": "lock.door"}
    call.wait_ended(PATIENCE_S)
    welcome = audio.read_wav(house.speak("Welcome"))
    assert audio.likeness(call.stream.samples, welcome) > 0.5


@contextlib.contextmanager
def stand_alone(
    podman: ContainerTool, tmp_path: Path, registrar: str, house: StandInHomeAssistant
) -> Iterator[GatewayProcess]:
    """Start it as docker-compose.yml does, with an account at the registrar."""
    port = free_port()
    write_menu(tmp_path / "config")
    variables = {
        "COMMAND_SOURCE": "stdin",
        "PORT": str(port),
        "LOG_LEVEL": "3",
        "GLOBAL_OPTIONS": f"--bind-address 127.0.0.1 --rtp-port {rtp_port(port)}",
        "SIP1_ENABLED": "true",
        "SIP1_ID_URI": f"sip:house@{registrar}",
        "SIP1_REGISTRAR_URI": f"sip:{registrar}",
        "SIP1_USER_NAME": "house",
        "SIP1_PASSWORD": "secret",
        "SIP1_ANSWER_MODE": "accept",
        "SIP1_SETTLE_TIME": "0.2",
        "SIP1_INCOMING_CALL_FILE": "/config/incoming.yaml",
        "HA_BASE_URL": house.base_url,
        "HA_TOKEN": TOKEN,
        "HA_WEBHOOK_ID": WEBHOOK_ID,
        "TTS_ENGINE_ID": "tts.espeak",
    }
    env_file = tmp_path / ".env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    options = [
        *("--env-file", str(env_file), "--volume", f"{tmp_path / 'config'}:/config"),
        *("--user", "1000:1000", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--read-only", "--tmpfs", "/tmp"),
    ]
    with running(tmp_path, podman.command(options), port) as gateway:
        yield gateway


@contextlib.contextmanager
def running(folder: Path, command: list[str], port: int) -> Iterator[GatewayProcess]:
    """Run a container until it ends, or the test."""
    gateway = GatewayProcess(folder, program=command, port=port)
    try:
        gateway.wait_log("ha-sip started", PATIENCE_S)
        yield gateway
        gateway.signal(signal.SIGTERM)
        gateway.wait_exit(PATIENCE_S)
    finally:
        gateway.kill()


def test_it_is_small_and_holds_no_compiler(podman: ContainerTool) -> None:
    assert podman.size_mb() < 250
    found = podman.run("-c", "command -v gcc cc make swig pip git || true", entrypoint="sh")
    assert found == ""
    assert podman.run("--version").startswith("ha-sip ")


@pytest.mark.parametrize("kind", ["mp3", "ogg", "opus", "flac", "m4a", "wma", "aiff", "wav"])
def test_its_ffmpeg_reads_what_people_have(
    podman: ContainerTool, tmp_path: Path, kind: str
) -> None:
    tone = tmp_path / f"tone.{kind}"
    source = "sine=frequency=440:duration=1"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, str(tone)], check=True, timeout=60
    )
    command = podman.command(
        ["--volume", f"{tmp_path}:/config", "--entrypoint", "ffmpeg"],
        [
            "-v",
            "error",
            "-i",
            f"/config/tone.{kind}",
            "-ac",
            "1",
            "-ar",
            "16000",
            "/config/out.wav",
        ],
    )
    subprocess.run(command, check=True, timeout=120)

    samples = audio.read_wav(tmp_path / "out.wav")
    assert len(samples) > 0


def test_whoever_starts_it_as_root_gets_another_user(podman: ContainerTool, tmp_path: Path) -> None:
    port = free_port()
    options = ["--env", f"PORT={port}", "--env", "GLOBAL_OPTIONS=--bind-address 127.0.0.1"]
    with running(tmp_path, podman.command(options), port):
        assert podman.user_of(1) == podman.user_of(podman.daemon()) == 1000


def test_stand_alone(podman: ContainerTool, tmp_path: Path) -> None:
    """Registers, takes a call with a code, places one, survives a crash, stops with BYE."""
    registrar_port = free_port()
    with (
        Kamailio(tmp_path, registrar_port, {"house": "secret"}),
        StandInHomeAssistant() as house,
        stand_alone(podman, tmp_path, f"127.0.0.1:{registrar_port}", house) as gateway,
        Phone("visitor") as phone,
    ):
        gateway.wait_log("registered", PATIENCE_S)
        assert podman.user_of(1) == podman.user_of(podman.daemon()) == 1000
        open_the_door(phone, gateway.uri, house)

        gateway.command({"command": "dial", "number": phone.uri, "menu": {"message": "Hello"}})
        phone.wait_call(PATIENCE_S).wait_answered().wait_sound(PATIENCE_S)

        lines = len(gateway.lines)
        killed = time.monotonic()
        podman.inside("sh", "-c", f"kill -9 {podman.daemon()}")
        gateway.wait_log("it starts again in 1 s", PATIENCE_S, lines)
        gateway.wait_log("ha-sip started", PATIENCE_S, lines)
        took = time.monotonic() - killed
        gateway.wait_log("registered", PATIENCE_S, lines)
        print(f"back after {took:.1f} s")
        is_native = podman.inside("uname", "-m").strip() == platform.machine()
        assert took < (5 if is_native else PATIENCE_S)
        assert "ok" in podman.inside("ha-sip", "--healthcheck")

        call = phone.call(gateway.uri).wait_answered(PATIENCE_S)
        stopped = time.monotonic()
        gateway.signal(signal.SIGTERM)
        assert gateway.wait_exit(PATIENCE_S) in (0, 143)
        stopping = time.monotonic() - stopped
        print(f"stopped after {stopping:.1f} s")
        assert stopping < 3
        assert call.ended_by_peer


def test_add_on(podman: ContainerTool, tmp_path: Path) -> None:
    """Options and token as the Supervisor gives them, commands on stdin, the old paths."""
    port = free_port()
    write_menu(tmp_path / "config")
    options: dict[str, Any] = {
        "sip_global": {
            "port": port,
            "log_level": 3,
            "global_options": f"--bind-address 127.0.0.1 --rtp-port {rtp_port(port)}",
        },
        "sip": {
            "enabled": True,
            "id_uri": f"sip:house@127.0.0.1:{port}",
            "answer_mode": "accept",
            "settle_time": 0.2,
            "incoming_call_file": "/config/incoming.yaml",
        },
        "tts": {"engine_id": "tts.espeak", "language": "en"},
        "webhook": {"id": WEBHOOK_ID},
    }
    data = tmp_path / "data"
    data.mkdir()
    (data / "options.json").write_text(json.dumps(options))
    (data / "options.json").chmod(0o600)
    command = podman.command(
        [
            *("--volume", f"{data}:/data", "--volume", f"{tmp_path / 'config'}:/config"),
            *("--env", f"SUPERVISOR_TOKEN={TOKEN}", "--add-host", "supervisor:127.0.0.1"),
            *("--tmpfs", "/tmp"),
        ]
    )
    with (
        StandInHomeAssistant(port=80) as house,
        running(tmp_path, command, port) as gateway,
        Phone("visitor") as phone,
    ):
        assert podman.user_of(podman.daemon()) == 0, "its files belong to root"
        open_the_door(phone, gateway.uri, house)

        # What Home Assistant's action sends: an object, or a string that holds one.
        gateway.command({"command": "dial", "number": phone.uri, "menu": {"message": "Hello"}})
        call = phone.wait_call(PATIENCE_S).wait_answered()
        call.wait_sound(PATIENCE_S)
        hang_up = json.dumps({"command": "hangup", "number": phone.uri})
        gateway.write(json.dumps(hang_up).encode() + b"\n")
        call.wait_ended(PATIENCE_S)
        wait_until(lambda: "call_disconnected" in house.event_names, "the event", PATIENCE_S)
        gateway.command({"command": "quit"})
        assert gateway.wait_exit(PATIENCE_S) == 0
