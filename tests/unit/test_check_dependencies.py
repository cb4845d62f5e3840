"""What `./build.sh check` makes of pip-audit's report."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

PATH = Path(__file__).parents[2] / "scripts/check_dependencies.py"


def verdict(report: str) -> tuple[str, bool]:
    spec = importlib.util.spec_from_file_location("check_dependencies", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    lines, is_good = module.verdict(report)
    return "\n".join(lines), is_good


def report(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


GOOD = {"name": "PyYAML", "version": "6.0.3", "vulns": []}
HOLE = {"id": "PYSEC-2018-28", "fix_versions": ["2.20.0"], "aliases": [], "description": "x"}
UNKNOWN = {"name": "requests", "skip_reason": "Dependency not found on PyPI"}
OWN = {"name": "ha-sip", "skip_reason": "Dependency not found on PyPI"}


def test_a_known_hole_is_a_failure_that_names_the_package_and_what_helps() -> None:
    said, is_good = verdict(report(GOOD, {"name": "requests", "version": "2.19", "vulns": [HOLE]}))

    assert not is_good
    assert "requests 2.19 has a known hole: PYSEC-2018-28; fixed in 2.20.0" in said


@pytest.mark.parametrize("text", ["", "no network", "[]", report(UNKNOWN, OWN)])
def test_what_was_not_checked_is_said_and_no_failure(text: str) -> None:
    said, is_good = verdict(text)

    assert is_good
    assert said.startswith("not checked: ")


def test_all_is_well_with_the_packages_that_nobody_knows_named() -> None:
    assert verdict(report(GOOD, OWN)) == ("1 Python packages were checked for known holes", True)
    assert "not checked: requests" in verdict(report(GOOD, UNKNOWN, OWN))[0]
