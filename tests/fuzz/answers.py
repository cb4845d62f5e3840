"""Those that the gateway asks: a callee and a registrar that answer rubbish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fuzz import sip_text
from fuzz.surface import Pieces, Surface
from fuzz.wire import Wire, facts_of

if TYPE_CHECKING:
    import contextlib
    import random

    from support.gateway import GatewayProcess
    from support.phone.message import Message

_PROVISIONAL = (100, 180, 183, 199)
_ACCOUNTS = 8  # that register: as many as the wheel has


class Callee(Surface):
    """Answers the gateway's INVITEs."""

    name = "callee"

    def prepare(self, stack: contextlib.ExitStack) -> dict[str, str]:
        self.wire = Wire()
        stack.callback(self.wire.close)
        return {
            "SIP1_OPTIONS": "--rtp-timeout 5 --srtp optional",
            "SIP1_USER_NAME": "u",
            "SIP1_PASSWORD": "p",
        }

    def make(self, rng: random.Random) -> Pieces:
        early = [sip_text.answer(rng, _PROVISIONAL) for _ in range(rng.randrange(4))]
        return (*early, sip_text.answer(rng, (200, 200, 302, 401, 407, 422, 486)))

    def send(self, gateway: GatewayProcess, pieces: Pieces) -> None:
        token = self.wire.token()
        uri = f"sip:{token}@127.0.0.1:{self.wire.port}"
        gateway.command({"command": "dial", "number": uri, "ring_timeout": 5})

        def is_it(message: Message) -> bool:
            is_invite = not message.is_response and message.method == "INVITE"
            return is_invite and f"sip:{token}@" in message.start

        for piece in pieces:
            # After the first, a retransmission may come, or one with a password.
            invite = self.wire.wait(is_it, 0.5 if piece is pieces[0] else 0.03)
            if invite is not None:
                known = self.wire.known(gateway.port, **facts_of(invite))
            elif piece is pieces[0]:
                break
            self.wire.send(sip_text.filled(piece, known), gateway.address)
            if piece is not pieces[-1]:
                self.wire.send(sip_text.filled(pieces[-1], known), gateway.address)
        self.wire.drain()
        gateway.command({"command": "hangup", "number": uri})
        self.wire.drain()

    def rest(self, gateway: GatewayProcess) -> None:  # noqa: ARG002
        self.wire.wait(lambda _: False, 2.0)


class Registrar(Surface):
    """Answers the gateway's REGISTERs: a few bad answers each, then one that makes it ask again."""

    name = "registrar"

    def prepare(self, stack: contextlib.ExitStack) -> dict[str, str]:
        self.wire = Wire()
        stack.callback(self.wire.close)
        self._request: Message | None = None
        settings: dict[str, str] = {}
        for number in range(1, _ACCOUNTS + 1):
            settings |= {
                f"SIP{number}_ENABLED": "true",
                f"SIP{number}_ID_URI": f"sip:u{number}@127.0.0.1",
                f"SIP{number}_REGISTRAR_URI": f"sip:127.0.0.1:{self.wire.port}",
                f"SIP{number}_USER_NAME": f"u{number}",
                f"SIP{number}_PASSWORD": "p",
                f"SIP{number}_REALM": "*",
                f"SIP{number}_OPTIONS": "--accept-from registrar,127.0.0.1",
            }
        return settings

    def make(self, rng: random.Random) -> Pieces:
        return (sip_text.answer(rng, (100, 200, 200, 301, 401, 401, 407, 423, 503)),)

    def send(self, gateway: GatewayProcess, pieces: Pieces) -> None:
        came = self.wire.wait(
            lambda message: not message.is_response and message.method == "REGISTER",
            0.5 if self._request is None else 0.01,
        )
        self._request = came or self._request
        if self._request is None:
            return
        known = self.wire.known(gateway.port, **facts_of(self._request))
        self.wire.send(sip_text.filled(pieces[0], known), gateway.address)
