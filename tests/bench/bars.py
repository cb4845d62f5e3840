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


_START = (
    "Beside what bare pjsua2 does, Python loads the gateway's own modules and reads its settings."
)
_HOME_START = (
    "The floor is Python, pjsua2, `requests` and `websockets`; the gateway is up before it has "
    "loaded those."
)
_DIAL = (
    "Beside what bare pjsua2 does, the command goes from the thread that reads stdin to the loop, "
    "is checked with its menu, and begins a call there; and the log takes some thirty lines of "
    "pjsip's."
)
_OPTIONS = (
    "pjsip's thread answers; here it asks Python first whether the sender may have an answer, and "
    "waits where another thread has the interpreter."
)
_ANSWER = (
    "Beside what bare pjsua2 does, the call goes to the loop, its menu file is looked at by a "
    "worker, and it is answered from the loop again."
)
_DIGIT = (
    "Beside what bare pjsua2 does, the digit goes from pjsip's thread to the loop, through the "
    "menu, and to a worker that makes the request."
)
_SYLLABLE = (
    "It is the wait for the next tick of pjsip's media clock, up to 20 ms, and on the source build "
    "8 ms in the resampler."
)
_CROWD = (
    "Where pjsip's C program, which does the same work in the same minute, has as few, the machine "
    "is too slow."
)
_PROCESSOR = (
    "Both spend it in pjsip's mixing and sending; beside that the gateway has its loop, which is "
    "idle while prompts play."
)
_GAP = (
    "The media clock is a thread of pjsip's, as in the C program; what is above that one's gap is "
    "time in which the machine ran something else."
)
_CHURN = (
    "Free pages between small blocks that live on; they are given back every 20 s, where there are "
    "enough of them ([where memory went](#where-memory-went-after-many-calls))."
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
    "OPTIONS while speech takes 3 s": Bar(10, 3263, "worst", why=_OPTIONS),
    "INVITE to 200 while webhooks take 3 s": Bar(20, 3007, why=_ANSWER),
    "digit to service call": Bar(3, 21.7, why=_DIGIT),
    "digit to service call, webhooks take 200 ms": Bar(3, 421, why=_DIGIT),
    "calls at once, own prompt, nothing lost": Bar(
        200, 4, more_is_better=True, builds=("source",), why=_CROWD
    ),
    "processor for 100 calls, times pjsip's C program": Bar(1.15, why=_PROCESSOR),
    "gap between packets at 100 calls": Bar(22, judged="p99", why=_GAP),
    "idle processor, of one core": Bar(0.4, 0.8, why=_IDLE),
    "idle processor with Home Assistant, of one core": Bar(0.4, why=_IDLE),
    "memory, idle (RSS)": Bar(45, 47.5, why=_MEMORY),
    "memory with Home Assistant, idle (RSS)": Bar(45, why=_HOME_MEMORY),
    "start to the answer to OPTIONS": Bar(300, 303, why=_START),
    "start with Home Assistant to the answer to OPTIONS": Bar(300, why=_HOME_START),
    "memory kept after 5,000 short calls": Bar(10, why=_CHURN),
    "answer to first syllable, speech cached": Bar(30, why=_SYLLABLE),
    "answer to first syllable, engine takes 500 ms": Bar(30, why=_SYLLABLE),
}
