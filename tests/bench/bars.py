"""What the figures are held against: the public Python ha-sip 5.4.1, and what must be reached.

Nothing fails on them: how fast a machine is, and what else it does, is not ours to test.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """What is to be reached."""

    must: float
    public: float | None = None
    judged: str = "median"  # or p99, worst
    more_is_better: bool = False


BARS = {
    "dial to INVITE, small command": Bar(1.5, 17.5),
    "dial to INVITE, 2 kB command": Bar(2.5, 336),
    "OPTIONS while speech takes 3 s": Bar(10, 3263, "worst"),
    "INVITE to 200 while webhooks take 3 s": Bar(20, 3007),
    "digit to service call": Bar(3, 21.7),
    "digit to service call, webhooks take 200 ms": Bar(3, 421),
    "calls at once, own prompt, nothing lost": Bar(200, 4, more_is_better=True),
    "processor for 100 calls, times pjsip's C program": Bar(1.15),
    "gap between packets at 100 calls": Bar(22, judged="p99"),
    "idle processor, of one core": Bar(0.4, 0.8),
    "idle processor with Home Assistant, of one core": Bar(0.4),
    "memory, idle (RSS)": Bar(45, 47.5),
    "memory with Home Assistant, idle (RSS)": Bar(45),
    "start to the answer to OPTIONS": Bar(300, 303),
    "start with Home Assistant to the answer to OPTIONS": Bar(300),
    "memory kept after 5,000 short calls": Bar(10),
    "answer to first syllable, speech cached": Bar(30),
    "answer to first syllable, engine takes 500 ms": Bar(30),
}
