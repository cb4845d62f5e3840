"""The names on the broker. All but the two of the settings carry the instance's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hasip.dataclass import dataclass

if TYPE_CHECKING:
    from hasip.settings.model import Mqtt

ROOT = "hasip"
LONGEST_NUMBER = 9


@dataclass(frozen=True, slots=True)
class Topics:
    """Where one gateway listens and speaks."""

    settings: Mqtt

    @property
    def base(self) -> str:
        """Return what the names of this gateway begin with."""
        return f"{ROOT}/{self.settings.instance}"

    @property
    def commands(self) -> tuple[str, ...]:
        """Return the topic of all gateways, then the one of this."""
        return tuple(dict.fromkeys((self.settings.topic, f"{self.base}/execute")))

    @property
    def results(self) -> str:
        """Return where answers to commands go."""
        return f"{self.base}/result"

    @property
    def availability(self) -> str:
        """Return where it says whether the gateway is there."""
        return f"{self.base}/availability"

    @property
    def devices(self) -> str:
        """Return where we keep which devices we told Home Assistant of."""
        return f"{self.base}/devices"

    @property
    def echo(self) -> str:
        """Return where we speak to ourselves: what the broker kept has come when it is heard."""
        return f"{self.base}/echo"

    @property
    def births(self) -> tuple[str, ...]:
        """Return where Home Assistant says that it is there; it need not follow the prefix."""
        prefixes = (self.settings.discovery_prefix, "homeassistant")
        return tuple(dict.fromkeys(f"{prefix}/status" for prefix in prefixes))

    def gateway(self, key: str) -> str:
        """Return where an entity of the gateway itself is shown."""
        return f"{self.base}/gateway/{key}"

    def account(self, account: int, key: str) -> str:
        """Return where an entity of an account is shown."""
        return f"{self.base}/account/{account}/{key}"

    def attributes(self, account: int, key: str) -> str:
        """Return where the attributes of an entity are."""
        return f"{self.account(account, key)}/attributes"

    def control(self, account: int, key: str) -> str:
        """Return where Home Assistant says what an entity is to do."""
        return f"{self.account(account, key)}/set"

    @property
    def all_controls(self) -> str:
        """Return the filter for everything that Home Assistant wants of entities."""
        return f"{self.base}/account/+/+/set"

    @property
    def all_kept(self) -> str:
        """Return the filter for what we keep at the broker between starts."""
        return f"{self.base}/account/+/kept"

    def account_of(self, topic: str) -> tuple[int, str] | None:
        """Return the account and the key that a topic of an account is about."""
        start = f"{self.base}/account/"
        number, _, key = topic.removeprefix(start).partition("/")
        # Anybody may write there: thousands of digits are no number for Python.
        if not topic.startswith(start) or not number.isdecimal() or len(number) > LONGEST_NUMBER:
            return None
        return int(number), key.removesuffix("/set")
