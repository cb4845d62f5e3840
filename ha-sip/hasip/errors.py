"""The tree of errors that ha-sip raises on purpose.

::

    HaSipError
    ├── ConfigError          a setting or menu file that cannot be used as written
    ├── CommandError         a command that cannot be done
    ├── SipError             pjsua2 refused; raised by `sip/` only, always chained
    ├── HomeAssistantError   a request to Home Assistant that did not succeed
    └── AudioError           a prompt that cannot be read, converted or written

A message names the thing, the value and what to do about it, and never holds a secret.
"""

from __future__ import annotations


class HaSipError(Exception):
    """Root of every error that ha-sip raises on purpose."""


class ConfigError(HaSipError):
    """A setting or a menu file cannot be used as written."""


class CommandError(HaSipError):
    """A command cannot be carried out; the text goes into `command_failed`."""


class SipError(HaSipError):
    """pjsua2 refused an operation."""


class HomeAssistantError(HaSipError):
    """A request to Home Assistant did not succeed."""


class AudioError(HaSipError):
    """A prompt cannot be read, converted or written."""
