"""A telephone for tests: SIP and RTP over loopback, written without pjsip."""

from __future__ import annotations

from support.phone.phone import Phone, PhoneCall

__all__ = ["Phone", "PhoneCall"]
