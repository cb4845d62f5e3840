"""All surfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fuzz.answers import Callee, Registrar
from fuzz.commands import Mqtt, Stdin
from fuzz.files import MenuFiles, Options
from fuzz.house import House
from fuzz.media import Media
from fuzz.signalling import InDialog, Offers, SipByTcp, SipByTls, SipByUdp
from fuzz.websocket import Websocket

if TYPE_CHECKING:
    from fuzz.surface import Surface

ALL: tuple[type[Surface], ...] = (
    SipByUdp, SipByTcp, SipByTls, InDialog, Offers, Callee, Registrar, Media, Stdin, Mqtt,
    MenuFiles, Options, Websocket, House,
)  # fmt: skip
