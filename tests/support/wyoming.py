"""A speech engine behind the Wyoming protocol: espeak-ng, as Piper and others are connected.

A message is a line of JSON, then as many bytes of JSON data and of payload as the line says.
"""

from __future__ import annotations

import json
import subprocess
import threading
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, Self

NAME = "wyoming-espeak"
RATE_HZ = 22_050  # of espeak-ng
CHUNK_BYTES = 4_096
WAV_HEADER_BYTES = 44
MAKER = {"name": "test", "url": "https://example.invalid"}
VOICES = ("en", "en+f2", "de")


class WyomingEspeak:
    """Listens on 127.0.0.1 and speaks what it is asked to."""

    def __init__(self) -> None:
        """Listen."""
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self.port: int = self._server.server_address[1]
        threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="wyoming", daemon=True
        ).start()

    def __enter__(self) -> Self:
        """Be there."""
        return self

    def __exit__(self, *_: object) -> None:
        """Go."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingTCPServer):
    daemon_threads = True


class _Handler(StreamRequestHandler):
    def handle(self) -> None:
        """Answer one message after the other."""
        while line := self.rfile.readline():
            message = json.loads(line)
            data: dict[str, Any] = message.get("data") or {}
            data.update(json.loads(self.rfile.read(message.get("data_length") or 0) or b"{}"))
            self.rfile.read(message.get("payload_length") or 0)
            if message["type"] == "describe":
                self._send("info", _info())
            elif message["type"] == "synthesize":
                self._speak(data)

    def _speak(self, data: dict[str, Any]) -> None:
        wanted = data.get("voice") or {}
        command = ["espeak-ng", "-v", wanted.get("name") or wanted.get("language") or "en"]
        spoken = subprocess.run(
            [*command, "--stdout"],
            input=data["text"].encode(),
            capture_output=True,
            check=True,
            timeout=30,
        ).stdout[WAV_HEADER_BYTES:]
        form = {"rate": RATE_HZ, "width": 2, "channels": 1}
        self._send("audio-start", form)
        for at in range(0, len(spoken), CHUNK_BYTES):
            self._send("audio-chunk", form, spoken[at : at + CHUNK_BYTES])
        self._send("audio-stop", {})

    def _send(self, kind: str, data: dict[str, Any], payload: bytes = b"") -> None:
        body = json.dumps(data).encode()
        header = {"type": kind, "data_length": len(body), "payload_length": len(payload)}
        self.wfile.write(json.dumps(header).encode() + b"\n" + body + payload)


def _info() -> dict[str, Any]:
    common = {"attribution": MAKER, "installed": True, "description": "espeak-ng", "version": "1"}
    voices = [{**common, "name": voice, "languages": [voice[:2]]} for voice in VOICES]
    return {"tts": [{**common, "name": NAME, "voices": voices}]}
