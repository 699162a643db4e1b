# ruff: noqa: INP001 - run by ansible as a script, in no package
"""Fetches the Debian packages that a host lacks, on another Debian that has a network, with apt's own checks.

    python3 fetch_debs.py --status HOSTS_DPKG_STATUS --architecture arm64 --suite bookworm --out DIR PACKAGE...

apt works in directories of its own and sees the host's list of installed packages instead of this machine's, so what
it fetches is exactly what is missing there. Signatures and hashes are checked by apt. Prints the paths as JSON. Needs
no root. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
APT_S = 600.0


def write_tree(root: Path, *, status: Path, architecture: str, sources: str) -> list[str]:
    """Make apt's directories and return the options that have it use them and nothing else."""
    for name in ("state/lists/partial", "cache/archives/partial", "etc"):
        (root / name).mkdir(parents=True)
    (root / "etc/sources.list").write_text(sources)
    settings = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",
        "Dir::State": root / "state",
        "Dir::State::status": status.resolve(),
        "Dir::Cache": root / "cache",
        "Dir::Etc::sourcelist": root / "etc/sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Debug::NoLocking": "1",
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def find_mirror() -> str:
    """Return where this machine's own apt fetches from; empty where it does not know of any place."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    found = subprocess.run(command, check=False, capture_output=True, text=True, timeout=APT_S)
    return next(iter(found.stdout.split()), "")


def fetch(options: Sequence[str], archives: Path, packages: Sequence[str]) -> list[Path]:
    """Have apt fetch what is missing.

    Raises:
        subprocess.CalledProcessError: apt failed; its own words are in ``stderr``.

    """
    for words in (["update"], ["install", "--download-only", "--yes", *packages]):
        command = ["apt-get", "--quiet", *options, *words]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=APT_S)
    return sorted(archives.glob("*.deb"))


def main() -> None:
    """Fetch, and tell what came."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--status", type=Path, required=True, help="the host's /var/lib/dpkg/status")
    parser.add_argument("--architecture", required=True, choices=["amd64", "arm64"])
    parser.add_argument("--suite", required=True, help="such as bookworm")
    parser.add_argument("--mirror", default="", help="where to fetch from; default: where this machine does")
    parser.add_argument("--keyring", default=KEYRING, help="keys that the mirror signs with")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("packages", nargs="+")
    given = parser.parse_args()
    mirror = given.mirror or find_mirror()
    if not mirror:
        sys.exit("apt on this machine knows of no mirror: name one with --mirror")
    sources = f"deb [signed-by={given.keyring}] {mirror} {given.suite} main\n"
    given.out.mkdir(parents=True, exist_ok=True)
    for old in given.out.glob("*.deb"):
        old.unlink()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        options = write_tree(root, status=given.status, architecture=given.architecture, sources=sources)
        try:
            found = fetch(options, root / "cache/archives", given.packages)
        except subprocess.CalledProcessError as error:
            sys.exit(f"apt could not fetch {', '.join(given.packages)}: {error.stderr[-2000:]}")
        kept = [given.out / path.name for path in found]
        for path, place in zip(found, kept, strict=True):
            place.write_bytes(path.read_bytes())
    print(json.dumps([str(path) for path in kept]))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
