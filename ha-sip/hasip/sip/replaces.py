"""The Replaces header of an INVITE (RFC 3891): the call whose place a new one is to take."""

from __future__ import annotations

import re

from hasip.dataclass import dataclass
from hasip.sip.received import all_headers

# RFC 3261 §25.1: `callid`, and what a tag is made of.
_VALUE = re.compile(
    r"(?P<call_id>[^\s;,]+)(?P<parameters>(?:\s*;\s*[^\s;,=]+(?:\s*=\s*[^\s;,]+)?)*)"
)


@dataclass(frozen=True, slots=True)
class Replaces:
    """Which dialog of ours."""

    call_id: str
    local_tag: str  # ours
    remote_tag: str
    is_early_only: bool  # only as long as it is not answered


def read_replaces(message: str) -> Replaces | None:
    """Return what an INVITE wants to replace; raises `ValueError` where it does not say that."""
    values = [value for name, value in all_headers(message) if name.lower() == "replaces"]
    if not values:
        return None
    read = _VALUE.fullmatch(values[0].strip())
    if len(values) > 1 or read is None:
        msg = f"what it wants to replace is not clear: {', '.join(values)[:200]!r}"
        raise ValueError(msg)
    parameters = dict[str, str]()
    for part in read["parameters"].split(";")[1:]:
        name, _, value = part.partition("=")
        parameters[name.strip().lower()] = value.strip()
    if not (parameters.get("to-tag") and parameters.get("from-tag")):
        msg = f"Replaces needs to-tag and from-tag; got {values[0][:200]!r}"
        raise ValueError(msg)
    return Replaces(
        call_id=read["call_id"],
        local_tag=parameters["to-tag"],
        remote_tag=parameters["from-tag"],
        is_early_only="early-only" in parameters,
    )
