"""`--doctor` at real servers: what works, what does not, and what to change."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from support.certificates import Authority, self_signed
from support.command import PACKAGE_DIR, ha_sip
from support.coturn import PASSWORD, USER, Coturn
from support.home_assistant import TOKEN, StandInHomeAssistant
from support.kamailio import Kamailio, Tls
from support.mosquitto import Mosquitto
from support.phone import Phone
from support.ports import free_port, rtp_port
from support.source_build import BUILDS, on_builds, python_of
from support.together import Together

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USERS = {"hasip": "hasip-secret", "alice": "alice-secret"}
waiting = Together(ahead=True)


@contextlib.contextmanager
def a_registrar(tmp_path: Path) -> Iterator[Kamailio]:
    """Run one that listens for TLS, too."""
    folder = tmp_path / "kamailio"
    folder.mkdir()
    certificate = self_signed(folder)
    tls = Tls(free_port(), certificate, certificate)
    with Kamailio(folder, free_port(), USERS, tls=tls) as kamailio:
        yield kamailio


@pytest.fixture
def registrar(tmp_path: Path) -> Iterator[Kamailio]:
    with a_registrar(tmp_path) as registrar:
        yield registrar


@pytest.fixture
def house() -> Iterator[StandInHomeAssistant]:
    with StandInHomeAssistant() as house:
        yield house


class Doctor:
    """Examines an installation in which all is well, but for what the test changes."""

    def __init__(self, folder: Path, registrar: Kamailio, house: StandInHomeAssistant) -> None:
        port = free_port()
        domain = f"127.0.0.1:{registrar.port}"
        self.folder = folder
        self.general = f"--bind-address 127.0.0.1 --rtp-port {rtp_port(port)}"
        self.environment = {
            "PORT": str(port),
            "TMPDIR": str(folder),
            "GLOBAL_OPTIONS": self.general,
            "SIP1_ENABLED": "true",
            "SIP1_ID_URI": f"sip:hasip@{domain}",
            "SIP1_REGISTRAR_URI": f"sip:{domain}",
            "SIP1_USER_NAME": "hasip",
            "SIP1_PASSWORD": USERS["hasip"],
            "HA_BASE_URL": house.base_url,
            "HA_TOKEN": TOKEN,
            "HA_WEBHOOK_ID": "calls",
            "TTS_ENGINE_ID": "tts.espeak",
        }
        self.lines: list[str] = []
        self.build = "wheel"

    def examine(self, *number: str, **changed: str) -> int:
        """Return the exit code."""
        settings = {**self.environment, **changed}
        python = python_of(self.build)
        done = ha_sip(self.folder, "--doctor", *number, python=python, **settings)
        self.lines = done.stdout.splitlines()
        print(done.stdout, done.stderr)
        secrets = {USERS["hasip"], TOKEN, changed.get("SIP1_PASSWORD"), changed.get("HA_TOKEN")}
        assert not any(secret in done.stdout for secret in secrets if secret)
        assert "Traceback" not in done.stderr
        return done.returncode

    def said(self, verdict: str, step: str) -> str:
        """Return what was said of a step with this verdict; raises if nothing was."""
        start = f"  {verdict:4}  {step}: "
        found = [line.removeprefix(start) for line in self.lines if line.startswith(start)]
        assert found, f"no {verdict} of {step}"
        return " / ".join(found)


@pytest.fixture
def doctor(tmp_path: Path, registrar: Kamailio, house: StandInHomeAssistant) -> Doctor:
    return Doctor(tmp_path, registrar, house)


@contextlib.contextmanager
def a_doctor(tmp_path: Path) -> Iterator[Doctor]:
    """Return one with a registrar and a Home Assistant of its own."""
    with a_registrar(tmp_path) as registrar, StandInHomeAssistant() as house:
        yield Doctor(tmp_path, registrar, house)


@on_builds(*BUILDS)
def test_where_all_is_well_every_step_says_so(
    doctor: Doctor, registrar: Kamailio, house: StandInHomeAssistant, tmp_path: Path, build: str
) -> None:
    doctor.build = build
    with (
        Phone("alice", password=USERS["alice"]) as alice,
        Mosquitto(tmp_path, users={"hasip": "broker-secret"}) as broker,
    ):
        alice.register(registrar.address, "127.0.0.1")
        code = doctor.examine(
            "alice",
            MQTT_ENABLED="true",
            BROKER_ADDRESS="127.0.0.1",
            BROKER_PORT=str(broker.port),
            BROKER_USERNAME="hasip",
            BROKER_PASSWORD="broker-secret",
        )

    assert code == 0
    assert not any(line.startswith(("  FAIL", "  warn")) for line in doctor.lines)
    assert "answers OPTIONS with 200" in doctor.said("ok", "connect")
    assert "registered (200 OK)" in doctor.said("ok", "register")
    assert "alice rings" in doctor.said("ok", "call")
    assert "PCM" in doctor.said("ok", "audio")
    for step in ("hang up", "token", "template", "webhook", "speech", "broker"):
        doctor.said("ok", step)
    assert not house.events  # no automation was set off
    assert not house.services


@pytest.mark.parametrize(
    ("changed", "code", "hint"),
    [
        ({"SIP1_PASSWORD": "wrong-word"}, "403", "SIP1_PASSWORD is wrong"),
        ({"SIP1_REALM": "elsewhere"}, "401", "SIP1_REALM is elsewhere: with * it fits"),
    ],
)
def test_a_registration_that_is_refused_says_what_to_change(
    doctor: Doctor, changed: dict[str, str], code: str, hint: str
) -> None:
    assert doctor.examine("alice", **changed) == 1
    said = doctor.said("FAIL", "register")
    assert said.startswith(code)
    assert hint in said
    assert "no account can place it" in doctor.said("FAIL", "call")


def test_an_unknown_user_is_told_as_the_registrar_tells_it(
    doctor: Doctor, registrar: Kamailio
) -> None:
    uri = f"sip:nobody@127.0.0.1:{registrar.port}"

    assert doctor.examine(SIP1_ID_URI=uri, SIP1_USER_NAME="nobody") == 1
    assert "SIP1_USER_NAME or SIP1_PASSWORD is wrong" in doctor.said("FAIL", "register")


@pytest.mark.parametrize(
    ("server", "step", "hint"),
    [
        ("sip:127.0.0.1:{free}", "connect", "nothing listens there"),
        ("sip:127.0.0.1:{free};transport=tcp", "connect", "check address, port"),
        ("sip:no-such-host.invalid", "resolve", "SIP1_REGISTRAR_URI"),
    ],
)
@waiting
def test_a_server_that_is_away_and_a_name_that_is_none(
    tmp_path: Path, server: str, step: str, hint: str
) -> None:
    with a_doctor(tmp_path) as doctor:
        assert doctor.examine(SIP1_REGISTRAR_URI=server.format(free=free_port())) == 1
        assert hint in doctor.said("FAIL", step)
        doctor.said("FAIL", "register")


@waiting
def test_a_server_that_says_nothing_is_waited_for_and_not_for_ever(tmp_path: Path) -> None:
    with a_doctor(tmp_path) as doctor, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))

        assert doctor.examine(SIP1_REGISTRAR_URI=f"sip:127.0.0.1:{deaf.getsockname()[1]}") == 1
        assert "does not answer OPTIONS" in doctor.said("warn", "connect")
        assert "no answer" in doctor.said("FAIL", "register")


def test_ctrl_c_ends_it_with_a_word(doctor: Doctor) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        registrar = f"sip:127.0.0.1:{deaf.getsockname()[1]}"
        with subprocess.Popen(
            [sys.executable, "-m", "hasip", "--doctor"],
            cwd=doctor.folder,
            env={
                "PYTHONPATH": str(PACKAGE_DIR),
                **doctor.environment,
                "SIP1_REGISTRAR_URI": registrar,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert any("SIP stack" in line for line in process.stdout)
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=30)

    assert process.returncode == 130
    assert rest.rstrip().endswith("stopped before the end")
    assert "Traceback" not in rest


def test_a_certificate_that_signed_itself(
    doctor: Doctor, registrar: Kamailio, tmp_path: Path
) -> None:
    assert registrar.tls is not None
    uri = f"sip:127.0.0.1:{registrar.tls.port};transport=tls"
    tls = f"{doctor.general} --tls on --tls-port {free_port()}"

    assert doctor.examine(SIP1_REGISTRAR_URI=uri) == 1
    assert "--tls on" in doctor.said("FAIL", "settings")
    assert doctor.examine(SIP1_REGISTRAR_URI=uri, GLOBAL_OPTIONS=tls) == 1
    assert "--tls-ca-file" in doctor.said("FAIL", "TLS")
    doctor.said("FAIL", "register")
    trusted = f"{tls} --tls-ca-file {tmp_path}/kamailio/certificate.pem"
    assert doctor.examine(SIP1_REGISTRAR_URI=uri, GLOBAL_OPTIONS=trusted) == 0
    assert "is trusted for 127.0.0.1" in doctor.said("ok", "TLS")
    doctor.said("ok", "register")


@pytest.fixture(scope="module")
def coturn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    """Return one at an address of this run's own, since its ports are fixed."""
    host = f"127.9.{os.getpid() >> 8 & 0xFF}.{os.getpid() & 0xFE | 1}"
    folder = tmp_path_factory.mktemp("coturn")
    authority = Authority(folder / "ca")
    certificate = authority.sign("turn", f"IP:{host}")
    with Coturn(folder, host, certificate) as server:
        yield server


@pytest.mark.parametrize("connection", ["udp", "tcp", "tls"])
def test_stun_and_turn_servers_that_work(doctor: Doctor, coturn: Coturn, connection: str) -> None:
    host, folder = coturn.address[0], coturn.log.parent
    said = f"--turn-user {USER} --turn-password {PASSWORD} --turn-connection-type {connection}"

    assert (
        doctor.examine(
            GLOBAL_OPTIONS=f"{doctor.general} --stun-server {host} "
            f"--tls-ca-file {folder / 'ca/ca.pem'}",
            SIP1_OPTIONS=f"--turn-server {host} {said}",
        )
        == 0
    )
    assert f"{host} ({host}:3478) answers" in doctor.said("ok", "STUN")
    assert f"relays for us at {host}:" in doctor.said("ok", "TURN")
    assert PASSWORD not in "\n".join(doctor.lines)


@pytest.mark.parametrize("login", [(USER, "wrong-word"), ("nobody", PASSWORD)])
def test_a_turn_server_that_refuses_the_login(
    doctor: Doctor, coturn: Coturn, login: tuple[str, str]
) -> None:
    turn = f"--turn-server {coturn.address[0]} --turn-user {login[0]} --turn-password {login[1]}"

    assert doctor.examine(SIP1_OPTIONS=turn) == 1
    assert "401" in doctor.said("FAIL", "TURN")
    assert "--turn-user or --turn-password is wrong" in doctor.said("FAIL", "TURN")
    assert login[1] not in "\n".join(doctor.lines)
    doctor.said("ok", "register")


def test_a_turn_server_whose_certificate_is_not_trusted(doctor: Doctor, coturn: Coturn) -> None:
    turn = f"--turn-server {coturn.address[0]} --turn-connection-type tls"

    assert doctor.examine(SIP1_OPTIONS=turn) == 1
    assert "its certificate is not trusted" in doctor.said("FAIL", "TURN")
    assert "see --tls-ca-file" in doctor.said("FAIL", "TURN")


def test_stun_and_turn_servers_that_are_away(doctor: Doctor) -> None:
    away = f"127.0.0.1:{free_port()}"
    stun = f"{doctor.general} --stun-server {away}"

    assert doctor.examine(GLOBAL_OPTIONS=stun, SIP1_OPTIONS=f"--turn-server {away}") == 1
    assert "check --stun-server" in doctor.said("FAIL", "STUN")
    assert "check --turn-server" in doctor.said("FAIL", "TURN")
    doctor.said("ok", "register")


@pytest.mark.parametrize(
    ("reject_with", "verdict", "says"),
    [(486, "warn", "busy"), (603, "warn", "declined"), (488, "FAIL", "--codecs PCMA,PCMU")],
)
def test_a_phone_that_does_not_take_the_call(
    doctor: Doctor, registrar: Kamailio, reject_with: int, verdict: str, says: str
) -> None:
    with Phone("alice", password=USERS["alice"], reject_with=reject_with) as alice:
        alice.register(registrar.address, "127.0.0.1")
        code = doctor.examine("alice")

    assert code == (1 if verdict == "FAIL" else 0)
    assert says in doctor.said(verdict, "call")
    assert str(reject_with) in doctor.said(verdict, "call")


def test_a_call_in_which_nothing_is_heard_says_which_way_is_closed(
    doctor: Doctor, registrar: Kamailio
) -> None:
    with Phone("alice", password=USERS["alice"], answer_after_s=None) as alice:
        alice.register(registrar.address, "127.0.0.1")
        answerer = _answer_silently(alice)
        code = doctor.examine("alice")
        answerer.join(5)

    assert code == 1
    assert "--rtp-port" in doctor.said("FAIL", "audio")


def _answer_silently(phone: Phone) -> threading.Thread:
    def answer() -> None:
        call = phone.wait_call(30)
        call.stream.sends_audio = False
        call.answer()

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    return thread


def test_what_is_wrong_at_home_assistant(doctor: Doctor, house: StandInHomeAssistant) -> None:
    assert doctor.examine(HA_TOKEN="wrong-token") == 1
    assert "HA_TOKEN" in doctor.said("FAIL", "token")
    house.is_admins_token = False
    assert doctor.examine() == 0
    assert "administrator" in doctor.said("warn", "token")
    house.is_admins_token = True
    house.statuses["tts_get_url"] = 500
    assert doctor.examine() == 0
    assert "TTS_ENGINE_ID" in doctor.said("warn", "speech")
    assert doctor.examine(TTS_FALLBACK="none") == 1
    doctor.said("FAIL", "speech")
    house.go_away()
    assert doctor.examine() == 1
    assert "HA_BASE_URL" in doctor.said("FAIL", "address")


def test_a_broker_that_refuses_us_or_is_away(doctor: Doctor, tmp_path: Path) -> None:
    with Mosquitto(tmp_path, users={"hasip": "right"}) as broker:
        settings = {
            "MQTT_ENABLED": "true",
            "BROKER_ADDRESS": "127.0.0.1",
            "BROKER_PORT": str(broker.port),
            "BROKER_USERNAME": "hasip",
            "BROKER_PASSWORD": "wrong-word",
        }
        assert doctor.examine(**settings) == 1
        assert "BROKER_PASSWORD" in doctor.said("FAIL", "broker")
    assert doctor.examine(**settings) == 1
    assert "BROKER_ADDRESS" in doctor.said("FAIL", "broker")


def test_a_port_that_is_taken_is_told(doctor: Doctor) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", int(doctor.environment["PORT"])))
        doctor.environment["GLOBAL_OPTIONS"] += " --tcp off"

        assert doctor.examine() == 1
    assert "does ha-sip or a phone run here?" in doctor.said("FAIL", "SIP stack")


def test_an_account_with_a_mistake_and_no_account_at_all(doctor: Doctor) -> None:
    assert doctor.examine(SIP1_OPTIONS="--ice maybe") == 1
    assert "--ice must be one of" in doctor.said("FAIL", "settings")
    assert doctor.examine(SIP1_ENABLED="false") == 1
    assert "SIP1_ENABLED" in doctor.said("FAIL", "accounts")
