# ruff: noqa: INP001 - run by ansible as a script, in no package
"""Writes the credentials with which a leaf connects, out of the key that was made on this host and its signed claim.

    python leaf_credentials.py /etc/bramble bramble

reads ``leaf.nk`` and ``leaf.json`` there and writes ``leaf.creds`` for that user alone; prints ``changed`` if so.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from cli.access.claims import encode_credentials
from wire.identity import read_key_pair, write_private


def main(directory: Path, user: str) -> None:
    """Write what differs."""
    claim = json.loads((directory / "leaf.json").read_text("utf-8"))["user_jwt"]
    text = encode_credentials(claim, read_key_pair(directory / "leaf.nk"))
    path = directory / "leaf.creds"
    if not path.exists() or path.read_text("utf-8") != text:
        write_private(path, text)
        shutil.chown(path, user)
        print("changed")  # noqa: T201 - the answer


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
