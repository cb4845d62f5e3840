"""The settings of the broker; the global options win over the variables."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from hasip.secret import SecretStr
from hasip.settings.model import BrokerTls, Mqtt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hasip.settings.model import Account, Sip
    from hasip.settings.reader import Reader
    from hasip.settings.sources import Section, Source

PLAIN_PORT, TLS_PORT = 1883, 8883
# What may stand in topics and in Home Assistant's ids.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
# Where commands for one gateway come; it listens there, too.
_ONE_GATEWAY = re.compile(r"hasip/[^/]+/execute")
_NAME_FILE = "instance_name"


def mqtt_settings(
    source: Source, sip: Sip, accounts: Sequence[Account], reader: Reader, *, is_enabled: bool
) -> Mqtt:
    """Read all that is about MQTT."""
    section, options = source.section("mqtt"), sip.options
    written = section.values.get("password")
    state_topic = section.values.get("state_topic", "hasip/state").strip()
    if options.mqtt_state_topic is not None:
        state_topic = options.mqtt_state_topic
    address = options.mqtt_address or reader.optional(section, "address")
    if is_enabled and address is None and not source.is_addon:
        text = "is required for commands by MQTT: the address of the broker (or --mqtt-address)"
        reader.problem(section, "address", text)
    if address is not None and not _is_host(address):
        reader.problem(section, "address", "must be a host name or an address, without mqtt://")
    topic = options.mqtt_topic or reader.text(section, "topic", "hasip/execute")
    for key, written_topic in (("topic", topic), ("state_topic", state_topic)):
        if set(written_topic) & set("+#"):
            reader.problem(section, key, "must be one topic, without + and #")
    prefix = reader.text(section, "discovery_prefix", "homeassistant").strip("/")
    if set(prefix) & set("+# "):
        reader.problem(section, "discovery_prefix", "must be a topic, without + and #")
    if is_enabled and (topic == state_topic or _ONE_GATEWAY.fullmatch(state_topic)):
        text = "must not be the topic of commands: every event would be read as one"
        reader.problem(section, "state_topic", text)
    tls = _tls(section, reader) if is_enabled else None
    default_port = PLAIN_PORT if tls is None else TLS_PORT
    return Mqtt(
        is_enabled=is_enabled,
        address=address,
        port=options.mqtt_port or reader.whole(section, "port", default_port, 1, 65535),
        username=options.mqtt_username or reader.optional(section, "username"),
        password=options.mqtt_password or (SecretStr(written) if written else None),
        tls=tls,
        topic=topic,
        state_topic=state_topic or None,
        instance=_instance(source, sip, accounts, reader) if is_enabled else "ha_sip",
        has_discovery=reader.flag(section, "discovery", default=False),
        discovery_prefix=prefix,
    )


def _is_host(address: str) -> bool:
    try:
        return bool(address.encode("idna")) and not set(address) & set("/ @")
    except UnicodeError:
        return False


def _tls(section: Section, reader: Reader) -> BrokerTls | None:
    """Return how to verify the broker; a file alone means TLS, too."""
    import ssl  # noqa: PLC0415 - large, and seldom used

    files: dict[str, Path | None] = {}
    for key in ("ca_file", "cert_file", "key_file"):
        written = reader.optional(section, key)
        files[key] = Path(written) if written else None
        if written and not Path(written).is_file():
            reader.problem(section, key, "must be the path of a file")
            return None
    if not reader.flag(section, "tls", default=any(files.values())):
        for key, path in files.items():
            if path is not None:
                reader.problem(section, key, f"needs {section.name_of('tls')} to be on")
        return None
    if files["key_file"] is not None and files["cert_file"] is None:
        reader.problem(section, "key_file", f"needs {section.name_of('cert_file')} as well")
        return None
    tls = BrokerTls(**files)
    key = "ca_file"
    try:
        ssl.create_default_context(cafile=tls.ca_file)
        key = "cert_file"
        if tls.cert_file is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            # Without a password OpenSSL would ask for one on the terminal, and wait.
            context.load_cert_chain(tls.cert_file, tls.key_file, password=lambda: "")
    except (OSError, ValueError) as error:
        what = "a certificate" if key == "ca_file" else "a certificate with its key, unencrypted"
        reader.problem(section, key, f"must hold {what}: {error}")
        return None
    return tls


def _instance(source: Source, sip: Sip, accounts: Sequence[Account], reader: Reader) -> str:
    """Return the name that no other ha-sip at the broker has, the same after every start."""
    section = source.section("mqtt")
    name = reader.optional(section, "instance_name")
    if name is not None:
        if not _NAME.fullmatch(name):
            reader.problem(section, "instance_name", "must be 1 to 40 of A-Z a-z 0-9 _ -")
        return name
    if source.data_dir is not None:
        return _kept_name(source.data_dir, reader)
    import hashlib  # noqa: PLC0415 - with OpenSSL; large, and seldom used

    # A container keeps no files and has a new host name every time; its account stays.
    uris = [account.id_uri for account in accounts][:1]
    told = "|".join([*uris, str(sip.port)])
    return f"ha_sip_{hashlib.sha256(told.encode()).hexdigest()[:6]}"


def _kept_name(folder: Path, reader: Reader) -> str:
    file = folder / _NAME_FILE
    try:
        if file.is_file():
            name = file.read_text(encoding="utf-8").strip()
            if _NAME.fullmatch(name):
                return name
        name = f"ha_sip_{os.urandom(3).hex()}"
        file.write_text(name, encoding="utf-8")
    except (OSError, ValueError) as error:
        reader.warnings.append(f"{file}: cannot be kept ({error}); set mqtt.instance_name")
        return "ha_sip"
    return name
