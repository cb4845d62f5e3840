"""The process of `BareProgram`: PORT HTTP_PORT [MODULE …], which it only loads.

It is what anybody would write who needs one thing only and no safety: callbacks that do the work
themselves, no log, no checks, no time-outs.
"""

from __future__ import annotations

import importlib
import json
import sys

import pjsua2 as pj


class OneCall(pj.Call):
    """A call whose digits are reported at once, and that hears a file."""

    http_port = 0
    wav: str | None = None
    player: pj.AudioMediaPlayer | None = None

    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:  # noqa: ARG002
        """Play the file."""
        if self.wav is not None and self.player is None:
            self.player = pj.AudioMediaPlayer()
            self.player.createPlayer(self.wav, pj.PJMEDIA_FILE_NO_LOOP)
            self.player.startTransmit(self.getAudioMedia(-1))

    def onDtmfDigit(self, prm: pj.OnDtmfDigitParam) -> None:
        """Report it."""
        import http.client  # noqa: PLC0415 - OpenSSL and more, which only this needs

        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=5)
        body = json.dumps({"digit": prm.digit})
        headers = {"Content-Type": "application/json", "Authorization": "Bearer stand-in-token"}
        connection.request("POST", "/api/services/d/s", body, headers)
        connection.getresponse().read()
        connection.close()


class House(pj.Account):
    """Answers at once."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[OneCall] = []
        self.greeting: str | None = None  # what who calls in hears
        self._has_clock = False

    def start_clock(self) -> None:
        """Run pjsip's clock of media, which the gateway as well has rest until a call."""
        if not self._has_clock:
            self._has_clock = True
            pj.Endpoint.instance().audDevManager().setNullDev()

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        """Answer."""
        self.start_clock()
        self.calls = [call for call in self.calls if call.isActive()]
        call = OneCall(self, prm.callId)
        call.wav = self.greeting
        self.calls.append(call)
        answer = pj.CallOpParam()
        answer.statusCode = 200
        call.answer(answer)


def _start(port: int) -> pj.Endpoint:
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.maxCalls = 512
    config.uaConfig.threadCnt = 1
    config.uaConfig.mainThreadOnly = False
    config.medConfig.threadCnt = 1
    config.medConfig.ecTailLen = 0
    if hasattr(pj, "HASIP_MAX_CALLS"):  # the build that has the gateway's resampler
        config.medConfig.quality = 4
    config.medConfig.noVad = True  # else the beginning of speech may pass for silence
    config.medConfig.sndAutoCloseTime = -1
    config.logConfig.level = config.logConfig.consoleLevel = 0
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.port, transport.boundAddress = port, "127.0.0.1"
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNoDev()
    return endpoint


def main() -> None:
    """Make calls until the end of stdin."""
    port, OneCall.http_port = int(sys.argv[1]), int(sys.argv[2])
    if OneCall.http_port:
        importlib.import_module("http.client")  # not with the first digit
    for module in sys.argv[3:]:
        importlib.import_module(module)
    endpoint = _start(port)
    config = pj.AccountConfig()
    config.idUri = f"sip:house@127.0.0.1:{port}"
    config.mediaConfig.transportConfig.port = 20_000 + port % 20_000
    config.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
    config.mediaConfig.srtpUse = 0
    # With IPv6, pjsip 2.17 asks the name servers for this machine's own name with every call.
    config.sipConfig.ipv6Use = config.mediaConfig.ipv6Use = pj.PJSUA_IPV6_DISABLED
    house = House()
    house.create(config, True)  # noqa: FBT003
    print("ready", flush=True)
    for line in sys.stdin.buffer:
        command = json.loads(line)
        if "number" not in command:
            house.greeting = command["wav"]
            continue
        house.start_clock()
        call = OneCall(house)
        call.wav = command.get("wav")
        house.calls.append(call)
        op = pj.CallOpParam(True)  # noqa: FBT003
        op.opt.videoCount = 0
        if hasattr(op.opt, "textCount"):  # since pjsip 2.16
            op.opt.textCount = 0
        call.makeCall(command["number"], op)
    house.calls.clear()
    house.shutdown()
    endpoint.libDestroy()


if __name__ == "__main__":
    main()
