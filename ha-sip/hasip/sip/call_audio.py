"""What audio a pjsua2 call has now: which medium, who hears whom, and how much has come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pjsua2 as pj

from hasip.dataclass import dataclass
from hasip.sip.errors import guarded

if TYPE_CHECKING:
    from hasip.sip.pj_call import PjCall


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """How much audio has gone both ways."""

    codec: str
    packets_received: int
    packets_sent: int


@dataclass(frozen=True, slots=True)
class Audio:
    """The audio that a call has now."""

    index: int  # among its media
    we_hear: bool
    peer_hears: bool


def audio_of(call: PjCall) -> Audio | None:
    """Return the audio, or None while there is none (on hold both ways, or never agreed upon)."""
    info = call.getInfo()  # kept: the list of media lives in it
    for index, media in enumerate(info.media):
        if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status in (
            pj.PJSUA_CALL_MEDIA_ACTIVE,
            pj.PJSUA_CALL_MEDIA_REMOTE_HOLD,
        ):
            is_held = media.status == pj.PJSUA_CALL_MEDIA_REMOTE_HOLD
            return Audio(
                index,
                we_hear=bool(media.dir & pj.PJMEDIA_DIR_DECODING) and not is_held,
                peer_hears=bool(media.dir & pj.PJMEDIA_DIR_ENCODING),
            )
    return None


def events_agreed(call: PjCall, index: int) -> bool:
    """Tell whether the peer's SDP has telephone-event (RFC 4733) beside the codec."""
    return bool(call.getStreamInfo(index).audTxEventPt >= 0)


def packets_heard(call: PjCall) -> int | None:
    """Count what has come from the peer; None while nothing is to be expected."""
    if not call.isActive():
        return None
    with guarded("count packets"):
        audio = audio_of(call)
        if audio is None or not audio.we_hear:
            return None
        statistics = call.getStreamStat(audio.index).rtcp
        reports = statistics.txStat.updateCount if call.leaves_silence_out else 0
        return int(statistics.rxStat.pkt + reports)
    return None


def audio_facts(call: PjCall) -> AudioFacts | None:
    """Return what flows, or None while there is no audio."""
    if not call.isActive():
        return None
    with guarded("look at the audio"):
        audio = audio_of(call)
        if audio is None:
            return None
        statistics = call.getStreamStat(audio.index).rtcp
        codec = str(call.getStreamInfo(audio.index).codecName)
        return AudioFacts(codec, int(statistics.rxStat.pkt), int(statistics.txStat.pkt))
    return None
