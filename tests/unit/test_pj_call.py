"""Objects of pjsua2's that live longer than they should."""

from __future__ import annotations

import subprocess
import textwrap

import pytest

from support.gateway import PACKAGE_DIR
from support.source_build import python_of

# A call with the number 0, which no list has, as one in a message that is never read.
_BEGIN = """
    import pjsua2 as pj
    from hasip.loop import Loop
    from hasip.sip.pj_call import CallRules, PjCall, leave_to_pjsip
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    endpoint.libInit(pj.EpConfig())
    endpoint.libStart()
    rules = CallRules(
        wanted_headers=(), follow_redirect=False, follow_transfer=False, rtp_timeout_s=0
    )
    call = PjCall(pj.Account(), Loop(), rules, 0)
"""


@pytest.mark.parametrize("build", ["wheel", "source"])
@pytest.mark.parametrize("cure", ["leave_to_pjsip()", "call.let_die()"])
def test_a_call_that_is_dropped_after_pjsip_has_ended_asks_it_for_nothing(
    build: str, cure: str
) -> None:
    program = textwrap.dedent(_BEGIN) + f"{cure}\nendpoint.libDestroy()\ndel call\n"
    done = subprocess.run(
        [python_of(build), "-c", program],
        env={"PYTHONPATH": str(PACKAGE_DIR)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 0, done.stderr
