"""The benchmarks still run; what they find is for people to judge."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.mark.alone
def test_a_cheap_figure_is_measured_and_written(tmp_path: Path) -> None:
    """Start-up, on the build that the tests run on, beside a bare program on the same."""
    build = "source" if (Path(sys.prefix) / ".pjsua2-from-source").exists() else "wheel"
    report = tmp_path / "bench.json"
    options = ["--quick", "--build", build, "--json", str(report), "start"]
    done = subprocess.run(
        [sys.executable, "-m", "bench", *options],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{TESTS}:{TESTS.parent / 'ha-sip'}"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(report.read_text(encoding="utf-8"))
    ours, bare, with_house, _ = found["figures"]
    assert ours["bar"]["must"] == with_house["bar"]["must"] == 300
    assert 0 < ours["median"] <= ours["p99"] <= ours["worst"]
    assert 0 < bare["median"] <= bare["worst"]
    assert bare["ratio"] == ours["median"] / bare["median"]
    assert found["unmeasured"] == []
