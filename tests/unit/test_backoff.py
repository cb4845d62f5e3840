"""How the waits of everything that is tried for ever grow, end growing, and spread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hasip.backoff import Backoff
from hasip.homeassistant import sensors, token_guard, webhooks
from hasip.sip import registration

if TYPE_CHECKING:
    from types import ModuleType

TRIES = 1000
MODULES: tuple[ModuleType, ...] = (registration, sensors, token_guard, webhooks)
TABLES = {
    f"{module.__name__.removeprefix('hasip.')}.{name}": value
    for module in MODULES
    for name, value in vars(module).items()
    if isinstance(value, Backoff)
}
# The shortest and the longest wait after 1, 2, … failures, in seconds.
EXPECTED = {
    "sip.registration._AWAY": [(1.6, 2.4), (3.2, 4.8), (6.4, 9.6), (12.8, 19.2), (25.6, 38.4)],
    "sip.registration._REFUSED": [(24, 36), (48, 72), (96, 144), (192, 288), (384, 576)],
    "sip.registration._REFRESH": [(32, 48)],
    "sip.registration._SOON": [(0.24, 0.36)],
    "homeassistant.sensors.AWAY": [(0.8, 1.2), (1.6, 2.4), (3.2, 4.8), (6.4, 9.6), (12.8, 19.2)],
    "homeassistant.token_guard.AGAIN": [(48, 72), (96, 144), (192, 288), (384, 576)],
    "homeassistant.webhooks.AWAY": [(0.4, 0.6), (0.8, 1.2), (1.6, 2.4), (3.2, 4.8), (6.4, 9.6)],
    "homeassistant.webhooks.REFUSED": [(24, 36), (48, 72), (96, 144), (192, 288)],
}
AT_MOST = {
    "sip.registration._AWAY": (32, 48),
    "sip.registration._REFUSED": (720, 1080),
    "sip.registration._REFRESH": (32, 48),
    "sip.registration._SOON": (0.24, 0.36),
    "homeassistant.sensors.AWAY": (24, 36),
    "homeassistant.token_guard.AGAIN": (720, 1080),
    "homeassistant.webhooks.AWAY": (12, 18),
    "homeassistant.webhooks.REFUSED": (240, 360),
}


def check_spread(backoff: Backoff, failures: int, shortest_s: float, longest_s: float) -> None:
    """See that the waits are within the bounds, and make use of nearly all that is between them."""
    waits = [backoff.wait_s(failures) for _ in range(TRIES)]
    width = longest_s - shortest_s

    assert min(waits) >= shortest_s - 1e-9
    assert max(waits) <= longest_s + 1e-9
    assert max(waits) - min(waits) > 0.9 * width
    assert len(set(waits)) > TRIES / 2


@pytest.mark.parametrize("name", TABLES)
def test_waits_double_from_the_first_and_spread_by_a_fifth(name: str) -> None:
    for failures, (shortest_s, longest_s) in enumerate(EXPECTED[name], 1):
        check_spread(TABLES[name], failures, shortest_s, longest_s)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("failures", [12, 1_000, 10**9])
def test_waits_end_growing_and_still_spread(name: str, failures: int) -> None:
    check_spread(TABLES[name], failures, *AT_MOST[name])
