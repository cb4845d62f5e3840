"""SIP messages as text (RFC 3261 §7): reading them, and writing them."""

from __future__ import annotations

from dataclasses import dataclass, field

COMPACT = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
}


@dataclass(slots=True)
class Message:
    """A request or a response; header names are lower case, headers repeat in their order."""

    start: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""
    received_at: float = 0.0  # monotonic; of what came in

    @property
    def is_response(self) -> bool:
        """Tell whether this is a response."""
        return self.start.startswith("SIP/2.0")

    @property
    def status(self) -> int:
        """Return the status code of a response."""
        return int(self.start.split()[1])

    @property
    def method(self) -> str:
        """Return the method of a request, or of the request that a response is for."""
        return self["cseq"].split()[1]

    @property
    def sequence(self) -> int:
        """Return the number of the CSeq."""
        return int(self["cseq"].split()[0])

    def __getitem__(self, name: str) -> str:
        """Return the first header of a name; raises KeyError."""
        for key, value in self.headers:
            if key == name:
                return value
        raise KeyError(name)

    def get(self, name: str) -> str | None:
        """Return the first header of a name, if there is one."""
        return next((value for key, value in self.headers if key == name), None)

    def all(self, name: str) -> list[str]:
        """Return all headers of a name."""
        return [value for key, value in self.headers if key == name]

    def encode(self) -> bytes:
        """Return the message as it goes over the wire."""
        lines = [self.start, *(f"{name.title()}: {value}" for name, value in self.headers)]
        body = self.body.encode()
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
        return (
            head.encode("utf-8", "surrogateescape") + body
        )  # so bytes can be sent that are no text


def parse(data: bytes) -> Message:
    """Read a datagram; raises ValueError where it is no SIP message."""
    head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
    start, *lines = head.split("\r\n")
    if "SIP/2.0" not in start:
        raise ValueError(start[:80])
    headers = []
    for line in lines:
        name, _, value = line.partition(":")
        key = name.strip().lower()
        headers.append((COMPACT.get(key, key), value.strip()))
    return Message(start, headers, body)


def tag_of(header: str) -> str | None:
    """Return the tag of a From or To."""
    for part in header.split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == "tag":
            return value.strip()
    return None


def uri_in(header: str) -> str:
    """Return the URI of a name-addr or addr-spec."""
    if "<" in header:
        return header.partition("<")[2].partition(">")[0]
    return header.partition(";")[0].strip()
