"""Home Assistant and the MQTT broker, as far as the gateway needs them."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hasip.doctor.report import within
from hasip.doctor.turning import turn_until
from hasip.errors import HaSipError
from hasip.homeassistant.client import HomeAssistantClient
from hasip.homeassistant.errors import UnauthorizedError
from hasip.homeassistant.speech import Speech
from hasip.mqtt.client import MqttClient
from hasip.mqtt.topics import Topics
from hasip.settings.model import SpeechFallback

if TYPE_CHECKING:
    from hasip.doctor.report import Report
    from hasip.loop import Loop
    from hasip.settings.model import Settings

ANSWERS_WITHIN_S = 15.0
SPEAKS_WITHIN_S = 20.0
CONNECTED_WITHIN_S = 8.0
TEMPLATE, RENDERED = "{{ 1 + 1 }}", "2"


def check_home_assistant(report: Report, settings: Settings) -> None:
    """Ask Home Assistant what the gateway asks; nothing is switched and no automation runs."""
    home = settings.home_assistant
    if home.base_url is None:
        hint = "without HA_BASE_URL there are no actions, no webhooks, and only the local voice"
        report.warn("address", "Home Assistant's address is not set", hint)
        return
    client = HomeAssistantClient(home.base_url, home.token, ca_file=home.ca_file)
    try:
        is_running = within(ANSWERS_WITHIN_S, client.is_running)
    except HaSipError as error:
        report.fail("address", str(error), "check HA_BASE_URL: http://HOST:8123/api")
        return
    if is_running:
        report.ok("address", f"Home Assistant answers at {home.base_url}")
    else:
        report.warn("address", "Home Assistant is starting", "wait until it has started")
    if not _check_token(report, client):
        return
    if home.webhook_id:
        report.ok(
            "webhook",
            f"events go to {home.webhook_id}; Home Assistant says yes to any id, so see that an "
            "automation is triggered by this one",
        )
    else:
        report.warn("webhook", "no id is set", "set HA_WEBHOOK_ID to be told of calls")
    _check_speech(report, client, settings)


def _check_token(report: Report, client: HomeAssistantClient) -> bool:
    try:
        rendered = within(ANSWERS_WITHIN_S, lambda: client.render_template(TEMPLATE)).strip()
    except UnauthorizedError as error:
        if not _is_refused(client):
            report.warn("token", str(error), "make the token as an administrator")
            return True
        hint = "make a long-lived access token in your profile, and set HA_TOKEN"
        report.fail("token", str(error), hint)
        return False
    except HaSipError as error:
        report.fail("template", str(error), "see Home Assistant's log")
        return True
    report.ok("token", "is accepted")
    if rendered == RENDERED:
        report.ok("template", f"{TEMPLATE} is {rendered}")
    else:
        report.fail("template", f"{TEMPLATE} is {rendered!r}", "see Home Assistant's log")
    return True


def _is_refused(client: HomeAssistantClient) -> bool:
    """Tell whether the token is good for nothing, not only for too little."""
    try:
        client.guard.check("", "services")
    except UnauthorizedError:
        return True
    return False


def _check_speech(report: Report, client: HomeAssistantClient, settings: Settings) -> None:
    tts = settings.tts
    speech = Speech(client, tts)
    with tempfile.TemporaryDirectory(prefix="ha-sip-doctor-") as folder:
        target = Path(folder) / "speech"
        try:
            within(SPEAKS_WITHIN_S, lambda: speech.fetch("Hello.", tts.language, target))
        except HaSipError as error:
            has_other = tts.fallback is not SpeechFallback.NONE
            other = "; until then the local voice speaks" if has_other else ""
            hint = (
                "check TTS_ENGINE_ID, TTS_LANGUAGE and TTS_VOICE; TTS_DEBUG_PRINT lists what there "
                f"is{other}"
            )
            (report.warn if has_other else report.fail)("speech", str(error), hint)
            return
        size = target.stat().st_size
    report.ok("speech", f"{speech.describe(tts.language)}: {size} bytes of audio")


class _Said(logging.Handler):
    """Keeps the last thing that was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text = record.getMessage()


def check_broker(report: Report, loop: Loop, settings: Settings) -> None:
    """Connect under another name than the gateway's, which may be connected now."""
    mqtt = settings.mqtt
    if mqtt.address is None:
        hint = "set BROKER_ADDRESS; in the add-on the Supervisor is asked for it at start"
        report.warn("broker", "no address is set", hint)
        return
    mine = replace(mqtt, instance=f"{mqtt.instance}_doctor")
    told: list[str] = []
    said = _Said()
    log = logging.getLogger("hasip.mqtt")
    log.addHandler(said)
    topics = Topics(mine)
    client = MqttClient(
        loop,
        topics,
        hear=lambda _message: None,
        on_connected=lambda: told.append("connected"),
        on_refused=lambda: told.append("refused"),
    )
    client.subscribe(topics.echo)  # a name of our own: no command may be taken here
    client.start(mine)
    turn_until(loop, lambda: bool(told), CONNECTED_WITHIN_S)
    client.close()
    log.removeHandler(said)
    where = f"{mqtt.address}:{mqtt.port}"
    if "connected" in told:
        report.ok("broker", f"{where} took us in; commands are read on {mqtt.topic}")
    elif told:
        report.fail("broker", said.text, "check BROKER_USERNAME and BROKER_PASSWORD")
    else:
        text = said.text or f"no answer from {where}"
        report.fail(
            "broker", text, "check BROKER_ADDRESS, BROKER_PORT, BROKER_TLS and the firewall"
        )
