"""baresip: a foreign telephone with SRTP, that answers by itself and keeps what it hears."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Self

from support.ports import free_port
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

TONE_HZ = 600  # what it says
CONFIGURATION = """sip_listen 127.0.0.1:{port}
audio_player aubridge,sink
audio_source ausine,{tone_hz}
audio_alert aubridge,sink
ausrc_srate 48000
auplay_srate 8000
ausrc_channels 2
auplay_channels 1
net_interface 127.0.0.1
module_path /usr/lib/baresip/modules
module g711.so
module ausine.so
module aubridge.so
module sndfile.so
module srtp.so
module_tmp account.so
module_app menu.so
snd_path {folder}
"""


class Baresip:
    """A phone at `uri`, by UDP on 127.0.0.1."""

    def __init__(self, folder: Path, encryption: str | None) -> None:
        """Keep its files in `folder`; `encryption` is baresip's `mediaenc`."""
        folder.mkdir()
        port = free_port()
        self.uri = f"sip:carol@127.0.0.1:{port}"
        self._folder = folder
        self._log = folder / "log"
        config = CONFIGURATION.format(port=port, tone_hz=TONE_HZ, folder=folder)
        (folder / "config").write_text(config, encoding="utf-8")
        secret = f";mediaenc={encryption}" if encryption else ""
        account = f"<{self.uri}>;regint=0;answermode=auto;audio_codecs=PCMU/8000/1{secret}\n"
        (folder / "accounts").write_text(account, encoding="utf-8")

    def __enter__(self) -> Self:
        """Be there."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["baresip", "-f", str(self._folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(lambda: "baresip is ready" in self.log, "baresip is ready")
        return self

    def __exit__(self, *_: object) -> None:
        """Go."""
        self._process.terminate()
        self._process.wait(10)

    @property
    def log(self) -> str:
        """Return what it said."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def heard(self) -> Path:
        """Return the file with what it heard, in the call before."""
        return next(self._folder.glob("dump-*-dec.wav"))
