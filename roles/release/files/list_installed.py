# ruff: noqa: INP001 - run by ansible as a script, in no package
"""Lists what of Bramble is on a host, all at once: a look costs a Raspberry Pi a second, however little it looks at.

    python3 list_installed.py /opt/bramble /etc/bramble /etc/systemd/system

prints as JSON: ``current`` and ``previous`` release; ``releases`` with the environment that each stands on;
``environments``; ``complete``: what of both was installed to its end; ``programs`` of the current release, and what is
known ``about`` it; ``recorded``: the same of the release that is on the record; ``files``: what programs connect with,
by name, with the SHA-256 of what is no secret; ``operator``: whom the server trusts; ``units``: what each unit says
it was made from. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path

_PUBLIC = frozenset({".json", ".pub"})
_PUBLIC_NAMES = frozenset({"ca.pem"})
_FACT = re.compile(r"^(\w+)=(.*)$", re.MULTILINE)


def list_installed(root: Path, config: Path, units: Path) -> dict[str, object]:
    """Return what is there; a host without anything of Bramble has empty lists."""
    current = _target(root / "current")
    releases, environments = _directories(root / "releases"), _directories(root / "environments")
    return {
        "current": current,
        "previous": _target(root / "previous"),
        "releases": {str(path): _target(path / "environment") for path in releases},
        "environments": [str(path) for path in environments],
        "complete": [str(path) for path in releases + environments if (path / "bundle.json").exists()],
        "programs": sorted(path.name for path in (root / "current/bin").glob("*")),
        "about": _read(root / "current/bundle.json"),
        "recorded": _read(root / "recorded.json"),
        "files": {path.name: _digest(path) for path in sorted(config.glob("*")) if path.is_file()},
        "operator": _find_operator(_read(config / "nats-trust.conf")),
        "units": {path.name: read_unit(path.read_text("utf-8")) for path in sorted(units.glob("bramble-*.service"))},
    }


def read_unit(text: str) -> dict[str, str]:
    """Return what the unit's own section says, such as ``{"Release": "0.1.0-…"}``."""
    section = re.search(r"^\[X-Bramble\]$(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    return dict(_FACT.findall(section[1])) if section else {}


def _find_operator(trust: str) -> str:
    return next((line for line in trust.splitlines() if line.startswith("operator")), "")


def _target(link: Path) -> str:
    return str(link.readlink()) if link.is_symlink() else ""


def _directories(path: Path) -> list[Path]:
    return sorted(each for each in path.iterdir() if each.is_dir()) if path.is_dir() else []


def _read(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def _digest(path: Path) -> str:
    public = path.suffix in _PUBLIC or path.name in _PUBLIC_NAMES
    return hashlib.sha256(path.read_bytes()).hexdigest() if public else ""


if __name__ == "__main__":
    print(json.dumps(list_installed(*map(Path, sys.argv[1:]))))  # noqa: T201 - the answer
