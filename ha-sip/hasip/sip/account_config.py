"""What an account's settings mean in pjsua2's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pjsua2 as pj

from hasip.calls.uri import transport_of
from hasip.dataclass import dataclass
from hasip.sip.build import HAS_IPV6
from hasip.sip.hop import Way
from hasip.sip.locate import TLS

if TYPE_CHECKING:
    from hasip.settings.model import Account, AccountOptions, GlobalOptions

# For how long a registrar is asked to keep us in its list.
EXPIRES_S = 300

# Values of `contactRewriteUse`.
_WITH_EXCEPTIONS = 1
_ALWAYS = 2
_TURN_CONNECTIONS = {
    "udp": pj.PJ_TURN_TP_UDP,
    "tcp": pj.PJ_TURN_TP_TCP,
    "tls": pj.PJ_TURN_TP_TLS,
}
_SRTP = {
    "disabled": pj.PJMEDIA_SRTP_DISABLED,
    "optional": pj.PJMEDIA_SRTP_OPTIONAL,
    "mandatory": pj.PJMEDIA_SRTP_MANDATORY,
}


@dataclass(frozen=True, slots=True)
class Helpers:
    """The servers that answer, of those that help through a NAT."""

    has_stun: bool
    turn: str | None  # its address and port


def account_config(settings: Account, general: GlobalOptions, helpers: Helpers) -> pj.AccountConfig:
    """Return pjsua2's configuration of an account."""
    config = pj.AccountConfig()
    config.idUri = settings.id_uri
    config.regConfig.registrarUri = settings.registrar_uri or ""
    config.regConfig.registerOnAdd = False
    config.regConfig.timeoutSec = EXPIRES_S
    # Its own retries are off; `Registration` does them.
    config.regConfig.retryIntervalSec = 0
    config.regConfig.firstRetryIntervalSec = 0
    config.regConfig.disableRegOnModify = True
    if settings.user_name or settings.password.get_secret_value():
        config.sipConfig.authCreds.append(
            pj.AuthCredInfo(
                "digest",
                settings.realm,
                settings.user_name,
                0,
                settings.password.get_secret_value(),
            )
        )
    # Without a preference the address that is called decides.
    config.sipConfig.ipv6Use = _ipv6_use(general, pj.PJSUA_IPV6_ENABLED_NO_PREFERENCE)
    set_helpers(config, settings.options, helpers)
    _configure_nat(config, settings.options, general)
    set_way(config, settings, general, Way())
    _configure_media(config, settings.options, general)
    return config


def set_helpers(config: pj.AccountConfig, options: AccountOptions, helpers: Helpers) -> None:
    """Have calls helped by the STUN and the TURN server, as far as these answer."""
    nat = config.natConfig
    nat.mediaStunUse = _stun_use(enabled=options.use_stun_for_media and helpers.has_stun)
    nat.turnEnabled = helpers.turn is not None
    nat.turnServer = helpers.turn or ""


def set_way(config: pj.AccountConfig, settings: Account, general: GlobalOptions, way: Way) -> None:
    """Have requests go a way, and offer our address on it as the one for media.

    Else ICE offers the address of every container bridge there is, and the INVITE gets so large
    that it goes by TCP (RFC 3261 §18.1.1), which many providers refuse.
    """
    config.sipConfig.proxies.clear()
    for route in (way.route, settings.options.proxy):
        if route:
            config.sipConfig.proxies.append(route)
    config.mediaConfig.transportConfig.boundAddress = media_source(general, way)
    first = way.route or settings.options.proxy or settings.registrar_uri or settings.id_uri
    # A new connection has another port of ours, and we are called by it; without exceptions, or
    # pjsip would stay with the port of the connection before, if the address is a private one.
    mode = _ALWAYS if transport_of(first) in ("tcp", "tls") else _WITH_EXCEPTIONS
    rewrites = settings.options.use_contact_rewrite
    config.natConfig.contactRewriteUse = mode if rewrites else 0
    # To know the port of a connection before it is made, pjsip would resolve the name itself, and
    # wait for it. The registrar's answer tells it, too.
    by_name = way.target is not None and way.target.transport == TLS
    learns_it = settings.registrar_uri is not None and rewrites
    config.natConfig.contactUseSrcPort = int(not (by_name and learns_it))


def media_source(general: GlobalOptions, way: Way) -> str:
    """Return the address of ours that media use on a way; empty: pjsip chooses."""
    # With IPv6 beside IPv4 pjsip wants to choose between the two itself.
    source = None if general.uses_ipv6 else way.source
    return general.media_address or source or ""


def _ipv6_use(general: GlobalOptions, beside_ipv4: int) -> int:
    if not (general.uses_ipv6 and HAS_IPV6):
        return int(pj.PJSUA_IPV6_DISABLED)
    return beside_ipv4 if general.uses_ipv4 else int(pj.PJSUA_IPV6_ENABLED_USE_IPV6_ONLY)


def _configure_nat(
    config: pj.AccountConfig, options: AccountOptions, general: GlobalOptions
) -> None:
    nat = config.natConfig
    # ICE never offers a loopback address (RFC 8445 §5.1.1.1): with no other, every call would fail.
    nat.iceEnabled = options.ice and not _is_loopback(general.media_address)
    if hasattr(nat, "iceCheckSrcAddr"):  # pjsip 2.16 and later
        # Else what comes by a pair that pjsip has not tried itself is dropped. The other side may
        # have settled on it all the same, and media may come by any (RFC 8445 §12.2).
        nat.iceCheckSrcAddr = 0
    nat.sipStunUse = _stun_use(enabled=options.use_stun_for_sip)
    nat.viaRewriteUse = int(options.use_via_rewrite)
    nat.sdpNatRewriteUse = int(options.use_sdp_nat_rewrite)
    nat.sipOutboundUse = int(options.use_sip_outbound)
    if options.turn_server:
        nat.turnConnType = _TURN_CONNECTIONS[options.turn_connection_type]
        nat.turnUserName = options.turn_user or ""
        password = options.turn_password
        nat.turnPassword = password.get_secret_value() if password else ""


def _configure_media(
    config: pj.AccountConfig, options: AccountOptions, general: GlobalOptions
) -> None:
    config.mediaConfig.transportConfig.port = general.rtp_port
    config.mediaConfig.ipv6Use = _ipv6_use(general, pj.PJSUA_IPV6_ENABLED_PREFER_IPV4)
    config.mediaConfig.srtpUse = _SRTP[options.srtp]
    config.mediaConfig.srtpSecureSignaling = 0


def _is_loopback(address: str | None) -> bool:
    return address is not None and (address.startswith("127.") or address == "::1")


def _stun_use(*, enabled: bool) -> int:
    return int(pj.PJSUA_STUN_USE_DEFAULT if enabled else pj.PJSUA_STUN_USE_DISABLED)
