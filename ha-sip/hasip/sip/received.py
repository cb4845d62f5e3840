"""Header values of a received message, as they were written.

pjsip prints From and To anew and leaves out what it has no use for (the port, say), but
automations compare these texts with what their provider sends.
"""

from __future__ import annotations

import re

_TAG = re.compile(r";\s*tag\s*=[^;>]*", re.IGNORECASE)
# RFC 3261 §7.3.3.
_COMPACT = {"from": "f", "to": "t"}


def header_value(message: str, name: str) -> str | None:
    """Return the first value of a header, unfolded (RFC 3261 §7.3.1), or None."""
    head = message.replace("\r\n", "\n").partition("\n\n")[0]
    unfolded = re.sub(r"\n[ \t]+", " ", head)
    wanted = {name.lower(), _COMPACT.get(name.lower(), name.lower())}
    for line in unfolded.split("\n")[1:]:
        key, colon, value = line.partition(":")
        if colon and key.strip().lower() in wanted:
            return value.strip()
    return None


def party(message: str, name: str) -> str | None:
    """Return a From or To without its tag: display name and angle brackets stay."""
    value = header_value(message, name)
    if not value:
        return None
    in_brackets, bracket, parameters = value.rpartition(">")
    if not bracket:
        return _TAG.sub("", value).strip()
    return f"{in_brackets}{bracket}{_TAG.sub('', parameters)}".strip()
