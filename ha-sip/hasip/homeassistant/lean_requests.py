"""Loads requests without the library that guesses the encoding of texts, which takes 2.5 MiB.

requests wants it at its import, works without it, and then warns. Nobody here has it guess: answers
are read as bytes, and what Home Assistant writes is UTF-8 (RFC 8259 §8.1).
"""

from __future__ import annotations

import sys
import warnings

warnings.filterwarnings("ignore", "Unable to find acceptable character detection")
sys.modules.setdefault("charset_normalizer", None)  # type: ignore[arg-type] # it can't be imported

import requests  # noqa: E402

__all__ = ["requests"]
