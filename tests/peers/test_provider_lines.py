"""The lines of docs/providers.md at the program that they are for, where that can be had."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from dotenv import dotenv_values

from support.gateway import GatewayProcess
from support.kamailio import Kamailio
from support.name_server import NameServer
from support.netns import Network
from support.providers_page import lines_of

if TYPE_CHECKING:
    from pathlib import Path

HERE = "127.0.0.1"


def test_the_lines_for_kamailio_register_there(tmp_path: Path) -> None:
    """They are taken as they are: a name server says that their server is here."""
    values = dotenv_values(stream=io.StringIO(lines_of("Kamailio")["sh"]))
    settings = {name: value for name, value in values.items() if value is not None}
    user, password = settings["SIP1_USER_NAME"], settings["SIP1_PASSWORD"]
    domain = settings["SIP1_ID_URI"].partition("@")[2]
    folder = tmp_path / "kamailio"
    folder.mkdir()
    with Network() as network:
        machine = network.machine("pbx")
        machine.ask(HERE)
        with (
            machine.entered(),
            NameServer(tmp_path / "names", HERE, domain, [f"{domain}. A {HERE}"]),
            Kamailio(folder, 5060, {user: password}, HERE),
            GatewayProcess(tmp_path, prefix=machine.prefix, **settings) as gateway,
        ):
            gateway.wait_log("): registered")
            sent = gateway.wait_lines("Request msg REGISTER", 2)  # without and with the password
            assert all(" to TCP " in line for line in sent if "TX " in line)
