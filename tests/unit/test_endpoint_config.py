"""What pjsip is started with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pjsua2 as pj
import pytest

from hasip.loop import Loop
from hasip.settings import load_settings
from hasip.sip import endpoint

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT = pj.EpConfig().medConfig.quality


@pytest.mark.parametrize(
    ("is_ours", "codecs", "quality"),
    [
        (True, "PCMA,opus", 4),
        (True, "PCMA,Speex", DEFAULT),  # it is the quality of that codec as well
        (False, "PCMA,PCMU", DEFAULT),  # another resampler, to which it means something else
    ],
)
def test_our_build_resamples_with_half_the_delay(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_ours: bool,  # noqa: FBT001
    codecs: str,
    quality: int,
) -> None:
    monkeypatch.setattr(endpoint, "IS_OURS", is_ours)
    options = {"GLOBAL_OPTIONS": f"--codecs {codecs}"}
    settings = load_settings(options, tmp_path, tmp_path / "none.json")
    stack = endpoint.SipStack(
        Loop(), settings, print, on_call=lambda *_: None, on_registration=lambda _: None
    )

    assert stack._endpoint_config().medConfig.quality == quality
