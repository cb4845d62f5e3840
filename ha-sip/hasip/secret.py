"""A text that is never shown by accident: in a log, an error or a traceback it is only stars."""

from __future__ import annotations

_STARS = "**********"


class SecretStr:
    """A password or token; who needs it asks for it by `get_secret_value`.

    It is no dataclass: what walks through those, such as `--check`, must not walk into it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        """Return the secret itself."""
        return self._value

    def __len__(self) -> int:
        """Return its length, so that an empty secret is as false as an empty text."""
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        """Tell whether both hold the same."""
        return isinstance(other, SecretStr) and other._value == self._value

    def __hash__(self) -> int:
        """Return the same for equal secrets."""
        return hash(self._value)

    def __str__(self) -> str:
        """Return stars, or nothing for an empty secret."""
        return _STARS if self._value else ""

    def __repr__(self) -> str:
        """Return stars, or nothing for an empty secret."""
        return f"SecretStr({str(self)!r})"
