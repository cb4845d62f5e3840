"""The calls that exist now, and which of them a command means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasip.calls.uri import addr_spec, parse_number
from hasip.events.model import InternalId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hasip.calls.session import CallSession


class CallRegistry:
    """Every active call, oldest first, under an id that no other has."""

    def __init__(self) -> None:
        self._calls: dict[InternalId, CallSession] = {}

    def __iter__(self) -> Iterator[CallSession]:
        """Walk over the calls as they are now."""
        return iter(list(self._calls.values()))

    def __len__(self) -> int:
        """Count the calls."""
        return len(self._calls)

    def free_id(self, uri: str) -> InternalId:
        """Return `uri`, with `#2`, `#3`, … where an active call has that id already."""
        internal_id, count = InternalId(uri), 1
        while internal_id in self._calls:
            count += 1
            internal_id = InternalId(f"{uri}#{count}")
        return internal_id

    def add(self, session: CallSession) -> None:
        """Take in a call whose id came from `free_id`."""
        self._calls[session.info.internal_id] = session

    def remove(self, session: CallSession) -> None:
        """Forget a call that has ended."""
        self._calls.pop(session.info.internal_id, None)

    def find(self, number: str) -> CallSession | None:
        """Return the call that a command's `number` means.

        By, in this order: internal_id, remote URI (or the URI dialled), the number parsed from
        it, SIP Call-ID. Among equals the oldest call.
        """
        by_id = self._calls.get(InternalId(number))
        if by_id is not None:
            return by_id
        bare = number.strip()
        tests: tuple[Callable[[CallSession], bool], ...] = (
            lambda call: _same_uri(call.info.remote_uri, bare),
            lambda call: call.info.parsed_remote_uri == bare,
            lambda call: call.info.call_id == bare,
        )
        for test in tests:
            for call in self._calls.values():
                if test(call):
                    return call
        return None

    def names_of(self, session: CallSession) -> tuple[str, ...]:
        """Return the texts that `find` knows a call by."""
        info = session.info
        names = (info.internal_id, info.remote_uri, parse_number(info.remote_uri), info.call_id)
        return tuple(dict.fromkeys(name for name in names if name))


def _same_uri(uri: str, wanted: str) -> bool:
    """Compare as text, with or without the angle brackets and the display name."""
    return wanted in (uri, addr_spec(uri))
