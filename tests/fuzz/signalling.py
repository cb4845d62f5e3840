"""SIP that comes to the gateway: by UDP, TCP and TLS, within calls, and with offers of media."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from typing import TYPE_CHECKING, ClassVar

from fuzz import sip_text
from fuzz.mutation import mutated, perhaps
from fuzz.surface import Pieces, Surface
from fuzz.wire import Dialog, Wire
from support.certificates import Authority
from support.ports import free_port

if TYPE_CHECKING:
    import random

    from support.gateway import GatewayProcess

_INPUTS_OF_A_CALL = 25
_INPUTS_OF_A_CONNECTION = 8
_A_CALL_EVERY_S = 0.04


class _ByUdp(Surface):
    def prepare(self, stack: contextlib.ExitStack) -> dict[str, str]:
        self.wire = Wire()
        stack.callback(self.wire.close)
        return {"SIP1_OPTIONS": "--rtp-timeout 5 --srtp optional --follow-transfer on"}


class SipByUdp(_ByUdp):
    """Requests and responses of strangers."""

    name = "sip-udp"

    def make(self, rng: random.Random) -> Pieces:
        return (sip_text.message(rng),)

    def send(self, gateway: GatewayProcess, pieces: Pieces) -> None:
        self.wire.send(sip_text.filled(pieces[0], self.wire.known(gateway.port)), gateway.address)
        self.wire.drain()


class SipByTcp(Surface):
    """The same on connections, cut into pieces anywhere."""

    name = "sip-tcp"
    transport: ClassVar[str] = "TCP"
    _connection: socket.socket | None = None
    _left = 0

    def prepare(self, stack: contextlib.ExitStack) -> dict[str, str]:
        self.wire = Wire()
        stack.callback(self.wire.close)
        stack.callback(self._hang_up)
        return {"SIP1_OPTIONS": "--rtp-timeout 5"}

    def make(self, rng: random.Random) -> Pieces:
        data = sip_text.message(rng) or b"\r\n"
        if rng.random() < 0.3:
            at = rng.randint(1, len(data))
            return data[:at], data[at:]
        return (data,)

    def send(self, gateway: GatewayProcess, pieces: Pieces) -> None:
        known = self.wire.known(gateway.port, TRANSPORT=self.transport)
        if self._connection is None or self._left <= 0:
            self._hang_up()
            self._connection = self.connect(gateway)
            self._left = _INPUTS_OF_A_CONNECTION
        self._left -= 1
        try:
            for piece in pieces:
                self._connection.sendall(sip_text.filled(piece, known))
            self._connection.settimeout(0.001)
            with contextlib.suppress(TimeoutError, ssl.SSLWantReadError):
                if not self._connection.recv(65_536):
                    self._left = 0
        except OSError:  # the gateway has enough of it
            self._left = 0

    def rest(self, gateway: GatewayProcess) -> None:  # noqa: ARG002
        self._hang_up()

    def connect(self, gateway: GatewayProcess) -> socket.socket:
        """Return a new connection."""
        connection = socket.create_connection(gateway.address, 5)
        connection.settimeout(5)
        return connection

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class SipByTls(SipByTcp):
    """The same by TLS, and what is no TLS at all."""

    name = "sip-tls"
    transport = "TLS"
    # OpenSSL keeps a session, of 2 KiB, for 300 s; 20 handshakes a second are taken.
    warm_up_s = 330.0

    def prepare(self, stack: contextlib.ExitStack) -> dict[str, str]:
        authority = Authority(self.folder / "authority")
        certificate, key = authority.sign("house", "IP:127.0.0.1")
        self._context = ssl.create_default_context(cafile=str(authority.certificate))
        self._port = free_port()
        self._is_raw = False
        # The wheel takes no connections while it trusts the system's authorities.
        options = f"--tls on --tls-port {self._port} --tls-ca-file {authority.certificate}"
        options += f" --tls-cert-file {certificate} --tls-key-file {key}"
        return super().prepare(stack) | {"FUZZ_OPTIONS": options}

    def make(self, rng: random.Random) -> Pieces:
        if rng.random() > 0.05:
            return super().make(rng)
        body = rng.randbytes(rng.choice((0, 1, 40, 600)))
        hello = b"\x16\x03\x01" + len(body).to_bytes(2, "big") + body
        return b"", mutated(rng, hello)

    def send(self, gateway: GatewayProcess, pieces: Pieces) -> None:
        if pieces[0] or len(pieces) == 1:
            # It closes what is too much from one source, on the wheel more than two at once.
            with contextlib.suppress(ssl.SSLEOFError, ConnectionResetError):
                super().send(gateway, pieces)
            return
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self._port), 5) as plain,
        ):
            plain.sendall(pieces[1])

    def connect(self, gateway: GatewayProcess) -> socket.socket:  # noqa: ARG002
        plain = socket.create_connection(("127.0.0.1", self._port), 5)
        return self._context.wrap_socket(plain, server_hostname="127.0.0.1")


class InDialog(_ByUdp):
    """Requests in calls that are up."""

    name = "dialog"
    _dialog: Dialog | None = None
    _left = 0

    def make(self, rng: random.Random) -> Pieces:
        return (sip_text.in_dialog(rng),)

    def send(self, gateway: GatewayProcess, pieces: Pieces) -> None:
        if self._left <= 0:
            self.rest(gateway)
        if self._dialog is None:
            self._dialog = self.wire.call(gateway.address)
            self._left = _INPUTS_OF_A_CALL
        dialog = self._dialog or Dialog("gone", "<sip:a@b>;tag=1", "<sip:c@d>", "sip:x", "")
        self._left -= 1
        dialog.cseq += 1
        known = self.wire.known(
            gateway.port,
            LOCAL=dialog.local,
            REMOTE=dialog.remote,
            TARGET=dialog.target,
            CALL=dialog.call_id,
            CSEQ=dialog.cseq,
        )
        self.wire.send(sip_text.filled(pieces[0], known), gateway.address)
        self.wire.drain()

    def rest(self, gateway: GatewayProcess) -> None:
        dialog, self._dialog = self._dialog, None
        if dialog is not None:
            self.wire.request(dialog, "BYE", gateway.address)
            self.wire.drain()


class Offers(_ByUdp):
    """Calls with SDP of all kinds, which are taken and ended at once."""

    name = "sdp"
    _due = 0.0

    def make(self, rng: random.Random) -> Pieces:
        return (perhaps(rng, rng.choice(sip_text.SDPS), 0.9),)

    def send(self, gateway: GatewayProcess, pieces: Pieces) -> None:
        # More would be a flood, of which most is turned away unread.
        time.sleep(max(0.0, self._due - time.monotonic()))
        self._due = time.monotonic() + _A_CALL_EVERY_S
        dialog = self.wire.call(gateway.address, pieces[0])
        if dialog is not None:
            self.wire.request(dialog, "BYE", gateway.address)
            self.wire.drain()
