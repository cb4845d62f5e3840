"""What SIPp is to say and to hear in one call, written as Python in place of its XML.

SIPp fails where something else comes than the script says, so the script is half of the test.
"""

from __future__ import annotations

from typing import Self

_ME = "<sip:sipp@[local_ip]:[local_port]>"
_TAG = ";tag=[pid]s[call_number]"
# One for an INVITE, its CANCEL, and its ACK after a refusal (RFC 3261 §17.1.1.3).
_INVITE_BRANCH = "z9hG4bKinvite[pid]x[call_number]"
_VIA = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch="
_REMEMBERED = (
    ("me", "To:", ".*"),
    ("peer", "From:", ".*"),
    ("target", "Contact:", "sip:[^&gt;]*"),
    ("number", "CSeq:", "[0-9]+"),
)


def sdp(port: int | str = "[media_port]", formats: str = "8 101", *lines: str) -> str:
    """Return a description of one medium, PCMA with telephone-events if nothing else is said."""
    usual = ("a=rtpmap:101 telephone-event/8000",) if formats == "8 101" else ()
    return "\r\n".join(
        [
            *("v=0", "o=- 1 1 IN IP4 [local_ip]", "s=-", "c=IN IP4 [local_ip]", "t=0 0"),
            *(f"m=audio {port} RTP/AVP {formats}", *usual, *lines, ""),
        ]
    )


class Script:
    """The steps, in their order; each method adds some and returns the script."""

    def __init__(self, *, calls: bool = False) -> None:
        """Be one who calls, or one who is called."""
        self._calls = calls
        self._steps: list[str] = []
        self._sequence = 1
        self._labels = 0
        self._is_invited = False  # what was heard last is an INVITE that opens the dialog

    # --- what it hears ----------------------------------------------------------------------

    def hear(self, what: str | int, *, optional: bool = False, again: bool = False) -> Self:
        """Wait for a request, or for a response; `again` for an INVITE in mid-call."""
        kind = "response" if isinstance(what, int) else "request"
        may = ' optional="true"' if optional else ""
        routes = ' rrs="true"' if what == 200 else ""
        self._is_invited = what == "INVITE" and not again
        remember = ""
        if self._is_invited and not self._calls:
            remember = "".join(
                f'<ereg regexp="{pattern}" search_in="hdr" header="{header}" assign_to="{name}"/>'
                for name, header, pattern in _REMEMBERED
            )
            remember = f"<action>{remember}</action>"
        self._steps.append(f'<recv {kind}="{what}"{may}{routes}>{remember}</recv>')
        return self

    def until(self, last: str, answering: str) -> Self:
        """Answer requests of one kind, however many, until that of another has come."""
        again, answer, go_on = (str(self._labels + number) for number in (1, 2, 3))
        self._labels += 3
        self._steps += [
            f'<label id="{again}"/>',
            f'<recv request="{answering}" optional="true" next="{answer}"/>',
            f'<recv request="{last}" next="{go_on}"/>',
            f'<label id="{answer}"/>',
            self._reply("200 OK", (), "", f' next="{again}"'),
            f'<label id="{go_on}"/>',
        ]
        return self.reply("200 OK")

    # --- what it says -----------------------------------------------------------------------

    def reply(self, status: str, *headers: str, body: str = "") -> Self:
        """Answer the request that was heard last."""
        self._steps.append(self._reply(status, headers, body, ""))
        return self

    def is_taken_back(self) -> Self:
        """Hear a CANCEL, and end the INVITE (RFC 3261 §9.2)."""
        self.hear("CANCEL").reply("200 OK")
        lines = [
            *("SIP/2.0 487 Request Terminated", "[last_Via:]", "[last_From:]"),
            *(f"[last_To:]{_TAG}", "[last_Call-ID:]", "CSeq: [$number] INVITE"),
        ]
        self._steps.append(_send(lines, "", ' retrans="500"'))
        return self.hear("ACK")

    def answer(self, body: str) -> Self:
        """Take the call that was heard."""
        return self.reply("200 OK", "Contact: " + _ME, body=body).hear("ACK")

    def invite(self, body: str) -> Self:
        """Call."""
        uri = "sip:[service]@[remote_ip]:[remote_port]"
        to = f"<{uri}>"
        contact = (f"Contact: {_ME}",)
        self._say(f"INVITE {uri} SIP/2.0", _INVITE_BRANCH, to, contact, body)
        return self.hear(100, optional=True)

    def ack(self, body: str = "") -> Self:
        """Confirm a 200."""
        self._say("ACK [next_url] SIP/2.0", "[branch]", self._peer, (), body, "1 ACK")
        return self

    def give_up(self) -> Self:
        """Take the INVITE back."""
        for method in ("CANCEL", "ACK"):
            uri = "sip:[service]@[remote_ip]:[remote_port]"
            to = f"<{uri}>" + ("[peer_tag_param]" if method == "ACK" else "")
            self._say(f"{method} {uri} SIP/2.0", _INVITE_BRANCH, to, (), "", f"1 {method}")
            if method == "CANCEL":
                self.hear(200).hear(487)
        return self

    def is_refused(self, code: int) -> Self:
        """Hear a refusal of the INVITE, and confirm it."""
        self.hear(code)
        uri = "sip:[service]@[remote_ip]:[remote_port]"
        self._say(f"ACK {uri} SIP/2.0", _INVITE_BRANCH, f"<{uri}>[peer_tag_param]", (), "", "1 ACK")
        return self

    def ask(self, method: str, *headers: str, body: str = "") -> Self:
        """Send a request within the dialog."""
        self._sequence += 1
        target = "[next_url]" if self._calls else "[$target]"
        said = (f"Contact: {_ME}", *headers)
        self._say(f"{method} {target} SIP/2.0", "[branch]", self._peer, said, body)
        return self

    def pause(self, milliseconds: int) -> Self:
        """Wait."""
        self._steps.append(f'<pause milliseconds="{milliseconds}"/>')
        return self

    # --- in SIPp's words --------------------------------------------------------------------

    @property
    def xml(self) -> str:
        """Return the script for SIPp."""
        names = ",".join(name for name, *_ in _REMEMBERED)
        known = "" if self._calls else f'<Reference variables="{names}"/>'
        return "\n".join(
            [
                '<?xml version="1.0" encoding="UTF-8"?>',
                '<scenario name="script">',
                *self._steps,
                known,
                "</scenario>\n",
            ]
        )

    @property
    def _peer(self) -> str:
        uri = "sip:[service]@[remote_ip]:[remote_port]"
        return f"<{uri}>[peer_tag_param]" if self._calls else "[$peer]"

    def _say(
        self,
        start: str,
        branch: str,
        to: str,
        headers: tuple[str, ...],
        body: str,
        sequence: str = "",
    ) -> None:
        method = start.partition(" ")[0]
        lines = [
            start,
            _VIA + branch,
            "From: " + (_ME if self._calls else "[$me]") + _TAG,
            f"To: {to}",
            "Call-ID: [call_id]",
            f"CSeq: {sequence or f'{self._sequence} {method}'}",
            "Max-Forwards: 70",
            *headers,
        ]
        again = "" if method == "ACK" else ' retrans="500"'
        self._steps.append(_send(lines, body, again))

    def _reply(self, status: str, headers: tuple[str, ...], body: str, more: str) -> str:
        tag = _TAG if self._is_invited else ""
        lines = [
            *(f"SIP/2.0 {status}", "[last_Via:]", "[last_From:]", f"[last_To:]{tag}"),
            *("[last_Call-ID:]", "[last_CSeq:]", *headers),
        ]
        is_final = self._is_invited and not status.startswith("1")
        return _send(lines, body, more + (' retrans="500"' if is_final else ""))


def _send(lines: list[str], body: str, attributes: str) -> str:
    typed = any(line.startswith("Content-Type:") for line in lines)
    kind = ["Content-Type: application/sdp"] if body and not typed else []
    text = "\r\n".join([*lines, *kind, "Content-Length: [len]", "", body])
    return f"<send{attributes}><![CDATA[\n{text}\n]]></send>"
