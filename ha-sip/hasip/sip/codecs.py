"""Which codecs are offered, and in which order."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hasip.sip.errors import sip_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pjsua2 as pj

_log = logging.getLogger(__name__)

# In order of preference. Those that hardly any phone has are left out: they only make the INVITE
# larger, and one of over 1,300 bytes goes by TCP (RFC 3261 §18.1.1), which many providers refuse.
DEFAULT_CODECS = ("opus", "G722", "PCMA", "PCMU", "GSM")


def choose_codecs(endpoint: pj.Endpoint, wanted: Sequence[str]) -> tuple[str, ...]:
    """Have pjsip offer these, or the usual ones; return what we take, for people."""
    with sip_errors("set the order of codecs"):
        ids = [str(codec.codecId) for codec in endpoint.codecEnum2()]
        known = sorted(set(map(_short, ids)))
        for name in wanted:
            if name.lower() not in known:
                _log.warning("--codecs: this pjsua2 has no %s; it has %s", name, ", ".join(known))
        order = [name.lower() for name in wanted if name.lower() in known]
        if wanted and not order:
            _log.warning("--codecs names none that there is; taking the usual ones")
        order = order or [name.lower() for name in DEFAULT_CODECS]
        for codec_id in ids:
            name = _short(codec_id)
            rank = 255 - order.index(name) if name in order else 0
            endpoint.codecSetPriority(codec_id, rank)
    ours = (_name(codec_id) for codec_id in ids if _short(codec_id) in order)
    return tuple(dict.fromkeys(ours))


def _name(codec_id: str) -> str:
    return codec_id.partition("/")[0]


def _short(codec_id: str) -> str:
    """Return a codec's name: `PCMU/8000/1` is `pcmu`; one at several rates has one name only."""
    return _name(codec_id).lower()
