"""Every switch of an account's options arrives at pjsua2."""

from __future__ import annotations

import subprocess

import pjsua2 as pj
import pytest

from hasip.settings.model import Account, GlobalOptions
from hasip.settings.options import parse_account_options
from hasip.sip.account_config import Helpers, account_config
from support.gateway import PACKAGE_DIR
from support.source_build import source_python


def configured(options: str) -> pj.AccountConfig:
    parsed, problems = parse_account_options(options, "options")
    assert problems == ()
    account = Account(number=1, id_uri="sip:a@b", options=parsed)
    helpers = Helpers(has_stun=True, turn=parsed.turn_server)
    return account_config(account, GlobalOptions(), helpers)


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("--ice", "iceEnabled"),
        ("--use-stun-for-sip", "sipStunUse"),
        ("--use-stun-for-media", "mediaStunUse"),
        ("--use-contact-rewrite", "contactRewriteUse"),
        ("--use-via-rewrite", "viaRewriteUse"),
        ("--use-sdp-nat-rewrite", "sdpNatRewriteUse"),
        ("--use-sip-outbound", "sipOutboundUse"),
    ],
)
def test_a_switch_is_on_by_default_and_can_be_off(option: str, name: str) -> None:
    on, off, default = (
        getattr(configured(text).natConfig, name)
        for text in (f"{option} yes", f"{option} DISABLE", "")
    )

    assert on == default
    assert on != off


SHIPPED = """
from hasip.settings.model import Account, GlobalOptions
from hasip.sip.account_config import Helpers, account_config
account = Account(number=1, id_uri="sip:a@b")
config = account_config(account, GlobalOptions(), Helpers(has_stun=True, turn=None))
print(config.natConfig.iceEnabled, config.natConfig.iceCheckSrcAddr)
"""


def test_on_the_build_that_we_ship_media_may_come_by_any_pair_of_ice() -> None:
    """RFC 8445 §12.2; the wheel's pjsip has no such check."""
    said = subprocess.run(
        [source_python(), "-c", SHIPPED],
        env={"PYTHONPATH": str(PACKAGE_DIR)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout

    assert said.split() == ["True", "0"]


@pytest.mark.parametrize(
    ("word", "kind"),
    [("udp", pj.PJ_TURN_TP_UDP), ("tcp", pj.PJ_TURN_TP_TCP), ("tls", pj.PJ_TURN_TP_TLS)],
)
def test_a_turn_server_with_its_transport_and_credentials(word: str, kind: int) -> None:
    config = configured(
        f"--turn-server t:3478 --turn-connection-type {word} --turn-user u --turn-password 'p w'"
    )
    nat = config.natConfig  # lives in it

    assert nat.turnEnabled
    assert (nat.turnServer, nat.turnConnType) == ("t:3478", kind)
    assert (nat.turnUserName, nat.turnPassword) == ("u", "p w")
    assert not configured("").natConfig.turnEnabled


def test_the_proxy_and_srtp() -> None:
    config = configured("--proxy sip:p;lr --srtp mandatory")

    assert list(config.sipConfig.proxies) == ["sip:p;lr"]
    assert config.mediaConfig.srtpUse == pj.PJMEDIA_SRTP_MANDATORY
    assert configured("").mediaConfig.srtpUse == pj.PJMEDIA_SRTP_DISABLED
