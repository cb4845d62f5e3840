"""Asks the STUN and the TURN server for what calls ask them for."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from hasip.doctor.report import TooSlowError, within
from hasip.doctor.turn_client import UNAUTHORIZED, RefusedError, allocate
from hasip.errors import HaSipError, SipError
from hasip.sip.nat_servers import ask_stun
from hasip.sip.stun import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.doctor.report import Report
    from hasip.settings.model import Account, GlobalOptions

T = TypeVar("T")

STUN_WITHIN_S = 5.0
TURN_WITHIN_S = 10.0
WRONG_CREDENTIALS, QUOTA_REACHED = 441, 486  # RFC 8656 §19


def check_stun(report: Report, general: GlobalOptions) -> None:
    """Say whether the STUN server answers, if there is one."""
    server = general.stun_server
    if server is None:
        return
    try:
        address = _ask(f"STUN server {server}", STUN_WITHIN_S, lambda: ask_stun(server))
    except HaSipError as error:
        report.fail("STUN", str(error), "check --stun-server; calls go without it meanwhile")
        return
    report.ok("STUN", f"{server} ({address}) answers")


def check_turn(report: Report, account: Account, general: GlobalOptions) -> None:
    """Have the TURN server relay for the account, if there is one, for a moment."""
    options = account.options
    name = options.turn_server
    if name is None:
        return
    server = Server(name, options.turn_connection_type, general.tls_ca_file)
    password = options.turn_password.get_secret_value() if options.turn_password else ""
    try:
        address, relayed = _ask(
            f"TURN server {name}, {server.connection}",
            TURN_WITHIN_S,
            lambda: allocate(server, (options.turn_user or "", password)),
        )
    except RefusedError as error:
        report.fail("TURN", f"{name} refuses: {error}", _hint(error.code))
    except HaSipError as error:
        report.fail("TURN", str(error), "check --turn-server and --turn-connection-type")
    else:
        report.ok("TURN", f"{name} ({address}) relays for us at {relayed}")


def _ask(who: str, within_s: float, job: Callable[[], T]) -> T:
    """Do a job; one that takes too long names the server, as its own errors do."""
    try:
        return within(within_s, job)
    except TooSlowError as error:
        msg = f"{who}: {error}"
        raise SipError(msg) from error


def _hint(code: int) -> str:
    if code in (UNAUTHORIZED, WRONG_CREDENTIALS):
        return "--turn-user or --turn-password is wrong"
    if code == QUOTA_REACHED:
        return "too many use this account at once; end the others, or ask who runs the server"
    return "ask who runs the server"
