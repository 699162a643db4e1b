"""What must never be in the repository, whatever else changes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

SECRETS = {
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}"),
    "an NKey seed": re.compile(rb"\bS[NCOAUX][A-Z2-7]{56}\b"),
    "a signed token": re.compile(rb"\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}"),
}
MADE_UP = {  # of the right shape, and of no use
    b"SUA" + b"A" * 55,
}


def read_tracked() -> dict[str, bytes]:
    found = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, timeout=30)
    return {
        name: (ROOT / name).read_bytes()
        for name in found.stdout.decode().split("\0")
        if name and (ROOT / name).is_file()
    }


def find_secrets(files: dict[str, bytes]) -> list[str]:
    return [
        f"{name}: {what}"
        for name, data in files.items()
        for what, shape in SECRETS.items()
        for found in shape.finditer(data)
        if found.group() not in MADE_UP
    ]


def test_no_secret_is_in_the_repository() -> None:
    files = read_tracked()
    assert len(files) > 100
    assert find_secrets(files) == []


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("a private key", b"-----BEGIN EC PRIVATE KEY-----\n" + b"M" * 64),
        ("an NKey seed", b"seed: SUB" + b"A2" * 27 + b"Q\n"),
        ("a signed token", b"eyJ" + b"a" * 30 + b".eyJ" + b"b" * 30 + b"." + b"c" * 40),
    ],
)
def test_a_secret_would_be_found(what: str, data: bytes) -> None:
    assert find_secrets({"file": data}) == [f"file: {what}"]
