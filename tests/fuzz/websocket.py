"""A Home Assistant whose websocket answers rubbish, to a gateway with a call that is spoken to."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from typing import TYPE_CHECKING, Any, ClassVar

from websockets.exceptions import WebSocketException
from websockets.sync.server import ServerConnection, serve

from fuzz.mutation import perhaps
from fuzz.surface import Pieces, Surface
from support.home_assistant import TOKEN, StandInHomeAssistant
from support.phone import Phone, PhoneCall

if TYPE_CHECKING:
    import random

    from support.gateway import GatewayProcess

_ASKS_WITHIN_S = 20.0  # a conversation may take half of it
_SPOKEN_TO_EVERY = 50
_FRAMES: tuple[Any, ...] = (
    {"type": "auth_ok"}, {"id": 1, "type": "result", "success": True, "result": {"providers": []}},
    {"id": 1, "success": True, "result": {"providers": [
        {"engine_id": "tts.x", "supported_languages": ["en"]}, {"engine_id": None}, 7]}},
    {"id": 2, "success": True, "result": {"voices": [{"voice_id": ["x"]}, None]}},
    {"id": 1, "success": False, "error": {"message": ["x"]}}, {"id": 1, "success": "no"}, [], "x",
    None, {"id": "1"}, {"id": 1, "success": True, "result": []}, {"type": "auth_invalid"}, 1e308,
)  # fmt: skip


class Websocket(Surface):
    """What Home Assistant's websocket says of engines and voices."""

    name = "websocket"
    menu_file: ClassVar[dict[str, Any]] = {"menu": {"message": "Hello", "timeout": 300}}
    _call: PhoneCall | None = None

    def prepare(self, stack: contextlib.ExitStack) -> dict[str, str]:
        self._inputs: queue.Queue[Pieces] = queue.Queue(1)
        self._count = 0
        server = serve(self._answer, "127.0.0.1", 0)
        threading.Thread(target=server.serve_forever, name="fuzz-websocket", daemon=True).start()
        stack.callback(server.shutdown)
        self.house = stack.enter_context(StandInHomeAssistant())
        self._phone = stack.enter_context(Phone("guest"))
        return {
            "HA_BASE_URL": self.house.base_url,
            "HA_WEBSOCKET_URL": f"ws://127.0.0.1:{server.socket.getsockname()[1]}/api/websocket",
            "HA_TOKEN": TOKEN,
            "TTS_ENGINE_ID": "tts.x",
            "INSIGHT_ASKS_FOR_VOICES": "1",
        }

    def make(self, rng: random.Random) -> Pieces:
        frames = [json.dumps(_FRAMES[0]).encode()] * (rng.random() < 0.8)
        for _ in range(rng.randint(0, 4)):
            frame = json.dumps(rng.choice(_FRAMES)).encode()
            frames.append(perhaps(rng, frame, 0.3))
        if rng.random() < 0.02:
            frames.append(b"[" * 100_000)
        return tuple(frames)

    def send(self, gateway: GatewayProcess, pieces: Pieces) -> None:
        if self._call is None or self._call.is_ended.is_set():
            self._call = self._phone.call(gateway.uri).wait_answered()
        if self._count % _SPOKEN_TO_EVERY == 0:
            gateway.command({"command": "play_message", "number": "guest", "message": "Hello"})
        self._count += 1
        try:
            self._inputs.put(pieces, timeout=_ASKS_WITHIN_S)
        except queue.Full:
            msg = f"the gateway does not ask again within {_ASKS_WITHIN_S} s"
            raise AssertionError(msg) from None

    def rest(self, gateway: GatewayProcess) -> None:  # noqa: ARG002
        if self._call is not None and not self._call.is_ended.is_set():
            self._call.hang_up()

    def _answer(self, socket: ServerConnection) -> None:
        with contextlib.suppress(WebSocketException, OSError, queue.Empty):
            frames = self._inputs.get(timeout=1)
            socket.send('{"type": "auth_required"}')
            for number, frame in enumerate(frames):
                text = frame.decode("latin-1") if number % 5 != 4 else frame
                socket.send(text)
            socket.close(1000)
