"""What the figures are held against: the public Python ha-sip 5.4.1, and what must be reached.

Nothing fails on them: how fast a machine is, and what else it does, is not ours to test.
"""

from __future__ import annotations

from dataclasses import dataclass

BUILDS = ("wheel", "source")


@dataclass(frozen=True, slots=True)
class Bar:
    """What is to be reached, and on which builds."""

    must: float
    public: float | None = None
    judged: str = "median"  # or p99, worst
    more_is_better: bool = False
    builds: tuple[str, ...] = BUILDS
    why: str = ""  # what the difference to the peer is, where it is known

    def is_reached(self, value: float) -> bool:
        """Tell whether a value is good enough."""
        return value >= self.must if self.more_is_better else value <= self.must


_DIAL = (
    "Beside what bare pjsua2 does, the command goes from the thread that reads stdin to the loop, "
    "is checked with its menu, and begins a call there; and the log takes some thirty lines of "
    "pjsip's."
)
_DIGIT = (
    "Beside what bare pjsua2 does, the digit goes from pjsip's thread to the loop, through the "
    "menu, and to a worker that makes the request."
)
_IDLE = (
    "Two threads of pjsip's, for SIP and for media, wake up 100 times a second each, by a time-out "
    "of 10 ms in pjsip's code, here and in bare pjsua2; our own threads take 0.01 %."
)
_MEMORY = "The floor is Python and pjsua2; the rest is the gateway itself."
_HOME_MEMORY = (
    "The floor is Python, pjsua2, `requests` and `websockets`, loaded as the gateway loads them; "
    "the rest is the gateway itself ([what memory goes to](#what-memory-goes-to))."
)

BARS = {
    "dial to INVITE, small command": Bar(1.5, 17.5, why=_DIAL),
    "dial to INVITE, 2 kB command": Bar(2.5, 336, why=_DIAL),
    "OPTIONS while speech takes 3 s": Bar(10, 3263, "worst"),
    "INVITE to 200 while webhooks take 3 s": Bar(20, 3007),
    "digit to service call": Bar(3, 21.7, why=_DIGIT),
    "digit to service call, webhooks take 200 ms": Bar(3, 421, why=_DIGIT),
    "calls at once, own prompt, nothing lost": Bar(200, 4, more_is_better=True, builds=("source",)),
    "processor for 100 calls, times pjsip's C program": Bar(1.15),
    "gap between packets at 100 calls": Bar(22, judged="p99"),
    "idle processor, of one core": Bar(0.4, 0.8, why=_IDLE),
    "idle processor with Home Assistant, of one core": Bar(0.4, why=_IDLE),
    "memory, idle (RSS)": Bar(45, 47.5, why=_MEMORY),
    "memory with Home Assistant, idle (RSS)": Bar(45, why=_HOME_MEMORY),
    "start to the answer to OPTIONS": Bar(300, 303),
    "start with Home Assistant to the answer to OPTIONS": Bar(300),
    "memory kept after 5,000 short calls": Bar(10),
    "answer to first syllable, speech cached": Bar(30),
    "answer to first syllable, engine takes 500 ms": Bar(30),
}
