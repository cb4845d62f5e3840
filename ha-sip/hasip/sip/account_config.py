"""What an account's settings mean in pjsua2's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pjsua2 as pj

from hasip.sip.hop import Way

if TYPE_CHECKING:
    from hasip.settings.model import Account, AccountOptions, GlobalOptions

# For how long a registrar is asked to keep us in its list.
EXPIRES_S = 300

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


def account_config(settings: Account, general: GlobalOptions) -> pj.AccountConfig:
    """Return pjsua2's configuration of an account."""
    config = pj.AccountConfig()
    config.idUri = settings.id_uri
    config.regConfig.registrarUri = settings.registrar_uri or ""
    config.regConfig.registerOnAdd = False
    config.regConfig.timeoutSec = EXPIRES_S
    # Its own retries are off; `SipAccount` does them.
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
    set_way(config, settings, general, Way())
    _configure_nat(config, settings.options, general)
    _configure_media(config, settings.options, general)
    return config


def set_way(config: pj.AccountConfig, settings: Account, general: GlobalOptions, way: Way) -> None:
    """Have requests go a way, and offer our address on it as the one for media.

    Else ICE offers the address of every container bridge there is, and the INVITE gets so large
    that it goes by TCP (RFC 3261 §18.1.1), which many providers refuse.
    """
    config.sipConfig.proxies.clear()
    for route in (way.route, settings.options.proxy):
        if route:
            config.sipConfig.proxies.append(route)
    # With IPv6 beside IPv4 pjsip wants to choose between the two itself.
    source = None if general.uses_ipv6 else way.source
    config.mediaConfig.transportConfig.boundAddress = general.media_address or source or ""


def _configure_nat(
    config: pj.AccountConfig, options: AccountOptions, general: GlobalOptions
) -> None:
    nat = config.natConfig
    # ICE never offers a loopback address (RFC 8445 §5.1.1.1): with no other, every call would fail.
    nat.iceEnabled = options.ice and not _is_loopback(general.media_address)
    nat.sipStunUse = _stun_use(enabled=options.use_stun_for_sip)
    nat.mediaStunUse = _stun_use(enabled=options.use_stun_for_media)
    nat.contactRewriteUse = int(options.use_contact_rewrite)
    nat.viaRewriteUse = int(options.use_via_rewrite)
    nat.sdpNatRewriteUse = int(options.use_sdp_nat_rewrite)
    nat.sipOutboundUse = int(options.use_sip_outbound)
    if options.turn_server:
        nat.turnEnabled = True
        nat.turnServer = options.turn_server
        nat.turnConnType = _TURN_CONNECTIONS[options.turn_connection_type]
        nat.turnUserName = options.turn_user or ""
        password = options.turn_password
        nat.turnPassword = password.get_secret_value() if password else ""


def _configure_media(
    config: pj.AccountConfig, options: AccountOptions, general: GlobalOptions
) -> None:
    config.mediaConfig.transportConfig.port = general.rtp_port
    config.mediaConfig.srtpUse = _SRTP[options.srtp]
    config.mediaConfig.srtpSecureSignaling = 0


def _is_loopback(address: str | None) -> bool:
    return address is not None and (address.startswith("127.") or address == "::1")


def _stun_use(*, enabled: bool) -> int:
    return int(pj.PJSUA_STUN_USE_DEFAULT if enabled else pj.PJSUA_STUN_USE_DISABLED)
