"""What becomes of commands is told: on the topic of results, and to those who ask for it."""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from support import flood
from support.gateway import GatewayProcess
from support.mosquitto import Mosquitto, MqttUser
from support.phone import Phone
from support.ports import free_port
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS, RESULTS = "hasip/home/execute", "hasip/home/result"


def at(broker: Mosquitto) -> dict[str, str]:
    return {
        "COMMAND_SOURCE": "mqtt",
        "BROKER_ADDRESS": "127.0.0.1",
        "BROKER_PORT": str(broker.port),
        "INSTANCE_NAME": "home",
    }


def answers(home: MqttUser, topic: str, request_id: str | None) -> list[dict[str, Any]]:
    bodies = [json.loads(payload) for payload in home.on(topic)]
    return [body for body in bodies if body["request_id"] == request_id]


def wait_last(home: MqttUser, topic: str, request_id: str | None) -> dict[str, Any]:
    """Wait for the last word on a command."""

    def last() -> list[dict[str, Any]]:
        return [one for one in answers(home, topic, request_id) if one["status"] != "accepted"]

    wait_until(last, f"the last word on {request_id}; came: {home.on(topic)}", 20)
    assert len(last()) == 1
    return last()[0]


def test_an_automation_knows_what_became_of_its_dial(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        MqttUser(broker.port, "#") as home,
        GatewayProcess(tmp_path, **at(broker)) as gateway,
        Phone("busy", answer_after_s=None) as busy,
        Phone("ready") as ready,
    ):
        home.wait_on("hasip/home/availability", b"online")
        home.publish(COMMANDS, {"command": "dial", "number": busy.uri, "request_id": "one"})
        busy.wait_call().reject(486)
        failed = wait_last(home, RESULTS, "one")
        assert (failed["status"], failed["sip_code"], failed["outcome"]) == ("failed", 486, "busy")
        assert failed["instance"] == "home"
        home.publish(COMMANDS, {"command": "dial", "number": ready.uri, "request_id": "two"})
        assert wait_last(home, RESULTS, "two")["status"] == "done"
        accepted, _ = answers(home, RESULTS, "two")
        assert (accepted["status"], accepted["internal_id"]) == ("accepted", ready.uri)
        home.publish(COMMANDS, {"command": "dail", "request_id": "three"})
        assert wait_last(home, RESULTS, "three")["error"] == "Unknown command: dail"
        assert gateway.lines


def test_who_asks_with_a_response_topic_is_answered_there(tmp_path: Path) -> None:
    """MQTT 5: with the correlation data, and without any request_id."""
    with (
        Mosquitto(tmp_path) as broker,
        MqttUser(broker.port, "#") as home,
        GatewayProcess(tmp_path, **at(broker)) as gateway,
    ):
        home.wait_on("hasip/home/availability", b"online")
        hangup = {"command": "hangup", "number": "1"}
        home.publish(COMMANDS, hangup, answer_to=("my/answers", b"\x01\x02"))
        assert "no active call" in wait_last(home, "my/answers", None)["error"]
        (answer,) = [one for one in home.received if one.topic == "my/answers"]
        assert answer.properties is not None
        assert answer.properties.CorrelationData == b"\x01\x02"
        assert home.on(RESULTS) == []
        home.publish(COMMANDS, {**hangup, "request_id": "q"}, answer_to=("my/answers", b"3"))
        assert wait_last(home, "my/answers", "q") == wait_last(home, RESULTS, "q")
        home.publish(COMMANDS, b"no json", answer_to=("my/answers", b"4"))
        wait_until(lambda: len(home.on("my/answers")) == 3, "an answer to what is no JSON")

        # An answer there would be read as a command, and answered again.
        home.publish(COMMANDS, {**hangup, "request_id": "r"}, answer_to=(COMMANDS, b"5"))
        gateway.wait_log(f"MQTT: nothing is answered on the response topic {COMMANDS}")
        wait_last(home, RESULTS, "r")
        assert len(home.on(COMMANDS)) == 4


@pytest.mark.alone
def test_a_thousand_commands_a_second_are_all_answered_and_disturb_no_call(tmp_path: Path) -> None:
    """Some are done, most are refused with the reason; no RTP packet of a call is missing."""
    commands: list[dict[str, Any]] = [
        {"command": "hangup", "number": "stranger"},
        {"command": "dial", "number": f"sip:nobody@127.0.0.1:{free_port()}"},
        {"domain": "light", "service": "turn_on"},
        {"command": "dail"},
    ]
    with (
        Mosquitto(tmp_path) as broker,
        MqttUser(broker.port, "hasip/home/#") as home,
        GatewayProcess(tmp_path, menu_file={}, LOG_LEVEL="1", **at(broker)) as gateway,
        Phone("caller") as phone,
        Phone("pinger") as pinger,
    ):
        home.wait_on("hasip/home/availability", b"online")
        call = phone.call(gateway.uri).wait_answered()
        call.wait_samples(8_000)
        program = [sys.executable, flood.__file__, str(broker.port), COMMANDS, "1000", "10"]
        with subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as flooder:
            assert flooder.stdin is not None
            flooder.stdin.write("\n".join(map(json.dumps, commands)))
            flooder.stdin.close()
            pings = []
            while flooder.poll() is None:
                pings.append(pinger.ping(gateway.address))
                time.sleep(0.02)
            assert flooder.stdout is not None
            took_s = float(flooder.stdout.read())
        # To read them each time would take the time from those who receive them.
        wait_until(
            lambda: len(home.on(RESULTS)) >= 10_000,
            lambda: f"10,000 answers; there are {len(home.on(RESULTS))}",
            30,
        )
        assert len({one["request_id"] for one in results(home)}) == 10_000
        heard = list(call.stream.sequence_numbers)
        told = Counter(
            one["error"].partition(":")[0] for one in results(home) if one["status"] == "failed"
        )

        print(f"10,000 commands in {took_s} s; refusals: {told.most_common(4)}")
        print(f"OPTIONS: {len(pings)}, median {statistics.median(pings) * 1000:.1f} ms,")
        print(f"         worst {max(pings) * 1000:.1f} ms; RTP packets: {len(heard)}")
        assert took_s < 30
        assert told["too many commands"] > 5_000
        assert all((b - a) % 65_536 == 1 for a, b in itertools.pairwise(heard))
        assert statistics.median(pings) < 0.05
        assert sorted(pings)[int(len(pings) * 0.99) - 1] < 1
        assert not call.is_ended.is_set()


def results(home: MqttUser) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in home.on(RESULTS)]
