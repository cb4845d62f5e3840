"""What to change, by what the other side said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasip.events.model import Outcome

if TYPE_CHECKING:
    from hasip.settings.model import Account

_NO_ANSWER = (
    "the server does not answer: check its address and port, and the firewall; some want "
    ";transport=tcp or ;transport=tls in the URI, or --proxy in the account's options"
)


class Names:
    """What the settings of an account are called where the user wrote them."""

    def __init__(self, account: Account, *, is_addon: bool) -> None:
        self._number = account.number
        self._is_addon = is_addon

    def of(self, key: str) -> str:
        """Return the name of a setting: `SIP1_PASSWORD`, or `password` in the add-on's section."""
        if not self._is_addon:
            return f"SIP{self._number}_{key.upper()}"
        return f"{key} of account {self._number}"


def registration_hint(code: int, account: Account, names: Names) -> str:
    """Return what to change when a registrar answered with this code."""
    user, password = names.of("user_name"), names.of("password")
    match code:
        case 401 | 407:
            realm = ""
            if account.realm != "*":
                realm = f"; and {names.of('realm')} is {account.realm}: with * it fits every server"
            return f"{user} or {password} is wrong{realm}"
        case 403:
            return (
                f"the server says no: {password} is wrong, the account is locked or may not "
                "register from here, or it has too many phones; wait some minutes before you try "
                "again, since many servers lock out who tries often"
            )
        case 404:
            return f"there is no such user: check user and domain in {names.of('id_uri')}"
        case 408:
            return _NO_ANSWER
        case 423:
            return "the server wants longer registrations; please report its name"
        case 502 | 503:
            return (
                "there is no connection: see the steps before; if they are well, the server is "
                "overloaded or rejects our certificate"
            )
        case 0:
            return f"check {names.of('registrar_uri')} and {names.of('id_uri')}"
        case _ if code >= 500:  # noqa: PLR2004 - RFC 3261 §21.5
            return "the server has a problem of its own: try later, or ask the provider"
        case _:
            return f"check {names.of('registrar_uri')}, {names.of('id_uri')} and {user}"


CALL_HINTS: dict[Outcome, str] = {
    Outcome.BUSY: "the number works; try when it is free",
    Outcome.DECLINED: "the number works; somebody or something there declines calls from us",
    Outcome.NO_ANSWER: "the number works; somebody must pick up to test the audio",
    Outcome.UNREACHABLE: (
        "the phone is not registered, or its server is away; if it is another provider's, check "
        "how the number is written"
    ),
    Outcome.NOT_FOUND: (
        "check how numbers are written: with or without the country's code, or as sip:NUMBER@DOMAIN"
    ),
    Outcome.FORBIDDEN: (
        "the account may not call there, or the server wants a password with calls: check the user "
        "name, and whether the provider allows calls out"
    ),
    Outcome.NOT_ACCEPTABLE: (
        "no codec or encryption in common: try --codecs PCMA,PCMU in the global options, and "
        "--srtp disabled or optional in the account's"
    ),
    Outcome.REDIRECTED: "call the other address, or leave --follow-redirect on",
    Outcome.LOST: "the connection broke: check the network, and NAT (--stun-server, --ice)",
}


def call_hint(outcome: Outcome) -> str:
    """Return what to do when a call ended like that before it was up."""
    return CALL_HINTS.get(outcome, "look the code up in docs/telephony.md, or ask the provider")


NO_AUDIO_HINT = (
    "the way back is closed: open the RTP ports (--rtp-port, two a call), set --stun-server, or "
    "try --ice off; behind NAT a provider's proxy that relays audio helps"
)
