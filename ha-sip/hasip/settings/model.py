"""The settings as one typed, frozen object; every unit is in a name, every secret is wrapped."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING

from hasip.calls.screening import AnswerMode
from hasip.dataclass import dataclass
from hasip.errors import ConfigError
from hasip.secret import SecretStr
from hasip.tones.heard import InbandDtmf

if TYPE_CHECKING:
    from pathlib import Path


class CommandSource(StrEnum):
    """Where commands come from in stand-alone mode."""

    STDIN = "stdin"
    MQTT = "mqtt"


@dataclass(frozen=True, slots=True)
class Problem:
    """A setting that can't be used: its name, what is wrong, and what was written."""

    name: str
    text: str
    value: str | None = None  # None: a secret, or nothing was written

    def __str__(self) -> str:
        """Return the one line for the log."""
        got = "" if self.value is None else f'; got "{self.value}"'
        return f"{self.name}: {self.text}{got}"


class SettingsError(ConfigError):
    """The program can't start with these settings; holds every problem there is."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalOptions:
    """The string `global_options` / `GLOBAL_OPTIONS`."""

    stun_server: str | None = None
    udp: bool = True
    tcp: bool = True
    tls: bool = False
    tls_port: int = 5061
    tls_ca_file: Path | None = None  # None: the authorities that the system trusts
    tls_cert_file: Path | None = None  # shown to who connects, and to who asks for it
    tls_key_file: Path | None = None  # None: it is in `tls_cert_file`
    ipv6: bool = False
    bind_address: tuple[str, ...] = ()  # empty: all; else one of IPv4, one of IPv6, or both
    debug_headers: bool = False
    rtp_port: int = 4000
    codecs: tuple[str, ...] = ()
    enable_mqtt: bool = False
    mqtt_address: str | None = None
    mqtt_port: int | None = None
    mqtt_username: str | None = None
    mqtt_password: SecretStr | None = None
    mqtt_topic: str | None = None
    mqtt_state_topic: str | None = None

    @property
    def bind_ipv4(self) -> str | None:
        """Return the IPv4 address to listen on, if it is not all of them."""
        return next((address for address in self.bind_address if ":" not in address), None)

    @property
    def bind_ipv6(self) -> str | None:
        """Return the IPv6 address to listen on, if it is not all of them."""
        return next((address for address in self.bind_address if ":" in address), None)

    @property
    def media_address(self) -> str | None:
        """Return the address for RTP, if it is not all of them; two can't be told to pjsip."""
        return None if self.uses_ipv4 and self.uses_ipv6 else next(iter(self.bind_address), None)

    @property
    def uses_ipv4(self) -> bool:
        """Tell whether there are transports by IPv4."""
        return not self.bind_address or self.bind_ipv4 is not None

    @property
    def uses_ipv6(self) -> bool:
        """Tell whether there are transports by IPv6."""
        return self.ipv6 or self.bind_ipv6 is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOptions:
    """The string `options` / `SIPn_OPTIONS` of an account."""

    proxy: str | None = None
    ice: bool = True
    use_stun_for_sip: bool = True
    use_stun_for_media: bool = True
    use_contact_rewrite: bool = True
    use_via_rewrite: bool = True
    use_sdp_nat_rewrite: bool = True
    use_sip_outbound: bool = True
    turn_server: str | None = None
    turn_connection_type: str = "udp"
    turn_user: str | None = None
    turn_password: SecretStr | None = None
    extract_headers: tuple[str, ...] = ()
    reject_sip_code: int = 603
    door: bool = False
    # Addresses, networks, names, "all", "registrar"; empty: the registrar, or all without one.
    accept_from: tuple[str, ...] = ()
    inband_dtmf: InbandDtmf = InbandDtmf.AUTO
    srtp: str = "disabled"
    follow_redirect: bool = True
    follow_transfer: bool = False
    rtp_timeout: float = 30.0  # seconds; 0: never


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A SIP account; one with problems is switched off, and the others run."""

    number: int  # 1-based
    id_uri: str
    registrar_uri: str | None = None  # None: direct IP calls
    realm: str = "*"
    user_name: str = ""
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    answer_mode: AnswerMode = AnswerMode.LISTEN
    settle_time_s: float = 1.0
    incoming_call_file: Path | None = None
    options: AccountOptions = field(default_factory=AccountOptions)
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sip:
    """What all accounts share."""

    port: int = 5060
    log_level: int = 5  # pjsip's: 0 silent to 6 everything
    name_servers: tuple[str, ...] = ()
    cache_dir: Path | None = None
    options: GlobalOptions = field(default_factory=GlobalOptions)


class SpeechFallback(StrEnum):
    """Who speaks when Home Assistant can't."""

    ESPEAK_NG = "espeak-ng"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tts:
    """How Home Assistant is to speak."""

    engine_id: str | None = None
    platform: str | None = None  # deprecated; only without engine_id
    language: str = "en"
    voice: str | None = None
    debug_print: bool = False
    fallback: SpeechFallback = SpeechFallback.ESPEAK_NG


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeAssistant:
    """Where Home Assistant is."""

    base_url: str | None = None  # with /api at its end
    websocket_url: str | None = None
    token: SecretStr | None = None
    ca_file: Path | None = None  # trusted beside the usual authorities
    webhook_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerTls:
    """How the broker is verified, which always happens, and what we show it."""

    ca_file: Path | None = None  # None: the usual authorities
    cert_file: Path | None = None
    key_file: Path | None = None  # None: in cert_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Mqtt:
    """The broker, for commands and events."""

    is_enabled: bool = False
    address: str | None = None  # None in the add-on: the Supervisor knows the broker
    port: int = 1883
    username: str | None = None
    password: SecretStr | None = None
    tls: BrokerTls | None = None
    topic: str = "hasip/execute"
    state_topic: str | None = "hasip/state"
    instance: str = "ha_sip"  # part of every other topic, and of the ids in Home Assistant
    has_discovery: bool = False
    discovery_prefix: str = "homeassistant"

    @property
    def client_id(self) -> str:
        """Return the name under which the broker knows us."""
        return f"ha-sip-{self.instance}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensors:
    """The sensors in Home Assistant."""

    enabled: bool = False
    entity_prefix: str = "ha_sip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the user configured."""

    is_addon: bool = False
    command_source: CommandSource = CommandSource.STDIN
    file_folders: tuple[Path, ...] = ()  # of audio and recordings; empty: all
    sip: Sip = field(default_factory=Sip)
    accounts: tuple[Account, ...] = ()  # the enabled ones
    tts: Tts = field(default_factory=Tts)
    home_assistant: HomeAssistant = field(default_factory=HomeAssistant)
    mqtt: Mqtt = field(default_factory=Mqtt)
    sensors: Sensors = field(default_factory=Sensors)
    warnings: tuple[str, ...] = ()

    @property
    def reads_stdin(self) -> bool:
        """Tell whether commands come from standard input."""
        return self.is_addon or self.command_source is CommandSource.STDIN
