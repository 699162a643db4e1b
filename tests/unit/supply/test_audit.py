"""The audit of locked packages: what applies, what is let pass, and what could not be looked up."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
TODAY = dt.date(2026, 11, 21)


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def report(*packages: dict[str, object]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


VULNERABLE = {
    "name": "jpegs",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-2026-1"], "fix_versions": ["1.1"], "description": "…"}],
}


def test_an_advisory_that_applies_is_told_with_the_version_that_mends_it(audit: ModuleType) -> None:
    applying, unknown = audit.read_report(report(VULNERABLE), frozenset())
    assert [(each.package, each.version, each.id, each.fixed_in) for each in applying] == [
        ("jpegs", "1.0", "PYSEC-1", "1.1")
    ]
    assert not unknown


def test_an_exception_counts_under_any_of_an_advisory_s_names(audit: ModuleType) -> None:
    assert audit.read_report(report(VULNERABLE), frozenset({"CVE-2026-1"})) == ([], [])


def test_a_package_that_could_not_be_looked_up_is_not_called_clean(audit: ModuleType) -> None:
    unseen = {"name": "jpegs", "skip_reason": "Dependency not found on PyPI and could not be audited"}
    assert audit.read_report(report(unseen), frozenset()) == ([], ["jpegs"])


def test_an_exception_ends_on_its_day(audit: ModuleType) -> None:
    text = '[[exception]]\nid = "PYSEC-1"\nreason = "not called"\nuntil = {}\n'
    assert audit.read_exceptions(text.format("2026-11-21"), TODAY) == {"PYSEC-1"}
    assert audit.read_exceptions(text.format("2026-11-20"), TODAY) == frozenset()


def test_an_exception_without_a_reason_is_refused(audit: ModuleType) -> None:
    with pytest.raises(SystemExit, match="PYSEC-1 has no reason"):
        audit.read_exceptions('[[exception]]\nid = "PYSEC-1"\nuntil = 2027-01-01\n', TODAY)


def test_the_exceptions_that_are_kept_are_readable(audit: ModuleType) -> None:
    audit.read_exceptions(audit.EXCEPTIONS.read_text("utf-8"), TODAY)


def test_every_locked_package_carries_hashes_and_no_lock_names_an_index() -> None:
    locks = sorted((ROOT / "requirements").glob("*.lock")) + sorted((ROOT / "roles").glob("*/files/*.lock"))
    assert locks
    for lock in locks:
        text = lock.read_text("utf-8")
        pins = [line for line in text.splitlines() if "==" in line and not line.lstrip().startswith("#")]
        assert pins, lock
        assert "://" not in text, f"{lock.name} names an index"
        assert text.count("--hash=sha256:") >= len(pins), lock
