"""``make audit``: hold every locked package against the published advisories (pip-audit), with dated exceptions.

Exit status: 0 nothing known against them, 1 an advisory applies, 2 the advisories could not be read for some.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

WITHIN_S = 300
NOT_SHIPPED = "bench.lock"
"""What Bramble is measured beside: it is on nobody's cluster, and some of it has advisories that are never fixed."""

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"
EXCEPTIONS = REQUIREMENTS / "audit-exceptions.toml"


class Advisory(NamedTuple):
    """Something published against a locked version."""

    package: str
    version: str
    id: str
    fixed_in: str


def read_exceptions(text: str, today: dt.date) -> frozenset[str]:
    """Return the ids that are let pass today; an exception without a reason is refused."""
    allowed = set()
    for entry in tomllib.loads(text).get("exception", []):
        if not entry.get("reason"):
            raise SystemExit(f"{EXCEPTIONS.name}: {entry.get('id')} has no reason; say why it may pass")
        if entry["until"] >= today:
            allowed.add(entry["id"])
    return frozenset(allowed)


def read_report(text: str, allowed: frozenset[str]) -> tuple[list[Advisory], list[str]]:
    """Return the advisories that apply and are not allowed, and the packages that could not be looked up."""
    applying, unknown = [], []
    for package in json.loads(text)["dependencies"]:
        if "skip_reason" in package:
            unknown.append(package["name"])
            continue
        for found in package["vulns"]:
            if not allowed.intersection((found["id"], *found.get("aliases", ()))):
                fixed = ", ".join(found.get("fix_versions", ())) or "no release yet"
                applying.append(Advisory(package["name"], package["version"], found["id"], fixed))
    return applying, unknown


def audit(lock: Path) -> str:
    """Return pip-audit's report on one lock, as JSON."""
    command = [str(Path(sys.executable).with_name("pip-audit")), "--requirement", str(lock), "--disable-pip"]
    command += ["--require-hashes", "--format", "json", "--progress-spinner", "off"]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WITHIN_S)
    if not found.stdout.lstrip().startswith("{"):
        raise SystemExit(f"pip-audit did not answer about {lock.name} (status {found.returncode}):\n{found.stderr}")
    return found.stdout


def main() -> int:
    """Audit every lock."""
    allowed = read_exceptions(EXCEPTIONS.read_text("utf-8"), dt.datetime.now(dt.UTC).date())
    status = 0
    for lock in sorted(set(REQUIREMENTS.glob("*.lock")) - {REQUIREMENTS / NOT_SHIPPED}):
        applying, unknown = read_report(audit(lock), allowed)
        for advisory in applying:
            print(f"{lock.name}: {advisory.package} {advisory.version}: {advisory.id}, fixed in {advisory.fixed_in}")
        if applying:
            status = 1
        elif unknown:
            print(f"{lock.name}: {len(unknown)} packages could not be looked up: the advisories cannot be reached")
            status = status or 2
        else:
            print(f"{lock.name}: nothing known")
    return status


if __name__ == "__main__":
    sys.exit(main())
