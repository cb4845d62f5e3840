"""Header values of a received message, as they were written.

pjsip prints From and To anew and leaves out what it has no use for (the port, say), but
automations compare these texts with what their provider sends.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hasip.calls.uri import without_display_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TAG = re.compile(r";\s*tag\s*=([^;>]*)", re.IGNORECASE)
# RFC 3261 §7.3.3, and what later ones added.
_FULL_NAMES = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
}
_COMPACT = {name: letter for letter, name in _FULL_NAMES.items()}
# What a CANCEL's Reason (RFC 3326) says when another phone took the call: SIP's own code for it,
# and "non-selected user clearing" of ISDN (ITU-T Q.850).
_TAKEN = re.compile(
    r"(?:^|,)\s*(?:SIP\s*;(?:[^,]*;)?\s*cause\s*=\s*200|Q\.850\s*;(?:[^,]*;)?\s*cause\s*=\s*26)\b",
    re.IGNORECASE,
)
# What begins a template of Home Assistant's. Some of its actions (`notify`, up to 2024) render the
# text that an automation gives them once more, whatever it came from.
_TEMPLATE = re.compile(r"\{(?=[{%#])")
# The digits of `application/dtmf`, as a character or as the code of an event (RFC 4733 §3.2).
_DIGITS = "0123456789*#ABCD"
_DIGIT_CODES = {str(code): digit for code, digit in enumerate(_DIGITS)}
# What goes into an event; a peer may send more than anybody wants to know.
LONGEST_VALUE = 1_000


def clean(value: str) -> str:
    """Return what a peer wrote as it may go into an event.

    It is not too long, and has no bytes that are no UTF-8: Home Assistant takes no JSON with half
    of a surrogate pair in it, and MQTT no such text. Nor does it begin a template: `{{` is `{ {`.
    """
    return _as_text(value)[:LONGEST_VALUE]


def _as_text(value: str) -> str:
    text = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _TEMPLATE.sub("{ ", text)


def all_headers(message: str) -> Iterator[tuple[str, str]]:
    """Yield name and value of every header, unfolded (RFC 3261 §7.3.1), names as written."""
    head = message.replace("\r\n", "\n").partition("\n\n")[0]
    for line in re.sub(r"\n[ \t]+", " ", head).split("\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip(), value.strip()


def header_value(message: str, name: str) -> str | None:
    """Return the first value of a header, or None."""
    wanted = {name.lower(), _COMPACT.get(name.lower(), name.lower())}
    return next((value for key, value in all_headers(message) if key.lower() in wanted), None)


def sent_by(response: str) -> str | None:
    """Return the transport that the request of a response went by: `UDP`, `TCP`, `TLS`."""
    via = header_value(response, "Via") or ""
    found = re.match(r"SIP\s*/\s*2\.0\s*/\s*(\w+)", via, re.IGNORECASE)
    return found[1].upper() if found else None


def extract_headers(message: str, names: Iterable[str]) -> dict[str, str | None]:
    """Return the headers that are asked for, under the names they are asked for by.

    Names match in any case; one that comes several times is joined by commas (RFC 3261 §7.3.1),
    one that is absent is None. Values are cut at `LONGEST_VALUE`.
    """
    found: dict[str, list[str]] = {}
    for key, value in all_headers(message):
        found.setdefault(_FULL_NAMES.get(key.lower(), key.lower()), []).append(value)
    return {
        name: clean(", ".join(found[name.lower()])) if name.lower() in found else None
        for name in names
    }


def is_taken_elsewhere(cancel: str) -> bool:
    """Tell whether a call is taken back because another phone answered it."""
    reasons = [value for name, value in all_headers(cancel) if name.lower() == "reason"]
    return any(_TAKEN.search(reason) for reason in reasons)


def tag(message: str, name: str) -> str:
    """Return the tag of a From or To; empty where it has none."""
    found = _TAG.search((header_value(message, name) or "").rpartition(">")[2])
    return found[1].strip() if found else ""


def digit_of_info(info: str) -> str | None:
    """Return the digit of an INFO whose body is nothing else, as some gateways send them.

    pjsip knows `application/dtmf-relay`, and takes no notice of `application/dtmf`.
    """
    kind = (header_value(info, "Content-Type") or "").partition(";")[0].strip().lower()
    if kind != "application/dtmf":
        return None
    body = info.replace("\r\n", "\n").partition("\n\n")[2].strip().upper()
    return _DIGIT_CODES.get(body) or (body if len(body) == 1 and body in _DIGITS else None)


def party(message: str, name: str) -> str | None:
    """Return a From or To without its tag: display name and angle brackets stay.

    A display name that makes it too long is left out: who calls must not be cut off behind it.
    """
    value = header_value(message, name)
    if not value:
        return None
    value = _as_text(value)
    if len(value) > LONGEST_VALUE:
        value = without_display_name(value)[:LONGEST_VALUE]
    in_brackets, bracket, parameters = value.rpartition(">")
    if not bracket:
        return _TAG.sub("", value).strip()
    return f"{in_brackets}{bracket}{_TAG.sub('', parameters)}".strip()
