"""What the pjsua2 in use was built with, and how much it has room for."""

from __future__ import annotations

import ctypes

import pjsua2 as pj

from hasip.sip.c_library import c_library

# The build of scripts/build-pjsua2.sh names its room in attributes of the module; any other, the
# wheel too, is taken to have pjproject's defaults. pjsip refuses a call too many, but one account
# more than there is room for aborts the process.
IS_OURS = hasattr(pj, "HASIP_MAX_CALLS")
MAX_CALLS = int(getattr(pj, "HASIP_MAX_CALLS", 4))
MAX_ACCOUNTS = int(getattr(pj, "HASIP_MAX_ACCOUNTS", 8))
# Such a build's accounts would abort the process if IPv6 were asked for.
HAS_IPV6 = bool(pj.AccountConfig().sipConfig.ipv6Use != pj.PJSUA_IPV6_DISABLED)

# The first version of OpenSSL that is still looked after.
_OLDEST_GOOD_TLS = 3


def room() -> str:
    """Return the limits for people, with a comma at the end."""
    without = "" if HAS_IPV6 else "no IPv6, "
    return f"{MAX_CALLS} calls at once, {MAX_ACCOUNTS} accounts, {without}"


def tls_library() -> str | None:
    """Return the TLS library that pjsip uses, such as `OpenSSL 3.0.19`; None if that is unknown.

    Python's own `ssl` may have another one. A symbol that is looked up in an extension module is
    found in what that one is linked with.
    """
    try:
        library = c_library()
        version = getattr(library, "OpenSSL_version", None) or library.SSLeay_version
    except (AttributeError, OSError):
        return None
    version.restype = ctypes.c_char_p
    said: bytes = version(0) or b""
    return " ".join(said.decode("ascii", "replace").split()[:2]) or None


def tls_warning(library: str | None) -> str | None:
    """Return what is to be said about a TLS library that is too old."""
    name, _, version = (library or "").partition(" ")
    major = version.partition(".")[0]
    if name != "OpenSSL" or not major.isdigit() or int(major) >= _OLDEST_GOOD_TLS:
        return None
    return (
        f"this pjsua2 has {library}, which gets no fixes any more and no TLS 1.3; "
        "./build.sh create-venv --from-source builds one with the system's"
    )
