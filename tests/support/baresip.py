"""baresip as a second phone: a foreign SIP stack, with codecs that the phone of the tests has not.

It answers by itself, hears into a file, and says a tone of 600 Hz. Its control port takes commands.
"""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

from support import audio
from support.ports import free_port
from support.server import Server
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

TONE_HZ = 600
RTP_PORTS = range(16400, 16500)

CONFIGURATION = """poll_method epoll
sip_listen {host}:{port}
call_local_timeout 60
call_max_calls 8
audio_player aubridge,sink
audio_source ausine,{tone_hz}
audio_alert aubridge,sink
ausrc_srate 48000
auplay_srate 48000
ausrc_channels 2
auplay_channels 2
audio_level no
rtp_ports {rtp_ports}
jitter_buffer_delay 2-5
net_interface {host}
module_path /usr/lib/baresip/modules
module g711.so
module g722.so
module opus.so
module l16.so
module ausine.so
module aubridge.so
module sndfile.so
module srtp.so
{more}module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {host}:{control_port}
snd_path {folder}
"""


class Baresip(Server):
    """A baresip, by itself or at a registrar."""

    def __init__(
        self,
        folder: Path,
        codec: str,
        encryption: str | None = None,
        *,
        host: str = "127.0.0.1",
        media_nat: str | None = None,
        registrar: tuple[int, str] | None = None,
    ) -> None:
        """Keep its files in `folder`; `codec` as in `PCMA/8000`, the only one it speaks.

        `encryption` is baresip's `mediaenc`, for example `srtp-mand`; `media_nat` its `medianat`,
        for example `ice`. A registrar is at that host: its port, and the password of `bare` there.
        """
        folder.mkdir(exist_ok=True)
        self.folder = folder
        sip_port, control_port = free_port(), free_port()
        while control_port == sip_port + 1:  # where it listens for TLS
            control_port = free_port()
        self.uri = f"sip:bare@{host}:{sip_port}"
        (folder / "config").write_text(
            CONFIGURATION.format(
                host=host,
                port=sip_port,
                control_port=control_port,
                folder=folder,
                tone_hz=TONE_HZ,
                rtp_ports=f"{RTP_PORTS[0]}-{RTP_PORTS[-1]}",
                more=f"module {media_nat}.so\n" if media_nat else "",
            ),
            encoding="utf-8",
        )
        secret = f";mediaenc={encryption}" if encryption else ""
        nat = f";medianat={media_nat}" if media_nat else ""
        account, interval_s = self.uri, 0
        if registrar is not None:
            port, password = registrar
            account, interval_s = f"sip:bare@{host}:{port}", 600
            secret += f";auth_pass={password}"
        (folder / "accounts").write_text(
            f"<{account}>;regint={interval_s};answermode=auto;audio_codecs={codec}{secret}{nat}\n",
            encoding="utf-8",
        )
        super().__init__(["baresip", "-f", str(folder)], control_port, folder / "baresip.log", host)

    def command(self, name: str, parameters: str = "") -> None:
        """Send a command; it is done when this returns."""
        body = json.dumps({"command": name, "params": parameters}).encode()
        with socket.create_connection(self.address, 5) as control:
            control.settimeout(5)
            control.sendall(b"%d:%s," % (len(body), body))
            answer = b""
            while b'"response":true' not in answer.replace(b" ", b""):
                piece = control.recv(4096)
                assert piece, f"baresip hung up on {name}"
                answer += piece

    def wait_said(self, text: str) -> None:
        """Wait for a text in its log."""
        wait_until(lambda: text in self.said, f"{text!r} in {self.log}")

    @property
    def said(self) -> str:
        """Return its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def heard(self) -> list[int]:
        """Return what it heard in its call that is over, at 8 kHz."""
        recordings = sorted(self.folder.glob("dump-*-dec.wav"))
        assert recordings
        return [sample for recording in recordings for sample in audio.read_wav(recording)]
