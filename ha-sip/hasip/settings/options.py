"""The two option strings: command-line options inside a setting."""

from __future__ import annotations

import argparse
import ipaddress
import re
import shlex
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from hasip.secret import SecretStr
from hasip.settings.model import AccountOptions, GlobalOptions, Problem
from hasip.tones.heard import InbandDtmf

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ON_WORDS = ("enabled", "enable", "true", "yes", "on", "1")
OFF_WORDS = ("disabled", "disable", "false", "no", "off", "0")
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9])?")
_SECRET_OPTIONS = ("--turn-password", "--mqtt-password")

T = TypeVar("T", GlobalOptions, AccountOptions)


class _OptionError(Exception):
    """What argparse would exit with."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _OptionError(message)


def switch(text: str) -> bool:
    """Read one of the words for on and off, in any case; raises ValueError."""
    word = text.strip().lower()
    if word in ON_WORDS or word in OFF_WORDS:
        return word in ON_WORDS
    raise ValueError(text)


def port(text: str) -> int:
    """Read a port number; raises ValueError."""
    return _between(text, 1, 65535)


def _final_error_code(text: str) -> int:
    return _between(text, 300, 699)


def _between(text: str, low: int, high: int) -> int:
    number = int(text)
    if not low <= number <= high:
        raise ValueError(text)
    return number


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < 1e6:  # noqa: PLR2004 - not NaN, not endless; 0 switches off
        raise ValueError(text)
    return seconds


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _sources(text: str) -> tuple[str, ...]:
    """Read where calls may come from; raises ValueError."""
    words = tuple(word.lower() for word in _names(text))
    for word in words:
        try:
            ipaddress.ip_network(word.strip("[]"), strict=False)
        except ValueError:
            if not _HOST.fullmatch(word) or word.replace(".", "").isdigit():
                raise
    if not words:
        raise ValueError(text)
    return words


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise ValueError(text)
    return path


def _addresses(text: str) -> tuple[str, ...]:
    """Read an address, or one of IPv4 and one of IPv6 by a comma."""
    found = [ipaddress.ip_address(part.strip().strip("[]")) for part in text.split(",")]
    if len({address.version for address in found}) != len(found):
        raise ValueError(text)
    return tuple(map(str, found))


_ALLOWED: dict[Callable[[str], Any], str] = {
    switch: f"must be one of {', '.join(ON_WORDS + OFF_WORDS)}",
    port: "must be a port from 1 to 65535",
    _file: "must be the path of a file that exists",
    _addresses: "must be an address of this machine, or one of IPv4 and one of IPv6 by a comma",
    _sources: "must be addresses, networks (10.0.0.0/8), host names, registrar or all, by commas",
    _seconds: "must be a number of seconds, or 0",
    _final_error_code: "must be a SIP response code from 300 to 699",
}
_SWITCH_WORDS = "{" + ",".join(ON_WORDS + OFF_WORDS) + "}"


def _global_parser() -> _Parser:
    parser = _Parser(prog="global_options", add_help=False, allow_abbrev=False)
    add = parser.add_argument
    add("--stun-server", help="STUN server to use for NAT traversal (default: None)")
    for name, default in (("udp", "enabled"), ("tcp", "enabled"), ("tls", "disabled")):
        _add_switch(parser, name, f"Enable or disable {name.upper()} transport ({default})")
    add("--tls-port", type=port, help="Port to use for TLS transport (default: 5061)")
    add(
        "--tls-ca-file", type=_file, help="File with the CA, or the certificate, to trust as server"
    )
    add("--tls-cert-file", type=_file, help="File with our certificate (default: none)")
    add("--tls-key-file", type=_file, help="File with its key (default: the certificate's file)")
    _add_switch(parser, "ipv6", "Use IPv6 beside IPv4 (disabled)")
    add("--bind-address", type=_addresses, help="Address to listen on, SIP and RTP (default: all)")
    _add_switch(parser, "debug-headers", "Log the headers of incoming calls (disabled)")
    add("--rtp-port", type=port, help="First port for RTP (default: 4000)")
    add("--codecs", type=_names, help="Codecs in order of preference, e.g. PCMA,PCMU; others off")
    _add_switch(parser, "enable-mqtt", "Take commands from MQTT, too (disabled)")
    add("--mqtt-address", help="Address of the MQTT broker (default: None)")
    add("--mqtt-port", type=port, help="Port of the MQTT broker (default: 1883)")
    add("--mqtt-username", help="User name at the MQTT broker (default: None)")
    add("--mqtt-password", type=SecretStr, help="Password at the MQTT broker (default: None)")
    add("--mqtt-topic", help="Topic for commands (default: hasip/execute)")
    add("--mqtt-state-topic", help="Topic for events (default: hasip/state)")
    return parser


def _account_parser() -> _Parser:
    parser = _Parser(prog="options", add_help=False, allow_abbrev=False)
    add = parser.add_argument
    add("--proxy", help="Proxy server to use for SIP (default: None)")
    _add_switch(parser, "ice", "Enable or disable ICE (enabled)")
    _add_switch(parser, "use-stun-for-sip", "Enable or disable STUN for SIP (enabled)")
    _add_switch(parser, "use-stun-for-media", "Enable or disable STUN for media (enabled)")
    _add_switch(parser, "use-contact-rewrite", "Enable or disable contact rewrite (enabled)")
    _add_switch(parser, "use-via-rewrite", "Enable or disable Via rewrite (enabled)")
    _add_switch(parser, "use-sdp-nat-rewrite", "Enable or disable SDP NAT rewrite (enabled)")
    _add_switch(parser, "use-sip-outbound", "Enable or disable SIP outbound (enabled)")
    add("--turn-server", help="TURN server to use (default: None)")
    add("--turn-connection-type", choices=("tcp", "udp", "tls"), help="(default: udp)")
    add("--turn-user", help="TURN user (default: None)")
    add("--turn-password", type=SecretStr, help="TURN password (default: None)")
    add("--extract-headers", type=_names, help="SIP headers to add to events, by commas")
    add("--accept-from", type=_sources, help="Who may call (default: registrar; all without one)")
    add("--reject-sip-code", type=_final_error_code, help="Answer in mode reject (default: 603)")
    _add_switch(parser, "door", "A call by this account is a ring of the doorbell (disabled)")
    _add_switch(parser, "follow-redirect", "Call the address that a 3xx response names (enabled)")
    _add_switch(parser, "follow-transfer", "Let a peer hand its call on by REFER (disabled)")
    add("--rtp-timeout", type=_seconds, help="Seconds without RTP that end a call (default: 30)")
    add(
        "--inband-dtmf",
        type=InbandDtmf,
        choices=tuple(map(str, InbandDtmf)),
        help="Hear digits that are sent as tones only (default: auto)",
    )
    add("--srtp", choices=("disabled", "optional", "mandatory"), help="(default: disabled)")
    return parser


def _add_switch(parser: argparse.ArgumentParser, name: str, text: str) -> None:
    parser.add_argument(f"--{name}", type=switch, metavar=_SWITCH_WORDS, help=text)


def parse_global_options(text: str, name: str) -> tuple[GlobalOptions, tuple[Problem, ...]]:
    """Read `global_options`; `name` is the setting's, for the problems."""
    return _parse(text, name, _global_parser(), GlobalOptions)


def parse_account_options(text: str, name: str) -> tuple[AccountOptions, tuple[Problem, ...]]:
    """Read an account's `options`; `name` is the setting's, for the problems."""
    return _parse(text, name, _account_parser(), AccountOptions)


def options_help() -> str:
    """Return both tables, for `--help`."""
    general, account = (
        parser.format_help().partition("options:\n")[2].rstrip()
        for parser in (_global_parser(), _account_parser())
    )
    return (
        f"global_options / GLOBAL_OPTIONS:\n{general}\n\n"
        f"options of an account / SIPn_OPTIONS:\n{account}\n"
    )


def _parse(text: str, name: str, parser: _Parser, kind: type[T]) -> tuple[T, tuple[Problem, ...]]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        return kind(), (Problem(name, f"cannot be split into options: {error}", text),)
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    known = {action.option_strings[0]: action for action in parser._actions}  # noqa: SLF001
    for option, value in _pairs(words):
        problem, read = _read(option, value, known)
        if problem is None:
            values[option.removeprefix("--").replace("-", "_")] = read
        else:
            problems.append(Problem(name, *problem))
    allowed = {field.name for field in fields(kind)}
    return kind(**{key: value for key, value in values.items() if key in allowed}), tuple(problems)


def _pairs(words: Sequence[str]) -> list[tuple[str, str | None]]:
    """Return each option with its value: `--a 1`, `--a=1`, or a lone word."""
    pairs: list[tuple[str, str | None]] = []
    for word in words:
        if word.startswith("--"):
            option, equals, value = word.partition("=")
            pairs.append((option, value if equals else None))
        elif pairs and pairs[-1][0].startswith("--") and pairs[-1][1] is None:
            pairs[-1] = (pairs[-1][0], word)
        else:
            pairs.append((word, None))
    return pairs


def _read(
    option: str, value: str | None, known: dict[str, argparse.Action]
) -> tuple[tuple[str, str | None] | None, Any]:
    """Return either a problem (its text, what was written) or the value."""
    action = known.get(option)
    if action is None:
        return (f"unknown option; known are {', '.join(known)}", option), None
    if value is None:
        return (f"{option} needs a value", None), None
    if action.choices is not None and value not in action.choices:
        return (f"{option} must be one of {', '.join(action.choices)}", value), None
    convert: Callable[[str], Any] = action.type if callable(action.type) else str
    try:
        return None, convert(value)
    except ValueError:
        shown = None if option in _SECRET_OPTIONS else value
        return (f"{option} {_ALLOWED.get(convert, 'is not valid')}", shown), None
