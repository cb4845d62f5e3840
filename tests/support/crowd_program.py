"""The process of `Crowd`: PORT FOLDER CALLS SECONDS."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pjsua2 as pj

BRIDGE_RATE_HZ = 8_000
TURN_MS = 10
BUFFER_MS = 300


class OneCall(pj.Call):
    """A call that is recorded from its first sound."""

    def __init__(self, account: pj.Account, call_id: int, folder: Path) -> None:
        super().__init__(account, call_id)
        self.name = self.getInfo().localUri.partition("sip:")[2].partition("@")[0]
        self._wav = folder / f"{self.name}.wav"
        self._recorder: pj.AudioMediaRecorder | None = None
        self.since: float | None = None

    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:  # noqa: ARG002
        """Record."""
        if self._recorder is None:
            self._recorder = pj.AudioMediaRecorder()
            self._recorder.createRecorder(str(self._wav))
            self.getAudioMedia(-1).startTransmit(self._recorder)
            self.since = time.monotonic()

    def finish(self, at_once: int) -> None:
        """Say what came, and hang up."""
        received = self.getStreamStat(0).rtcp.rxStat
        heard = {
            "name": self.name,
            "packets": received.pkt,
            "lost": received.loss,
            "discarded": received.discard,
            "at_once": at_once,
        }
        print(json.dumps(heard), flush=True)
        self.hangup(pj.CallOpParam())
        self._recorder = None


class Everybody(pj.Account):
    """Whoever is called."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.calls: list[OneCall] = []
        self._folder = folder

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        """Answer."""
        call = OneCall(self, prm.callId, self._folder)
        self.calls.append(call)
        answer = pj.CallOpParam()
        answer.statusCode = 200
        call.answer(answer)


def _start(port: int) -> pj.Endpoint:
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.maxCalls = 512
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.medConfig.clockRate = BRIDGE_RATE_HZ
    config.medConfig.sndAutoCloseTime = -1
    # On a busy machine a short buffer runs empty, and one that shrinks again drops what it has.
    config.medConfig.jbInit = config.medConfig.jbMinPre = config.medConfig.jbMaxPre = BUFFER_MS
    config.medConfig.jbMax = 3 * BUFFER_MS
    config.medConfig.jbDiscardAlgo = pj.PJMEDIA_JB_DISCARD_NONE
    config.logConfig.level = config.logConfig.consoleLevel = 1
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.port, transport.boundAddress = port, "127.0.0.1"
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    for codec in endpoint.codecEnum2():
        endpoint.codecSetPriority(codec.codecId, 255 if "PCM" in codec.codecId else 0)
    return endpoint


def main() -> None:
    """Take the calls, and go when all have ended."""
    port, folder, calls, listen_s = int(sys.argv[1]), Path(sys.argv[2]), *map(float, sys.argv[3:])
    endpoint = _start(port)
    config = pj.AccountConfig()
    config.idUri = f"sip:127.0.0.1:{port}"
    config.mediaConfig.transportConfig.port = 40_000
    config.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
    account = Everybody(folder)
    account.create(config, True)  # noqa: FBT003
    print("ready", flush=True)
    finished = 0
    while finished < calls or any(call.isActive() for call in account.calls):
        endpoint.libHandleEvents(TURN_MS)
        for call in account.calls:
            if call.since is not None and time.monotonic() - call.since >= listen_s:
                call.since = None
                call.finish(sum(other.isActive() for other in account.calls))
                finished += 1
    account.calls.clear()
    account.shutdown()
    endpoint.libDestroy()


if __name__ == "__main__":
    main()
