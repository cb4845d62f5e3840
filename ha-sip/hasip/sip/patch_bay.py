"""What is connected with what on the bridge, for one call.

A call has *sources* that its peer hears (a prompt, tones), other calls that it is *bridged* with,
at most one *recorder*, which hears all of these and the peer, and *listeners*, which hear the peer
only. The call's medium comes and goes: it is another one after a re-INVITE, and there is none
before the answer and on hold. So the connections are kept here as what ought to be, and made
whenever there is a medium.

Nothing is ever disconnected: what ends, a source, a recorder or a call, takes its connections with
it. pjsip carries connections out at the bridge's next tick, and a disconnection of what has gone by
then is an assertion of its own that ends the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hasip.sip.errors import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pjsua2 as pj

    _Cord = tuple[pj.AudioMedia, pj.AudioMedia]  # from, to


class OnHeard(Protocol):
    """Takes whether the peer hears what is sent, or nothing for now (hold)."""

    def __call__(self, *, is_heard: bool) -> None:
        """Take it, on the loop thread."""
        ...


class PatchBay:
    """The connections of one call; loop thread only."""

    def __init__(self, is_live: Callable[[], bool]) -> None:
        """Make one for a call; `is_live` tells whether it still has its medium."""
        self._is_live = is_live
        self._peer_hears = False
        self._medium: pj.AudioMedia | None = None
        self._sources: list[pj.AudioMedia] = []
        self._told_of_hearing: dict[pj.AudioMedia, OnHeard] = {}
        self._recorder: pj.AudioMedia | None = None
        self._listeners: list[pj.AudioMedia] = []
        self._bridged: list[PatchBay] = []
        self.typed_lately: Callable[[str], bool] | None = None  # whether its peer typed a digit

    def may_echo(self, digit: str) -> bool:
        """Tell whether a digit in the peer's audio was typed by one who is bridged with it."""
        return any(other.typed_lately and other.typed_lately(digit) for other in self._bridged)

    @property
    def live_medium(self) -> pj.AudioMedia | None:
        """Return the call's medium, or None while there is none.

        A call ends on a thread of pjsip's; its medium may be on its way out before we hear of it.
        """
        return self._medium if self._medium is not None and self._is_live() else None

    @property
    def heard_medium(self) -> pj.AudioMedia | None:
        """Return the medium while the peer hears what we send: it does not on hold."""
        return self.live_medium if self._peer_hears else None

    def use(self, medium: pj.AudioMedia | None, *, peer_hears: bool) -> None:
        """Take the medium that the call has now; the one before is gone, and its connections."""
        self._medium = medium
        self._peer_hears = peer_hears
        _connect_all(self._wanted())
        is_heard = self.heard_medium is not None
        for on_heard in self._told_of_hearing.values():
            on_heard(is_heard=is_heard)

    def add_source(self, source: pj.AudioMedia, on_heard: OnHeard | None = None) -> None:
        """Let the peer and the recorder hear something; `on_heard` tells whether the peer does."""
        self._sources.append(source)
        _connect_all(self._wanted_of_source(source))
        if on_heard is not None:
            self._told_of_hearing[source] = on_heard
            on_heard(is_heard=self.heard_medium is not None)

    def remove_source(self, source: pj.AudioMedia) -> None:
        """Let go of it: it falls silent when its owner has let go of it, too."""
        self._told_of_hearing.pop(source, None)
        if source in self._sources:
            self._sources.remove(source)

    def record_to(self, recorder: pj.AudioMedia | None) -> None:
        """Have everything recorded from now on, or let go of the recorder."""
        self._recorder = recorder
        _connect_all(self._wanted_of_recorder())

    def add_listener(self, listener: pj.AudioMedia) -> None:
        """Let something hear the peer, and nothing else."""
        self._listeners.append(listener)
        _connect_all(self._wanted_of_listeners())

    def remove_listener(self, listener: pj.AudioMedia) -> None:
        """Let go of it: it hears nothing more when its owner has let go of it, too."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def bridge(self, other: PatchBay) -> None:
        """Let the two peers hear each other."""
        if other not in self._bridged:
            self._bridged.append(other)
            other._bridged.append(self)
            _connect_all([*self._wanted_of_bridge(other), *other._wanted_of_bridge(self)])

    def close(self) -> None:
        """Let go of everything: the call is over."""
        for other in self._bridged:
            other._bridged.remove(self)  # noqa: SLF001
        self._bridged.clear()
        self._sources.clear()
        self._told_of_hearing.clear()
        self._listeners.clear()
        self._recorder = self._medium = None

    # --- what ought to be connected now -----------------------------------------------------

    def _wanted(self) -> Iterator[_Cord]:
        for source in self._sources:
            yield from self._wanted_of_source(source)
        for other in self._bridged:
            yield from self._wanted_of_bridge(other)
            yield from other._wanted_of_bridge(self)  # noqa: SLF001
        yield from self._wanted_of_recorder()
        yield from self._wanted_of_listeners()

    def _wanted_of_source(self, source: pj.AudioMedia) -> Iterator[_Cord]:
        # While the peer hears nothing, what is played waits; so the recorder must not take it.
        medium = self.heard_medium
        if medium is not None:
            yield source, medium
            if self._recorder is not None:
                yield source, self._recorder

    def _wanted_of_bridge(self, other: PatchBay) -> Iterator[_Cord]:
        """Yield what brings the other peer's voice here."""
        medium, voice = self.live_medium, other.live_medium
        if medium is not None and voice is not None:
            yield voice, medium
            if self._recorder is not None:
                yield voice, self._recorder

    def _wanted_of_recorder(self) -> Iterator[_Cord]:
        medium = self.live_medium
        if self._recorder is not None and medium is not None:
            voices = [other.live_medium for other in self._bridged]
            sources = self._sources if self._peer_hears else ()
            for heard in (medium, *sources, *filter(None, voices)):
                yield heard, self._recorder

    def _wanted_of_listeners(self) -> Iterator[_Cord]:
        medium = self.live_medium
        if medium is not None:
            for listener in self._listeners:
                yield medium, listener


def _connect_all(cords: Iterable[_Cord]) -> None:
    for source, sink in cords:
        with guarded("connect audio"):
            source.startTransmit(sink)
