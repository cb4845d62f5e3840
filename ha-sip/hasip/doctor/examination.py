"""All steps, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasip.doctor.hints import Names
from hasip.doctor.house import check_broker, check_home_assistant
from hasip.doctor.nat import check_stun, check_turn
from hasip.doctor.report import Report
from hasip.doctor.servers import check_server
from hasip.doctor.telephone import Telephone
from hasip.doctor.trial_call import check_call

if TYPE_CHECKING:
    from collections.abc import Callable

    from hasip.loop import Loop
    from hasip.settings.model import Settings


def examine(
    loop: Loop,
    settings: Settings,
    number: str | None,
    say: Callable[[str], None],
    put_log_line: Callable[[str], None],
) -> int:
    """Try everything, and a call to `number` if there is one; returns how many steps failed."""
    report = Report(say)
    for warning in settings.warnings:
        report.warn("settings", warning, "unless it is meant, change it")
    _examine_telephony(loop, settings, number, report, put_log_line)
    report.about("Home Assistant")
    check_home_assistant(report, settings)
    if settings.mqtt.is_enabled:
        report.about("MQTT")
        check_broker(report, loop, settings)
    report.close()
    return report.failures


def _examine_telephony(
    loop: Loop,
    settings: Settings,
    number: str | None,
    report: Report,
    put_log_line: Callable[[str], None],
) -> None:
    if not settings.accounts:
        report.fail("accounts", "none is enabled", "set SIP1_ENABLED and SIP1_ID_URI")
        return
    telephone = Telephone(loop, settings, put_log_line)
    report.about("Telephony")
    try:
        if not telephone.start(report):
            return
        check_stun(report, settings.sip.options)
        callers = []
        for account in settings.accounts:
            names = Names(account, is_addon=settings.is_addon)
            report.about(f"Account {account.number}: {account.id_uri}")
            if account.problems:
                report.fail("settings", "; ".join(map(str, account.problems)), "correct it")
                continue
            check_server(report, settings, account, names)
            check_turn(report, account, settings.sip.options)
            if telephone.check_registration(report, account, names):
                callers.append(account.number)
        if number is not None:
            report.about(f"A call to {number}")
            if callers:
                check_call(report, loop, telephone.line(callers[0]), number)
            else:
                report.fail("call", "no account can place it", "correct what failed above")
    finally:
        telephone.close()
